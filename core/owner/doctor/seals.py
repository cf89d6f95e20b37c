"""What the doctor finds of SECRET_KEY: whether it opens what the shop keeps sealed. Nothing else tells of one that was lost or
mistyped: the shop goes on, and sells."""

from collections.abc import Iterator, Mapping, Sequence

from sqlmodel import Session, col, select

from core.foundation import signing
from core.foundation.errors import SealBroken
from core.kinds.licenses import LicenseKey
from core.outgoing import endpoints
from core.owner.doctor.findings import Finding, Level
from core.people.second_factor import SecondFactor
from core.shop import Shop

# Of each purpose, what it is called where one or several do not open.
_CALLED = {
    signing.DEVICE: "authenticator apps of those who work here",
    signing.WEBHOOK: "secrets of outgoing webhooks",
    signing.LICENSE_KEY: "licence keys",
}


def secret_key(shop: Shop) -> Iterator[Finding]:
    """Whether it opens them. Licence keys of before a change never do again, so that the newest alone is looked at."""
    with shop.reading() as session:
        kept = _kept(session)
    shut = {name for name, sealed in kept.items() if any(not _opens(shop, name, each) for each in sealed)}
    if shut:
        yield Finding(
            "secret", Level.LATER if shut == {signing.LICENSE_KEY} else Level.WRONG,
            f"SECRET_KEY does not open {', '.join(called for name, called in _CALLED.items() if name in shut)}.",
            "They were sealed with another one. Links in letters of before open nothing either.",
            "Set it to what it was. If it was changed on purpose: `pushcart hooks rotate` and `hooks on`, and `pushcart staff "
            "reset-second-factor`; licence keys go on working and can be replaced.",
        )  # fmt: skip
    elif any(kept.values()):
        yield Finding("secret", Level.FINE, "SECRET_KEY opens what the shop keeps sealed.")


def _kept(session: Session) -> Mapping[str, Sequence[str]]:
    devices = select(SecondFactor.sealed).where(col(SecondFactor.confirmed_at).is_not(None))
    newest = select(LicenseKey.sealed).order_by(col(LicenseKey.created_at).desc(), col(LicenseKey.id).desc()).limit(1)
    return {
        signing.DEVICE: session.exec(devices).all(),
        signing.WEBHOOK: [row.sealed for row in endpoints.everything(session)],
        signing.LICENSE_KEY: session.exec(newest).all(),
    }


def _opens(shop: Shop, purpose: str, sealed: str) -> bool:
    try:
        signing.unseal(shop.signing_key, purpose, sealed)
    except SealBroken:
        return False
    return True

"""Messages that need a person: letters that do not arrive, mailboxes that are gone, endpoints that were switched off."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache

from sqlmodel import Session, col, func, select

from core.foundation.jobs.kinds import Job
from core.mailboxes import marks
from core.mailboxes.marks import Kind as MarkKind
from core.messages.letters import OUTSTANDING, Letter, LetterState
from core.outgoing import endpoints, messages
from core.outgoing.endpoints import Off, WebhookEndpoint
from core.owner.needs.items import LONG_RETRIED, Item, Kind
from core.shop import Shop

# After this a complaint is no news.
_COMPLAINED_FOR = timedelta(days=14)


def endpoints_off(session: Session) -> Iterator[Item]:
    """Endpoints that were switched off because they took nothing, or say that they are gone."""
    for row in endpoints.everything(session):
        if row.off in (Off.FAILED, Off.GONE) and row.off_at:
            kept = f", {waiting} messages wait" if (waiting := messages.held(session, row.id)) else ""
            yield Item(
                "webhook_off", row.id, None, row.off_at, None, f"{row.name}: {row.failure}{kept}",
                _what_to_do(row),
            )  # fmt: skip


def _what_to_do(row: WebhookEndpoint) -> str:
    if row.off is Off.GONE:
        return _ENDPOINT_GONE
    return _ENDPOINT_UNREADABLE.format(id=row.id) if row.failure == endpoints.UNREADABLE else _ENDPOINT_FAILED


_ENDPOINT_UNREADABLE = (
    "SECRET_KEY was changed, and nobody could check what is signed with anything else. Set it to what it was; or, if that was on"
    " purpose, `pushcart hooks rotate {id}`, and give the secret that it prints to the program behind it. Then `pushcart hooks on"
    " {id}`: what it missed is kept for a month."
)
_ENDPOINT_FAILED = (
    "It took no message for three days and was switched off; what it missed is kept for a month. Mend the program behind it,"
    " send a test, and switch it on: `pushcart hooks on`, or the page Webhooks."
)
_ENDPOINT_GONE = "It answered 410, that nobody is there any more. Remove it, or correct its address and switch it on."


def without_owners(session: Session, shop: Shop) -> Iterator[Item]:
    """Notices to owners that nobody's address is known for."""
    if shop.settings.owners:
        return
    waiting = select(func.count(), func.min(Letter.created_at)).where(
        OUTSTANDING, Letter.state == LetterState.WAITING, col(Letter.id).startswith(f"{Job.OWNER_NOTICE}:")
    )
    count, since = session.exec(waiting).one()
    if count:
        waits = "1 notice waits" if count == 1 else f"{count} notices wait"
        advice = "Set OWNER_EMAILS and restart: the notices that wait go out then."
        yield Item("no_owner_address", "OWNER_EMAILS", None, since, None, waits, advice)


@cache
def letters() -> Kind:
    """Letters that were refused, came back, or are late."""
    stuck = col(Letter.state).in_((LetterState.REFUSED, LetterState.GIVEN_UP, LetterState.BOUNCED)) | (
        (col(Letter.state) == LetterState.RETRYING) & (col(Letter.created_at) < LONG_RETRIED)
    )
    return Kind(select(Letter).where(OUTSTANDING, stuck), Letter.order_id, (Letter.created_at, Letter.id), _letter)


def _letter(row: Letter) -> Iterator[Item]:
    yield Item(
        "letter", row.id, row.order_id, row.created_at, None, row.error,
        _ON_ITS_WAY if row.state is LetterState.RETRYING else _NOT_TRIED_AGAIN,
    )  # fmt: skip


_ON_ITS_WAY = (
    "Check the address and the mail server. It is tried again for three days. The order itself is not touched by this."
)
_NOT_TRIED_AGAIN = (
    "Check the address and the mail server. The order itself is not touched by this. It is not tried again by itself: a receipt is"
    " sent again by a click on the overview or in the list of letters, or by `pushcart resend`, and any other letter stays here"
    " until it is set aside."
)


def mailboxes(session: Session, shop: Shop, *, limit: int) -> Iterator[Item]:
    """Buyers whose letters come back, or are taken for spam, as long as their order has that address."""
    signing_key, livemode = shop.signing_key, shop.settings.livemode
    for row in marks.unreachable(session, signing_key=signing_key, livemode=livemode, limit=limit):
        if row.kind is MarkKind.BOUNCED:
            advice = _NO_MAILBOX.format(number=row.number)
            yield Item("mailbox_gone", row.number, row.order_id, row.since, None, row.detail, advice)
        elif row.since > shop.now() - _COMPLAINED_FOR:
            yield Item("mail_complaint", row.number, row.order_id, row.since, None, row.detail, _COMPLAINT)


_NO_MAILBOX = (
    "Letters to this buyer come back, and none but sign-in codes are sent any more. Ask them for another address, and correct it"
    " on the customer's page or by `pushcart customer EMAIL --change-email NEW`; then `pushcart resend {number}` sends the receipt"
    " again. Whoever signs in by a code shows that the mailbox works."
)
_COMPLAINT = (
    "The buyer took a letter of the shop for spam. What their purchases need still goes there, and no news any more."
)

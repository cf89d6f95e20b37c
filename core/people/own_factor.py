"""One's own second factor: set up, given after the mailed code, and taken off again, by whoever works here.

None of it is asked of a role: what somebody does to their own sign-in needs no permission, but the sign-in itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import Session

from core.catalog.looks import brand
from core.foundation.errors import FactorWrong, NotPermitted, TooManyTries
from core.people import audit, second_factor, staff
from core.people.second_factor import TRIES, Device, Standing, Verdict
from core.people.staff import Arrival
from core.shop import Shop

T = TypeVar("T")
_ACTION = "second_factor"


@dataclass(frozen=True)
class Own:
    """How it stands with the second factor of whoever is signed in. `required` if an owner wants it of everybody."""

    is_set: bool
    recovery_codes: int
    required: bool


def look(shop: Shop, sign_in_id: str) -> Own:
    """How it stands. Raises NotPermitted for whoever does not work here."""
    with shop.reading() as session:
        arrival = _arrived(session, shop, sign_in_id, Standing.OPEN, lock=False)
        folded = arrival.row.email
        return Own(
            second_factor.is_set(session, folded), second_factor.recovery_codes_left(session, folded),
            second_factor.is_required(session) is not None,
        )  # fmt: skip


def offer(shop: Shop, sign_in_id: str) -> Device:
    """What to tell a new device. Raises NotPermitted, also for whoever has one that counts."""
    with shop.transaction() as session:
        arrival = _without_device(session, shop, sign_in_id)
        return second_factor.offer(
            session,
            arrival.row,
            shop_name=brand.named(session, shop.settings).shop_name,
            signing_key=shop.signing_key,
            now=shop.now(),
        )


def confirm(shop: Shop, sign_in_id: str, digits: str) -> tuple[str, ...]:
    """Let the device that was offered count, and return ten recovery codes, told this once. Raises NotPermitted, FactorWrong."""
    with shop.transaction() as session:
        arrival = _without_device(session, shop, sign_in_id)
        codes = second_factor.confirm(session, arrival.row, digits, signing_key=shop.signing_key, now=shop.now())
        if codes:
            _write_down(session, shop, arrival, "set up")
    if not codes:
        raise FactorWrong(left=None)
    return codes


def give(shop: Shop, sign_in_id: str, text: str) -> int | None:
    """Give a code of the device, or a recovery code: then the owner's side opens. Returns how many recovery codes are left if it
    was one. Raises NotPermitted, FactorWrong, TooManyTries."""
    with shop.transaction() as session:
        arrival = _arrived(session, shop, sign_in_id, Standing.ASKED)
        verdict = second_factor.give(session, arrival.row, text, signing_key=shop.signing_key, now=shop.now())
        tried, left = arrival.row.second_factor_tries, second_factor.recovery_codes_left(session, arrival.row.email)
        if verdict is Verdict.RECOVERED:
            _write_down(session, shop, arrival, f"recovery code used, {left} left")
    if verdict is Verdict.WRONG:
        raise FactorWrong(left=TRIES - tried)
    if verdict is Verdict.TOO_MANY:
        raise TooManyTries(limit="10 per 1 hour")
    return left if verdict is Verdict.RECOVERED else None


def renew_recovery_codes(shop: Shop, sign_in_id: str) -> tuple[str, ...]:
    """Ten new ones, told this once; those of before work no more. Raises NotPermitted."""
    return _with_device(shop, sign_in_id, second_factor.renew_recovery_codes, "new recovery codes")


def remove(shop: Shop, sign_in_id: str) -> None:
    """Take the device off. Raises NotPermitted."""
    _with_device(shop, sign_in_id, second_factor.remove, "taken off")


def _with_device(shop: Shop, sign_in_id: str, act: Callable[[Session, str], T], detail: str) -> T:
    with shop.transaction() as session:
        arrival = _arrived(session, shop, sign_in_id, Standing.OPEN)
        if not second_factor.is_set(session, arrival.row.email):
            raise NotPermitted(_ACTION)
        done = act(session, arrival.row.email)
        _write_down(session, shop, arrival, detail)
    return done


def _without_device(session: Session, shop: Shop, sign_in_id: str) -> Arrival:
    arrival = _arrived(session, shop, sign_in_id, Standing.OPEN, Standing.TO_SET_UP)
    if second_factor.is_set(session, arrival.row.email):
        raise NotPermitted(_ACTION)
    return arrival


def _arrived(session: Session, shop: Shop, sign_in_id: str, *standings: Standing, lock: bool = True) -> Arrival:
    arrival = staff.arrived(session, sign_in_id, owners=shop.settings.owners, now=shop.now(), lock=lock)
    if arrival is None or arrival.standing not in standings:
        raise NotPermitted(_ACTION)
    return arrival


def _write_down(session: Session, shop: Shop, arrival: Arrival, detail: str) -> None:
    who = arrival.staff
    audit.record(
        session, who=who.email, role=who.role, action=_ACTION, subject=arrival.row.id, detail=detail, now=shop.now()
    )

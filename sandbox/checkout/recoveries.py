"""A second chance for sessions that expired: an address that opens a copy of them, for a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import events
from sandbox.checkout import carts, session_taxes, sessions
from sandbox.ground import ids
from sandbox.ground.periods import DAY

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

LASTING = 30 * DAY


def of(session: Object) -> Object | None:
    """What was asked for a session, if it is to be recoverable."""
    recovery: Object | None = (session.get("after_expiration") or {}).get("recovery")
    return recovery if recovery and recovery["enabled"] else None


def offer(account: Account, session: Object) -> None:
    """Give a session that has just expired its address, if that was asked for."""
    if (recovery := of(session)) is None:
        return
    # Shown in real time like all of a session's times, and counted by the clock it expired by.
    account.store.notes(session["id"])["recoverable_until"] = account.clock.exact() + LASTING
    url = f"{account.settings.base_url}/r/test_{ids.chance(8)}"
    offered = {**recovery, "expires_at": int(account.clock.real()) + LASTING, "url": url}
    account.store.change(session, after_expiration={"recovery": offered})


def find(account: Account, url: str) -> Object | None:
    """The expired session an address was given to."""
    return next(iter(account.store.having("checkout.session", "recovery_url", url)), None)


def is_over(account: Account, session: Object) -> bool:
    """Whether the month has passed."""
    with account.in_time_of(session["customer"]):
        return bool(account.clock.exact() >= account.store.notes(session["id"])["recoverable_until"])


def completed(account: Account, session: Object) -> Object | None:
    """The copy, or copy of a copy, by which the order was completed after all."""
    for copy in account.store.having("checkout.session", "recovered_from", session["id"]):
        if found := copy if copy["status"] == "complete" else completed(account, copy):
            return found
    return None


def recover(account: Account, session: Object) -> Object:
    """A new session that is a copy of an expired one, open for as long as that was. Whether it was to be recoverable is
    for whoever asks to know."""
    with account.in_time_of(session["customer"]):
        return _recover(account, session)


def _recover(account: Account, session: Object) -> Object:
    id, made, recovery = ids.session(), int(account.clock.real()), of(session)
    copy = {
        **events.copy(session),
        **({"after_expiration": {"recovery": sessions.recovery(recovery)}} if recovery else {}),
        "id": id,
        "allow_promotion_codes": bool(recovery and recovery["allow_promotion_codes"]),
        "created": made,
        "expires_at": made + session["expires_at"] - session["created"],
        "payment_intent": None,
        "recovered_from": session["id"],
        "status": "open",
        "url": f"{account.settings.base_url}/c/pay/{id}#{ids.fragment()}",
    }
    notes = account.store.notes(session["id"])
    remembered = {key: events.copy(notes[key]) for key in sessions.REMEMBERED}
    lines = [{**events.copy(line), "id": ids.new("li")} for line in notes["line_items"]]
    sessions.begin(account, copy, {"line_items": lines, **remembered})
    # Where the buyer is, they say anew.
    carts.locate(account, copy, session_taxes.buyer(account, copy, "", None))
    if session["allow_promotion_codes"]:
        # What the shop has given stays; a code that was typed can be typed again, where that is allowed.
        carts.set_discount(account, copy, None)
    return copy

"""How Checkout Sessions end without having been paid: by request, or when their time is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.checkout import recoveries
from sandbox.ground.errors import invalid
from sandbox.payments import payment_intents

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def expire(account: Account, call: Call) -> Object:
    """POST /v1/checkout/sessions/{id}/expire"""
    session = account.find("checkout.session", call.id)
    if session["status"] != "open":
        text = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`."
        )
        raise invalid(text)
    return end(account, session)


def expire_by_time(account: Account, id: str) -> None:
    """The timer of an open session has run out."""
    session = account.store.get("checkout.session", id)
    if session and session["status"] == "open":
        end(account, session)


def end(account: Account, session: Object) -> Object:
    """Expire an open session. A payment that was tried on it is canceled."""
    account.timers.cancel("expire_session", session["id"])
    account.store.change(session, status="expired", url=None)
    recoveries.offer(account, session)
    if tried := account.store.get("payment_intent", session["payment_intent"] or ""):
        payment_intents.give_up(account, tried, reason="expired")
    account.emit("checkout.session.expired", session)
    return session

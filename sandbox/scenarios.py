"""What the panel's buttons do: faults that are armed and disarmed, and things that happen at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox import cards, checkout, payment_methods, refunds, sessions
from sandbox.control import settle_now
from sandbox.faults import default

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.spec import Object


@dataclass(frozen=True)
class Switch:
    """A button that arms faults, and disarms them when pressed again."""

    name: str
    hint: str
    on: Mapping[str, Any]

    def armed(self, account: Account) -> bool:
        """Whether it is on. A count that is running down is still on."""
        faults = account.faults.as_dict()
        return all(faults[k] == v or (k.endswith("_next") and faults[k] != 0) for k, v in self.on.items())

    def press(self, account: Account) -> None:
        """Arm it, or disarm it."""
        off = {key: default(key) for key in self.on}
        account.faults.set(off if self.armed(account) else dict(self.on))


@dataclass(frozen=True)
class Act:
    """A button that makes something happen. Given the id of what it is about, if anything."""

    name: str
    hint: str
    do: Callable[[Account, str], None] = field(repr=False)


def pay_newest(account: Account, _: str) -> None:
    """Pay the newest open session with the card that works."""
    opened = (s for s in account.store.all("checkout.session") if s["status"] == "open")
    if session := next(opened, None):
        pay(account, session["id"])


def pay(account: Account, id: str) -> None:
    """Pay an open session with the card that works. A payment that is declined leaves it open."""
    session = account.find("checkout.session", id)
    email = session["customer_email"] or "buyer@example.com"
    buyer = checkout.Buyer(email=email, name="Pushcart Buyer", country="DE", postal_code="10115")
    method = payment_methods.make(account, cards.CARDS[0], billing=buyer.billing())
    checkout.pay(account, session, method if checkout.needs_method(session) else None, buyer)


def expire(account: Account, id: str) -> None:
    """Expire an open session."""
    session = account.find("checkout.session", id)
    if session["status"] == "open":
        sessions.end(account, session)


def expire_all(account: Account, _: str) -> None:
    """Expire every open session."""
    for session in [s for s in account.store.all("checkout.session") if s["status"] == "open"]:
        sessions.end(account, session)


def refund(account: Account, id: str) -> None:
    """Refund what is left of a payment, as its owner would in Stripe's dashboard: with no metadata."""
    intent = account.find("payment_intent", id)
    charge = account.find("charge", intent["latest_charge"])
    refunds.give(account, charge, amount=None, reason="requested_by_customer", extra={})


def refund_some(account: Account, _: str) -> None:
    """Refund a tenth of the newest payment that has something left."""
    if charge := next((c for c in account.store.all("charge") if _refundable(c)), None):
        left = charge["amount"] - charge["amount_refunded"]
        amount = min(max(charge["amount"] // 10, 1), left)
        refunds.give(account, charge, amount=amount, reason="requested_by_customer", extra={})


def _refundable(charge: Object) -> bool:
    return charge["paid"] and not charge["refunded"]


def settle(account: Account, id: str) -> None:
    """The bank pays a debit."""
    settle_now(account, id, paid=True)


def bounce(account: Account, id: str) -> None:
    """The bank does not pay a debit."""
    settle_now(account, id, paid=False)


def resend(account: Account, id: str) -> None:
    """Send an event again."""
    account.deliveries.send_again(account.find("event", id))


def reset(account: Account, _: str) -> None:
    """Forget everything."""
    account.reset()


def _api(fault: str, times: int) -> Mapping[str, Any]:
    return {"api": fault, "api_next": times}


SCENARIOS: Mapping[str, Mapping[str, Switch | Act]] = {
    "Payment": {
        "pay-newest": Act("Pay the newest session", "With the card that works", pay_newest),
        "decline-next": Switch("Decline the next payment", "Any card, once", {"decline_next": 1}),
        "expire-all": Act("Expire open sessions", "Frees what was held for them", expire_all),
        "refund-some": Act("Refund a tenth", "Of the newest payment, as if at Stripe", refund_some),
    },
    "Events": {
        "hold": Switch("Hold events for 30 seconds", "The buyer comes back first", {"hold_seconds": 30}),
        "twice": Switch("Send every event twice", "Nothing may be delivered twice", {"twice": True}),
        "shuffle": Switch("Send events out of order", "Gathered for a second, then mixed", {"shuffle": True}),
        "drop": Switch("Lose the next event", "It is sent again after a minute", {"drop_next": 1}),
        "forge": Switch("Forge the next signature", "Must be refused, then sent properly", {"bad_signature_next": 1}),
    },
    "API and mail": {
        "api-limit": Switch("Answer 429", "The next three requests", _api("429", 3)),
        "api-before": Switch("Answer 500, do nothing", "The next three requests", _api("500_before", 3)),
        "api-after": Switch("Do it, but answer 500", "The next request", _api("500_after", 1)),
        "api-silent": Switch("Do it, but never answer", "The next request", _api("silence_after", 1)),
        "mail-refuse": Switch("Refuse letters", "Until switched off", {"smtp_refuse_next": -1}),
    },
}
ACTS: Mapping[str, Callable[[Account, str], None]] = {
    "pay": pay,
    "expire": expire,
    "refund": refund,
    "settle": settle,
    "bounce": bounce,
    "resend": resend,
    "reset": reset,
}


def press(account: Account, name: str, id: str) -> bool:
    """Press a button by its name. False when there is none of that name."""
    if do := ACTS.get(name):
        do(account, id)
        return True
    for group in SCENARIOS.values():
        match group.get(name):
            case Switch() as switch:
                switch.press(account)
                return True
            case Act(do=do):
                do(account, id)
                return True
    return False

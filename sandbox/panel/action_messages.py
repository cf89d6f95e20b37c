"""What the panel says after a button was pressed: what was done, to which object, with links to look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from sandbox.ground import currencies
from sandbox.pages import rendering

if TYPE_CHECKING:
    from sandbox.account.account import Account

# `it` is what came of the action, `payment` the payment it is about, `given` what the button belongs to.
TEXTS: Mapping[str, str] = {
    "pay": "Paid {it}.",
    "pay-newest": "Paid {it} and closed the tab: nobody comes back to the shop from it.",
    "expire": "Expired {it}.",
    "expire-all": "Expired {count}.",
    "refund": "Refunded {amount} of {payment}: {it}.",
    "refund-some": "Refunded {amount} of {payment}: {it}.",
    "refund-fails": "Refund {it} came back: {amount} of {payment} could not be returned.",
    "capture": "Captured {amount} of what was held for {it}.",
    "let-go": "What was held for {it} was let go.",
    "settle": "The bank paid {given}.",
    "bounce": "The bank did not pay {given}.",
    "dispute": "{payment} is disputed: {it} takes {amount} back for now.",
    "inquire": "The buyer's bank asks about {payment}: {it}. No money has moved.",
    "win": "Dispute {it} is won.",
    "lose": "Dispute {it} is lost.",
    "close-inquiry": "Inquiry {it} is closed, and nothing came of it.",
    "escalate": "Inquiry {it} has become a chargeback.",
    "warn": "The card's bank warned of fraud about {payment}: {it}.",
    "renew": "The period of {it} is over. It is {status} now.",
    "fail-next": "The next charge of {it} will be declined.",
    "retry": "The unpaid invoice of {it} was tried again. The plan is {status} now.",
    "cancel": "{it} has ended.",
    "cancel-later": "{it} ends with its period.",
    "resume": "{it} goes on.",
    "make-code": "Made the code {it}. It can be typed on the payment page.",
    "switch-code": "Switched the code {it}.",
    "delete-price": "Deleted the price {given}.",
    "payout": "Paid out {payouts}.",
    "payout-arrives": "The payout {it} of {amount} has reached the bank.",
    "payout-fails": "The bank sent the payout {it} of {amount} back. The money is on the balance again.",
    "resend": "Sent {given} again.",
    "jump": "The clock was moved ahead. It is {now} now, and whatever fell due on the way has happened.",
    "disable": "{it} gets no more events.",
    "enable": "{it} gets events again.",
    "roll-secret": "The endpoint has a new secret. The former one is good for a day.",
    "clock-day": "{it} is being advanced by a day.",
    "clock-month": "{it} is being advanced by a month.",
    "story-refund-fails": "Refunded {amount} of {payment}, and the refund {it} came back.",
    "story-dispute-lost": "{payment} was disputed and lost: {amount} and the fee are gone. See {it}.",
    "story-renewal": "The renewal of {it} was declined. It is paid five seconds from now.",
    "story-debit-bounces": "Paid {it} by bank debit, which bounced.",
}
# What is counted in words when everything is forgotten.
NOUNS = {
    "checkout.session": "session",
    "payment_intent": "payment",
    "subscription": "plan",
    "webhook_endpoint": "endpoint",
    "event": "event",
    "mail": "letter",
}


def told(account: Account, name: str, given: str, result: Any) -> Markup:
    """A sentence about an action that has been done."""
    text = TEXTS.get("jump" if name.startswith("jump") else name, "Done.")
    found = result if isinstance(result, dict) else {}
    subject = account.store.get("charge", found.get("charge") or "") or {}
    payment = found.get("payment_intent") or subject.get("payment_intent") or found.get("charge")
    amount = currencies.written(found["amount"], found["currency"]) if "amount" in found else ""
    return Markup(text).format(
        it=link(found["id"]) if "id" in found else "",
        given=link(given),
        payment=link(payment) if payment else "",
        amount=amount,
        count=counted(len(result), "session") if isinstance(result, list) else "",
        payouts=Markup(", ").join(_paid_out(each) for each in result) if name == "payout" else "",
        status=str(found.get("status", "")).replace("_", " "),
        now=rendering.minute(account.clock.moved()),
    )


def _paid_out(payout: Mapping[str, Any]) -> Markup:
    return Markup("{0}: {1}").format(currencies.written(payout["amount"], payout["currency"]), link(payout["id"]))


def forgotten(counts: Mapping[str, int]) -> str:
    """A sentence about a reset."""
    parts = [counted(counts[kind], noun) for kind, noun in NOUNS.items() if counts.get(kind)]
    if not parts:
        return "There was nothing to forget. All faults are off."
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"Forgot {listed}. All faults are off."


def link(id: str) -> Markup:
    """An id as a link to the object's page."""
    return Markup('<a href="/panel/objects/{0}"><code>{1}</code></a>').format(id, rendering.short(id))


def counted(number: int, noun: str) -> str:
    """Such as `no sessions`, `1 session`, `2 sessions`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"

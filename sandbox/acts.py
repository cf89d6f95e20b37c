"""Things that can be made to happen at once, about an object or about the newest one: by the panel's buttons and by
`POST /sandbox/act/{name}`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox import (
    cancellations,
    cards,
    checkout,
    destinations,
    disputes,
    early_fraud_warnings,
    payment_methods,
    periods,
    refunds,
    renewals,
    sessions,
    signing,
    subscription_changes,
    subscriptions,
    test_clocks,
)  # fmt: skip

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.spec import Object

MONTH = {"interval": "month", "interval_count": 1}
DEBITS = {"sepa_debit": "AT861904300235473202", "us_bank_account": "000222222227"}


class CannotDo(ValueError):
    """It cannot be done now; `str()` says why."""


def _newest(account: Account, kind: str, fits: Callable[[Object], bool], otherwise: str) -> Object:
    found = next((obj for obj in account.store.all(kind) if fits(obj)), None)
    if found is None:
        raise CannotDo(otherwise)
    return found


def _is_open(session: Object) -> bool:
    return bool(session["status"] == "open")


def _is_refundable(charge: Object) -> bool:
    return bool(charge["paid"] and charge["captured"] and not charge["refunded"])


def _open_session(account: Account, id: str) -> Object:
    if id:
        return account.find("checkout.session", id)
    missing = "No session is open. Put something in the cart and go to payment first."
    return _newest(account, "checkout.session", _is_open, missing)


def _charge(account: Account, id: str) -> Object:
    """The charge of a payment, or of the newest one that is paid and not refunded."""
    if id.startswith(("ch_", "py_")):
        return account.find("charge", id)
    if id:
        return account.find("charge", account.find("payment_intent", id)["latest_charge"] or "")
    return _newest(account, "charge", _is_refundable, "No payment is left for this. Pay for something first.")


def _subscription(account: Account, id: str) -> Object:
    if id:
        return account.find("subscription", id)
    going_on = lambda s: s["status"] not in subscriptions.OVER  # noqa: E731
    return _newest(account, "subscription", going_on, "No plan is running. Buy one first.")


def pay(account: Account, id: str, *, card: str = "4242424242424242", email: str = "") -> Object:
    """Pay an open session, the newest by default. A payment that is declined leaves it open."""
    session = _open_session(account, id)
    address = email or session["customer_email"] or "buyer@example.com"
    buyer = checkout.Buyer(email=address, name="Pushcart Buyer", country="DE", postal_code="10115")
    method = payment_methods.make(account, cards.numbered(card), billing=buyer.billing())
    checkout.pay(account, session, method if checkout.needs_method(session) else None, buyer)
    return session


def expire(account: Account, id: str) -> Object:
    """Expire an open session."""
    session = account.find("checkout.session", id)
    if _is_open(session):
        sessions.end(account, session)
    return session


def expire_all(account: Account, _: str) -> list[Object]:
    """Expire every open session."""
    found = [s for s in account.store.all("checkout.session") if _is_open(s)]
    for session in found:
        sessions.end(account, session)
    return found


def refund(account: Account, id: str, *, amount: int | None = None) -> Object:
    """Refund what is left of a payment, as its owner would in Stripe's dashboard: with no metadata."""
    charge = _charge(account, id)
    return refunds.give(account, charge, amount=amount, reason="requested_by_customer", extra={})


def refund_some(account: Account, _: str) -> Object:
    """Refund a tenth of the newest payment that has something left."""
    charge = _charge(account, "")
    left = charge["amount_captured"] - charge["amount_refunded"]
    return refund(account, charge["id"], amount=min(max(charge["amount"] // 10, 1), left))


def fail_refund(account: Account, id: str) -> Object:
    """A refund comes back: the one named, or the newest of the payment named."""
    if id.startswith(("re_", "pyr_")):
        found = account.find("refund", id)
    else:
        of_payment = account.store.having("refund", "payment_intent", id)
        alive = [r for r in of_payment if r["status"] in ("pending", "succeeded", "requires_action")]
        if not alive:
            raise CannotDo("This payment has no refund that could fail.")
        found = alive[0]
    refunds.fail(account, found)
    return found


def finish_refund(account: Account, id: str) -> Object:
    """A refund that takes time goes through now."""
    if not account.timers.bring_forward("finish_refund", id):
        raise CannotDo(f"No refund waits under {id}.")
    return account.find("refund", id)


def settle(account: Account, id: str, *, paid: bool | None = True) -> None:
    """The bank answers about a debit without waiting: it pays, or (`paid: false`) does not."""
    if account.timers.due("settle", id) is None:
        raise CannotDo(f"no bank debit waits for {id}")
    account.timers.cancel("settle", id)
    checkout.settle(account, id, paid=paid)


def bounce(account: Account, id: str) -> None:
    """The bank does not pay a debit."""
    settle(account, id, paid=False)


def dispute(account: Account, id: str, *, reason: str = "fraudulent", inquiry: bool = False) -> Object:
    """The buyer disputes a payment."""
    return disputes.open_on(account, _charge(account, id), reason=reason, inquiry=inquiry)


def inquire(account: Account, id: str) -> Object:
    """The buyer's bank asks about a payment; no money moves yet."""
    return dispute(account, id, reason="general", inquiry=True)


def win(account: Account, id: str) -> Object:
    """A dispute is won, or an inquiry closed."""
    return _decided(account, id, "won")


def lose(account: Account, id: str) -> Object:
    """A dispute is lost."""
    return _decided(account, id, "lost")


def close_inquiry(account: Account, id: str) -> Object:
    """An inquiry ends and nothing comes of it."""
    return _decided(account, id, "warning_closed")


def _decided(account: Account, id: str, status: str) -> Object:
    found = account.find("dispute", id)
    disputes.decide(account, found, status)
    return found


def escalate(account: Account, id: str) -> Object:
    """An inquiry becomes a chargeback."""
    found = account.find("dispute", id)
    disputes.escalate(account, found)
    return found


def warn(account: Account, id: str, *, fraud_type: str = "unauthorized_use_of_card") -> Object:
    """The card's bank warns of fraud."""
    return early_fraud_warnings.warn(account, _charge(account, id), fraud_type=fraud_type)


def renew(account: Account, id: str) -> Object:
    """The present period of a subscription is over: it renews, or ends when it was to end then."""
    subscription = _subscription(account, id)
    with account.in_time_of(subscription["customer"]):
        if not account.timers.bring_forward("renew", subscription["id"]):
            raise CannotDo(f"This subscription is {subscription['status']}: nothing renews.")
    return subscription


def fail_next(account: Account, id: str, *, times: int = 1) -> Object:
    """The next charges of a subscription are declined, so many (-1: all of them; 0: none after all)."""
    subscription = _subscription(account, id)
    account.store.notes(subscription["id"])["fail_next"] = times
    account.store.save(subscription)
    return subscription


def retry(account: Account, id: str) -> Object:
    """An unpaid invoice of a subscription is tried again now, ahead of its schedule."""
    subscription = _subscription(account, id)
    with account.in_time_of(subscription["customer"]):
        if not account.timers.bring_forward("retry_invoice", subscription["latest_invoice"] or ""):
            raise CannotDo("No invoice of this subscription waits for another attempt.")
    return subscription


def cancel(account: Account, id: str) -> Object:
    """A subscription ends now."""
    subscription = _subscription(account, id)
    with account.in_time_of(subscription["customer"]):
        if subscription["status"] in subscriptions.OVER:
            raise CannotDo("This subscription is over already.")
        cancellations.end(account, subscription, reason="cancellation_requested")
    return subscription


def cancel_later(account: Account, id: str) -> Object:
    """A subscription ends with its period, as when the buyer says so in the portal."""
    subscription = _subscription(account, id)
    with account.in_time_of(subscription["customer"]):
        cancellations.at_period_end(account, subscription)
    return subscription


def resume(account: Account, id: str) -> Object:
    """A subscription that was to end, or is paused, goes on."""
    subscription = _subscription(account, id)
    with account.in_time_of(subscription["customer"]):
        if subscription["status"] == "paused":
            renewals.unpause(account, subscription)
        else:
            cancellations.keep(account, subscription)
    return subscription


def pause(account: Account, id: str) -> Object:
    """A subscription is paused: nothing is billed until it is resumed."""
    subscription = _subscription(account, id)
    with account.in_time_of(subscription["customer"]):
        renewals.pause(account, subscription)
    return subscription


def set_quantity(account: Account, id: str, *, quantity: int, proration: str = "create_prorations") -> Object:
    """So many from now on."""
    subscription = _subscription(account, id)
    with account.in_time_of(subscription["customer"]):
        subscription_changes.set_quantity(account, subscription, quantity, proration=proration)
    return subscription


def resend(account: Account, id: str) -> None:
    """Send an event again."""
    account.deliveries.send_again(account.find("event", id))


def disable(account: Account, id: str) -> Object:
    """An endpoint gets no more events; what it had not accepted yet is given up."""
    endpoint = account.find("webhook_endpoint", id)
    account.store.change(endpoint, status="disabled")
    account.deliveries.give_up(id)
    return endpoint


def enable(account: Account, id: str) -> Object:
    """An endpoint gets events again."""
    endpoint = account.find("webhook_endpoint", id)
    account.store.change(endpoint, status="enabled")
    return endpoint


def advance_day(account: Account, id: str) -> Object:
    """A test clock is advanced by a day."""
    clock = account.find(test_clocks.KIND, id)
    test_clocks.begin(account, clock, clock["frozen_time"] + periods.DAY)
    return clock


def advance_month(account: Account, id: str) -> Object:
    """A test clock is advanced by a month."""
    clock = account.find(test_clocks.KIND, id)
    test_clocks.begin(account, clock, periods.period_end(clock["frozen_time"], MONTH))
    return clock


def roll_secret(account: Account, id: str, *, expires_in: int = signing.LONGEST_SECONDS) -> Object:
    """A webhook endpoint (we_default: that of the command line) gets a new signing secret. The former one stays good
    for so many seconds, a day unless told otherwise and at most."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        raise CannotDo("expires_in must be a number of seconds.")
    if not 0 <= expires_in <= signing.LONGEST_SECONDS:
        raise CannotDo("The former secret can stay good for a day at most (86400 seconds).")
    return destinations.roll(account, id, expires_in=expires_in)


def jump(account: Account, seconds: str) -> None:
    """Move the clock ahead by so many seconds."""
    account.move_clock(float(seconds))


def jump_month(account: Account, _: str) -> None:
    """Move the clock ahead by a month and an hour, so that a month's plan has certainly renewed."""
    now = account.clock.moved()
    account.move_clock(periods.period_end(int(now), MONTH) - now + 3600)


def pay_unseen(account: Account, _: str) -> Object:
    """The newest session is paid, and nobody comes back from it."""
    return pay(account, "")


def refund_that_fails(account: Account, _: str) -> Object:
    """The newest payment is refunded, and the refund comes back."""
    return fail_refund(account, refund(account, "")["id"])


def lost_dispute(account: Account, _: str) -> Object:
    """The newest payment is disputed, and the dispute lost."""
    return lose(account, dispute(account, "")["id"])


def stumbling_renewal(account: Account, _: str) -> Object:
    """The newest subscription renews, is declined, and paid a moment later."""
    subscription = fail_next(account, "")
    renew(account, subscription["id"])
    account.later(RECOVERY_SECONDS, "recover", subscription["id"])
    return subscription


RECOVERY_SECONDS = 5.0


def recover(account: Account, id: str) -> None:
    """The timer of a renewal that was declined on purpose."""
    if account.find("subscription", id)["status"] == "past_due":
        retry(account, id)


def bouncing_debit(account: Account, _: str) -> Object:
    """The newest session that takes bank debits is paid by one, which bounces."""

    def takes_debits(session: Object) -> bool:
        return _is_open(session) and any(kind in DEBITS for kind in session["payment_method_types"])

    missing = "No open session takes a bank debit. Put something in the cart and go to payment first."
    session = _newest(account, "checkout.session", takes_debits, missing)
    kind = next(kind for kind in session["payment_method_types"] if kind in DEBITS)
    pay(account, session["id"], card=DEBITS[kind])
    bounce(account, session["payment_intent"])
    return session


def reset(account: Account, _: str) -> dict[str, int]:
    """Forget everything. Returns how many there were of each kind."""
    counts = account.store.counts()
    account.reset()
    return counts


# By the names of their buttons. Those with an object get its id; the others look for the newest that fits.
ACTS: Mapping[str, Callable[..., Any]] = {
    "pay": pay,
    "expire": expire,
    "refund": refund,
    "refund-fails": fail_refund,
    "refund-finish": finish_refund,
    "settle": settle,
    "bounce": bounce,
    "dispute": dispute,
    "inquire": inquire,
    "win": win,
    "lose": lose,
    "close-inquiry": close_inquiry,
    "escalate": escalate,
    "warn": warn,
    "renew": renew,
    "fail-next": fail_next,
    "retry": retry,
    "cancel": cancel,
    "cancel-later": cancel_later,
    "resume": resume,
    "pause": pause,
    "quantity": set_quantity,
    "resend": resend,
    "disable": disable,
    "enable": enable,
    "roll-secret": roll_secret,
    "clock-day": advance_day,
    "clock-month": advance_month,
    "jump": jump,
    "reset": reset,
    "pay-newest": pay_unseen,
    "expire-all": expire_all,
    "refund-some": refund_some,
    "jump-month": jump_month,
    "story-refund-fails": refund_that_fails,
    "story-dispute-lost": lost_dispute,
    "story-renewal": stumbling_renewal,
    "story-debit-bounces": bouncing_debit,
}


def do(account: Account, name: str, id: str, more: Mapping[str, Any] | None = None) -> Any:
    """Do what is called so. Raises CannotDo when there is no such thing, or it takes no such parameter."""
    act = ACTS.get(name)
    if act is None:
        raise CannotDo(f"There is no such act: {name} (there are {', '.join(ACTS)}).")
    taken = {key for key, p in inspect.signature(act).parameters.items() if p.kind is p.KEYWORD_ONLY}
    if unknown := (more or {}).keys() - taken:
        raise CannotDo(f"{name} does not take {', '.join(sorted(unknown))}.")
    return act(account, id, **(more or {}))

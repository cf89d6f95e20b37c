"""Payouts: what is available goes to the shop's bank, every midnight by itself or when somebody asks for it.

pending → in transit → paid or failed. What failed is on the balance again, and part of the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import lists
from sandbox.balance import balance_transactions
from sandbox.ground import ids, metadata
from sandbox.ground.errors import StripeError, invalid
from sandbox.ground.periods import DAY
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

KIND = "payout"
# The shop's bank account. It has an id and is no object here.
BANK_ACCOUNT = f"ba_1Payout{ids.ACCOUNT_MARK}Iban0000"
# Until then it can be canceled.
SENDING_SECONDS = 3600
ARRIVAL_SECONDS = DAY
UNDERWAY = ("pending", "in_transit")
FAILED = "The bank could not process this payout."
INSUFFICIENT = "You have insufficient funds in your Stripe account for this transfer."


def at_midnight(account: Account, _: str) -> None:
    """The timer of midnight."""
    pay_out(account)


def pay_out(account: Account) -> list[Object]:
    """Pay out everything that is available, in each currency. Returns the payouts."""
    sums = balance_transactions.totals(account, "available")
    return [_pay_out(account, currency, sums[currency]) for currency in sorted(sums) if sums[currency] > 0]


def _pay_out(account: Account, currency: str, amount: int) -> Object:
    inside = [
        transaction
        for transaction in account.store.all(balance_transactions.KIND)
        if transaction["status"] == "available"
        and transaction["currency"] == currency
        and "payout" not in account.store.notes(transaction["id"])
    ]
    # What was paid out manually has left before and is among them: they add up to this payout.
    payout = _make(account, amount=amount, currency=currency, automatic=True, description="STRIPE PAYOUT")
    for transaction in [*inside, account.find(balance_transactions.KIND, payout["balance_transaction"])]:
        account.store.notes(transaction["id"])["payout"] = payout["id"]
        account.store.save(transaction)
    account.store.notes(payout["id"])["transactions"] = [transaction["id"] for transaction in inside]
    account.emit("payout.created", payout)
    return payout


def create(account: Account, call: Call) -> Object:
    """POST /v1/payouts: so much of what is available, whatever it comes from."""
    params = call.params
    if params.get("method", "standard") != "standard":
        raise invalid("The sandbox imitates standard payouts only.", param="method")
    if params.get("source_type", "card") != "card":
        raise invalid("The sandbox has no balance but that of card payments.", param="source_type")
    currency, amount = params["currency"].lower(), params["amount"]
    if amount < 1:
        text = "This value must be greater than or equal to 1."
        raise invalid(text, param="amount", code="parameter_invalid_integer")
    if amount > balance_transactions.totals(account, "available").get(currency, 0):
        raise StripeError(400, "invalid_request_error", INSUFFICIENT, code="balance_insufficient")
    payout = _make(
        account,
        amount=amount,
        currency=currency,
        automatic=False,
        description=params.get("description"),
        metadata=metadata.fresh(params.get("metadata")),
        statement_descriptor=params.get("statement_descriptor"),
    )
    account.emit("payout.created", payout)
    return payout


def _make(account: Account, *, amount: int, currency: str, automatic: bool, **values: Any) -> Object:
    now = balance_transactions.bank_time(account)
    payout = blank(
        KIND,
        **{"metadata": {}, **values},
        id=ids.new("po"),
        amount=amount,
        arrival_date=now + ARRIVAL_SECONDS,
        automatic=automatic,
        created=now,
        currency=currency,
        destination=BANK_ACCOUNT,
        method="standard",
        reconciliation_status="in_progress" if automatic else "not_applicable",
        source_type="card",
        status="pending",
        trace_id={"status": "pending", "value": None},
        type="bank_account",
    )
    taken = balance_transactions.record(account, payout, kind="payout", amount=-amount)
    payout["balance_transaction"] = taken["id"]
    account.store.save(payout)
    account.later(SENDING_SECONDS, "send_payout", payout["id"])
    account.later(ARRIVAL_SECONDS, "arrive_payout", payout["id"])
    return payout


def send(account: Account, id: str) -> None:
    """The timer of a payout that goes to the bank: what is in it can be listed from now on."""
    payout = account.find(KIND, id)
    reconciled = {"reconciliation_status": "completed"} if payout["automatic"] else {}
    previous = account.store.change(payout, status="in_transit", **reconciled)
    account.emit("payout.updated", payout, previous)


def arrive(account: Account, id: str) -> None:
    """The timer of a payout that reaches the bank."""
    payout = account.find(KIND, id)
    _send_now(account, payout)
    trace = {"status": "supported", "value": f"SANDBOX{ids.chance(9).upper()}"}
    account.store.change(payout, status="paid", trace_id=trace)
    account.emit("payout.paid", payout)


def _send_now(account: Account, payout: Object) -> None:
    account.timers.bring_forward("send_payout", payout["id"])
    account.timers.cancel("arrive_payout", payout["id"])


def fail(account: Account, payout: Object) -> None:
    """The bank does not take it, even after it seemed to be paid. Raises StripeError when it came to nothing before."""
    if payout["status"] in ("failed", "canceled"):
        raise invalid(f"Payout {payout['id']} is {payout['status']} already.")
    _send_now(account, payout)
    _return(
        account, payout, kind="payout_failure", status="failed", failure_code="account_closed", failure_message=FAILED
    )
    account.emit("payout.failed", payout)


def cancel(account: Account, call: Call) -> Object:
    """POST /v1/payouts/{id}/cancel: only what was asked for and has not gone to the bank."""
    payout = account.find(KIND, call.id)
    if payout["automatic"] or payout["status"] != "pending":
        raise invalid("Payouts can only be canceled while they are pending, and not when they are automatic.")
    for action in ("send_payout", "arrive_payout"):
        account.timers.cancel(action, payout["id"])
    _return(account, payout, kind="payout_cancel", status="canceled")
    account.emit("payout.canceled", payout)
    return payout


def _return(account: Account, payout: Object, *, kind: str, **values: Any) -> None:
    """The money is on the balance again."""
    returned = balance_transactions.record(account, payout, kind=kind, amount=payout["amount"])
    account.store.change(payout, failure_balance_transaction=returned["id"], **values)


def update(account: Account, call: Call) -> Object:
    """POST /v1/payouts/{id}: only its metadata can change."""
    payout = account.find(KIND, call.id)
    merged = metadata.merge(payout["metadata"], call.params.get("metadata"))
    if previous := account.store.change(payout, metadata=merged):
        account.emit("payout.updated", payout, previous)
    return payout


def listing(account: Account, call: Call) -> Object:
    """GET /v1/payouts"""
    return lists.page(
        account, call, KIND, arrival_date=lambda payout, bounds: lists.within(payout["arrival_date"], bounds)
    )

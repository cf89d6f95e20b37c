"""Balance transactions: each a movement of money at Stripe, with what Stripe keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.ground import ids
from sandbox.ground.errors import invalid
from sandbox.ground.periods import DAY
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

KIND = "balance_transaction"
AVAILABLE_SECONDS = 2 * DAY
# What Stripe keeps of a payment: 2.9 %, and so many of the smallest unit of its currency.
FEE_SHARE, FEE_FIXED = 0.029, 30
# Only the money of payments is on its way for a while; whatever leaves does so at once.
ON_THE_WAY = ("charge", "payment")
CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
}
ONLY_AUTOMATIC = "Balance transaction history can only be filtered on automatic transfers, not manual."


def fee_of(amount: int) -> int:
    """What Stripe keeps of a payment. Refunding it does not bring that back."""
    return min(round(amount * FEE_SHARE) + FEE_FIXED, amount)


def record(
    account: Account,
    source: Object,
    *,
    kind: str,
    amount: int,
    category: str = "",
    description: str | None = None,
    fee: int = 0,
    fee_for: str = "Stripe processing fees",
) -> Object:
    """A movement of money about a charge, a refund, a dispute or a payout; a negative amount leaves the balance."""
    now = bank_time(account)
    waits = kind in ON_THE_WAY
    made = blank(
        KIND,
        id=ids.of_payment("txn", source["id"]),
        amount=amount,
        available_on=now + AVAILABLE_SECONDS if waits else now,
        balance_type="payments",
        created=now,
        currency=source["currency"],
        description=description or source.get("description"),
        fee=fee,
        fee_details=_fee_details(fee, source["currency"], fee_for),
        net=amount - fee,
        reporting_category=category or CATEGORIES.get(kind, kind),
        source=source["id"],
        status="pending" if waits else "available",
        type=kind,
    )
    if waits:
        account.later(AVAILABLE_SECONDS, "clear_funds", made["id"])
    elif amount > 0:
        _await_midnight(account)
    return account.store.save(made)


def bank_time(account: Account) -> int:
    """Now as banks reckon: test clocks move plans, not the account's money."""
    return int(account.clock.moved() if account.clock.test_clock else account.clock.exact())


def _fee_details(fee: int, currency: str, text: str) -> list[Object]:
    if not fee:
        return []
    return [{"amount": fee, "application": None, "currency": currency, "description": text, "type": "stripe_fee"}]


def clear(account: Account, transaction: Object) -> None:
    """The money can be paid out from now on."""
    account.timers.cancel("clear_funds", transaction["id"])
    account.store.change(
        transaction, available_on=min(transaction["available_on"], bank_time(account)), status="available"
    )
    _await_midnight(account)


def clear_by_time(account: Account, id: str) -> None:
    """The timer of a payment's money."""
    if transaction := account.store.get(KIND, id):
        clear(account, transaction)


def _await_midnight(account: Account) -> None:
    """See to it that what is available is paid out, where that is done by itself."""
    if account.settings.payouts == "daily" and account.timers.due("pay_out", KIND) is None:
        account.timers.add("pay_out", KIND, at=(bank_time(account) // DAY + 1) * DAY)


def totals(account: Account, status: str) -> dict[str, int]:
    """What all movements of that status come to, by currency."""
    sums: dict[str, int] = {}
    for transaction in account.store.all(KIND):
        if transaction["status"] == status:
            sums[transaction["currency"]] = sums.get(transaction["currency"], 0) + transaction["net"]
    return sums


def retrieve_balance(account: Account, call: Call) -> Object:
    """GET /v1/balance: what can be paid out, and what is on its way."""
    available, pending = totals(account, "available"), totals(account, "pending")
    # Stripe lists every currency in both.
    currencies = sorted({*available, *pending}) or ["eur"]
    return blank(
        "balance",
        available=[_part(available, currency) for currency in currencies],
        pending=[_part(pending, currency) for currency in currencies],
    )


def _part(sums: dict[str, int], currency: str) -> Object:
    amount = sums.get(currency, 0)
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}


def listing(account: Account, call: Call) -> Object:
    """GET /v1/balance_transactions; those of an automatic payout are what it pays out, and itself."""
    inside: set[str] = set()
    if id := call.params.get("payout"):
        payout = account.find("payout", id, param="payout")
        if not payout["automatic"]:
            raise invalid(ONLY_AUTOMATIC, param="payout")
        inside = {payout["balance_transaction"], *account.store.notes(id)["transactions"]}
    return lists.page(account, call, KIND, payout=lambda transaction, _: transaction["id"] in inside)

"""The part of the fake Stripe that keeps the account's money: what moved, what Stripe kept of it, and what the bank got."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from core.foundation.errors import StripeRefused, StripeUnreachable

AVAILABLE_SECONDS = 2 * 86400
ARRIVAL = timedelta(days=1)
# What Stripe keeps of a payment, and for a dispute.
FEE_SHARE, FEE_FIXED, DISPUTE_FEE = 0.029, 30, 2000


class FakeBalance:
    """Balance transactions and payouts. A payment by card moves the balance `capture_seconds` after it was made.

    `exchange` names for a currency the one in which it is settled, and the rate. A list breaks off after so many, if
    `breaks_off_after` says so.
    """

    now: Callable[[], datetime]
    _called: Callable[[str], None]
    _numbers: "count[int]"

    def __init__(self) -> None:
        self.transactions: dict[str, dict[str, Any]] = {}
        self.payouts_made: dict[str, dict[str, Any]] = {}
        self.exchange: dict[str, tuple[str, float]] = {}
        self.capture_seconds = 0
        self.breaks_off_after: int | None = None
        self._inside: dict[str, list[str]] = {}

    # -- what the shop asks

    def balance_transactions(self, *, since: datetime, before: datetime | None = None) -> Iterator[dict[str, Any]]:
        self._called("balance_transactions")
        until = before.timestamp() if before else float("inf")
        yield from self._listed(each for each in self._moved() if int(since.timestamp()) <= each["created"] < until)

    def transactions_of_payout(self, payout: str) -> Iterator[dict[str, Any]]:
        self._called("transactions_of_payout")
        if payout not in self.payouts_made:
            raise StripeRefused("resource_missing", f"No such payout: '{payout}'")
        if not self.payouts_made[payout]["automatic"]:
            raise StripeRefused("invalid_request_error", "can only be filtered on automatic transfers, not manual.")
        yield from self._listed(each for each in self._moved() if each["id"] in self._inside[payout])

    def payouts(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        self._called("payouts")
        made = [each for each in self.payouts_made.values() if each["created"] >= int(since.timestamp())]
        yield from deepcopy(made[::-1])

    # -- what happens at Stripe

    def move(
        self,
        source: dict[str, Any],
        amount: int,
        category: str,
        *,
        kind: str = "",
        fee: int | None = None,
        after: int = 0,
        waits: bool = False,
    ) -> dict[str, Any]:
        """Money comes to the balance because of `source`, or leaves it; without a `fee` Stripe keeps its usual share."""
        currency, rate = self.exchange.get(source["currency"], (source["currency"], None))
        gross = amount if rate is None else round(amount * rate)
        kept = min(round(gross * FEE_SHARE) + FEE_FIXED, gross) if fee is None else fee
        created = int(self.now().timestamp()) + after
        transaction = {
            "id": f"txn_test_{next(self._numbers)}", "object": "balance_transaction", "amount": gross, "fee": kept,
            "net": gross - kept, "currency": currency, "exchange_rate": rate, "source": source["id"],
            "type": kind or category, "reporting_category": category, "created": created,
            "available_on": created + (AVAILABLE_SECONDS if waits else 0),
        }  # fmt: skip
        self.transactions[transaction["id"]] = transaction
        return transaction

    def capture(self, charge: str) -> None:
        """The money of a payment by card comes to the balance now, if it was still to come."""
        now = int(self.now().timestamp())
        for each in [each for each in self.transactions.values() if each["source"] == charge and each["created"] > now]:
            each.update(created=now, available_on=now + AVAILABLE_SECONDS)
            self.transactions[each["id"]] = self.transactions.pop(each["id"])

    def pay_out(self) -> list[dict[str, Any]]:
        """All that has come goes to the bank, in each currency, as if it were available. Returns the payouts."""
        inside: dict[str, list[dict[str, Any]]] = {}
        gone = {each for listed in self._inside.values() for each in listed}
        for each in reversed(list(self._moved())):
            each["available_on"] = min(each["available_on"], int(self.now().timestamp()))
            if each["id"] not in gone:
                inside.setdefault(each["currency"], []).append(each)
        made = []
        for currency, found in sorted(inside.items()):
            if (amount := sum(each["net"] for each in found)) > 0:
                payout = self._payout(amount, currency, automatic=True)
                self._inside[payout["id"]] += [each["id"] for each in found]
                made.append(payout)
        return made

    def pay_out_by_hand(self, amount: int, currency: str = "eur") -> dict[str, Any]:
        """The owner asks for so much: Stripe does not say what is in it. Returns the payout."""
        payout = self._payout(amount, currency, automatic=False)
        # It has left before, and is part of what the next automatic one adds up to.
        self._inside[payout["id"]] = []
        return payout

    def send_payout(self, payout_id: str) -> dict[str, Any]:
        """It is on its way to the bank, and Stripe says what is in it. Returns the payout."""
        payout = self.payouts_made[payout_id]
        if payout["status"] == "pending":
            payout["status"] = "in_transit"
            payout["reconciliation_status"] = "completed" if payout["automatic"] else "not_applicable"
        return payout

    def arrive_payout(self, payout_id: str) -> dict[str, Any]:
        """It reaches the bank. Returns the payout."""
        self.send_payout(payout_id)["status"] = "paid"
        return self.payouts_made[payout_id]

    def fail_payout(self, payout_id: str) -> dict[str, Any]:
        """The bank sends it back, even after it seemed to be paid: the money is on the balance again. Returns the payout."""
        payout = self.send_payout(payout_id)
        payout.update(
            status="failed", failure_code="account_closed",
            failure_message="The bank could not process this payout.",
        )  # fmt: skip
        self.move(payout, payout["amount"], "payout_reversal", kind="payout_failure", fee=0)
        return payout

    def _payout(self, amount: int, currency: str, *, automatic: bool) -> dict[str, Any]:
        now = self.now()
        payout = {
            "id": f"po_test_{next(self._numbers)}", "object": "payout", "amount": amount, "currency": currency,
            "status": "pending", "automatic": automatic, "livemode": False, "created": int(now.timestamp()),
            "arrival_date": int((now + ARRIVAL).timestamp()), "failure_code": None, "failure_message": None,
            "reconciliation_status": "in_progress" if automatic else "not_applicable", "metadata": {},
        }  # fmt: skip
        self.payouts_made[payout["id"]] = payout
        self._inside[payout["id"]] = [self.move(payout, -amount, "payout", fee=0)["id"]]
        return payout

    def _moved(self) -> Iterator[dict[str, Any]]:
        """What has moved by now, newest first."""
        now = self.now().timestamp()
        come = [each for each in reversed(self.transactions.values()) if each["created"] <= now]
        return iter(sorted(come, key=lambda each: -each["created"]))

    def _listed(self, found: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for number, each in enumerate(found):
            if number == self.breaks_off_after:
                raise StripeUnreachable("api_connection_error", "the list broke off")
            yield deepcopy({**each, "source": self._caused_by(each["source"])})

    def _caused_by(self, source: str) -> dict[str, Any]:
        return self.payouts_made[source]

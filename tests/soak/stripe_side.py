"""Stripe's side: what the sandbox says came in for each order, what went back of it, and what banks have to say about it."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.journeys.stand import Stand
from tests.soak.callers import listed

Row = dict[str, Any]

_PAID = ("paid", "no_payment_required")
_GONE = ("pending", "requires_action", "succeeded")
_DISPUTED = ("needs_response", "under_review")


@dataclass(frozen=True)
class Money:
    """What came in at once, in minor units. `name` is the PaymentIntent's id, or that of the invoice of a plan, or, for
    what cost nothing, the Session's."""

    name: str
    intent: str | None
    plan: str | None
    amount: int
    subtotal: int
    discount: int
    tax: int
    currency: str
    at: int
    first: bool
    renewal: bool
    refunds: tuple[Row, ...]
    disputes: tuple[Row, ...]

    @property
    def back(self) -> int:
        """How much went back."""
        return sum(refund["amount"] for refund in self.refunds if refund["status"] in _GONE)

    @property
    def lost(self) -> bool:
        """Whether a bank took it for good."""
        return any(dispute["status"] == "lost" for dispute in self.disputes)

    @property
    def disputed(self) -> bool:
        """Whether a bank has yet to decide."""
        return not self.lost and any(dispute["status"] in _DISPUTED for dispute in self.disputes)

    @property
    def whole_back(self) -> bool:
        """Whether nothing of it is left by refunds."""
        return 0 < self.amount <= self.back

    @property
    def over(self) -> bool:
        """Whether nothing of it is left."""
        return self.whole_back or self.lost


@dataclass
class StripeSide:
    """All that the sandbox has, read once."""

    sessions: list[Row] = field(default_factory=list)
    subscriptions: list[Row] = field(default_factory=list)
    invoices: list[Row] = field(default_factory=list)
    invoice_payments: list[Row] = field(default_factory=list)
    charges: list[Row] = field(default_factory=list)
    refunds: list[Row] = field(default_factory=list)
    disputes: list[Row] = field(default_factory=list)

    def sessions_of_orders(self) -> dict[str, list[Row]]:
        """The Sessions of each order, in the order in which they were asked for."""
        found: dict[str, list[Row]] = defaultdict(list)
        for session in self.sessions:
            found[session["metadata"]["order_id"]].append(session)
        for opened in found.values():
            opened.sort(key=lambda session: (int(session["metadata"]["attempt"]), session["id"]))
        return found

    def money_of_orders(self) -> dict[str, list[Money]]:
        """What came in for each order, the oldest first, and what it was bought with before all renewals."""
        book = _Book(self)
        found = {}
        for order_id, opened in self.sessions_of_orders().items():
            money = [each for session in filter(paid, opened) for each in book.of_session(session)]
            found[order_id] = sorted(money, key=lambda each: (not each.first, each.at, each.name))
        return found

    def plans(self) -> dict[str, Row]:
        """The subscriptions by id."""
        return {subscription["id"]: subscription for subscription in self.subscriptions}


def read(stand: Stand) -> StripeSide:
    """All that the sandbox has now."""
    return StripeSide(
        sessions=list(listed(stand, "checkout/sessions")),
        subscriptions=list(listed(stand, "subscriptions?status=all")),
        invoices=list(listed(stand, "invoices")),
        invoice_payments=list(listed(stand, "invoice_payments")),
        charges=list(listed(stand, "charges")),
        refunds=list(listed(stand, "refunds")),
        disputes=list(listed(stand, "disputes")),
    )


def paid(session: Row) -> bool:
    """Whether the money of a Session is in."""
    return session["status"] == "complete" and session["payment_status"] in _PAID


class _Book:
    """The same, to be looked up."""

    def __init__(self, side: StripeSide) -> None:
        self._invoices, self._charged = defaultdict[str, list[Row]](list), dict[str, Row]()
        for invoice in side.invoices:
            details = (invoice["parent"] or {}).get("subscription_details") or {}
            if invoice["status"] == "paid":
                self._invoices[details.get("subscription") or ""].append(invoice)
        self._intents = {each["invoice"]: each["payment"]["payment_intent"] for each in side.invoice_payments}
        for charge in side.charges:
            if charge["paid"]:
                self._charged[charge["payment_intent"]] = charge
        self._refunds, self._disputes = defaultdict[str, list[Row]](list), defaultdict[str, list[Row]](list)
        for rows, by_intent in ((side.refunds, self._refunds), (side.disputes, self._disputes)):
            for row in rows:
                by_intent[row["payment_intent"]].append(row)

    def of_session(self, session: Row) -> list[Money]:
        """What came in by a Session, and by the plan that it began."""
        if session["subscription"]:
            return [self._of_invoice(invoice) for invoice in self._invoices[session["subscription"]]]
        intent, totals = session["payment_intent"], session["total_details"]
        return [
            self._money(
                intent or session["id"], intent, None, at=session["created"], first=True, renewal=False,
                currency=session["currency"], subtotal=session["amount_subtotal"], discount=totals["amount_discount"],
                tax=totals["amount_tax"],
            )
        ]  # fmt: skip

    def _of_invoice(self, invoice: Row) -> Money:
        return self._money(
            invoice["id"], self._intents.get(invoice["id"]), invoice["parent"]["subscription_details"]["subscription"],
            at=invoice["status_transitions"]["paid_at"], first=invoice["billing_reason"] == "subscription_create",
            renewal=invoice["billing_reason"] == "subscription_cycle", currency=invoice["currency"], subtotal=invoice["subtotal"],
            discount=sum(each["amount"] for each in invoice["total_discount_amounts"] or []),
            tax=sum(each["amount"] for each in invoice["total_taxes"] or []),
        )  # fmt: skip

    def _money(self, name: str, intent: str | None, plan: str | None, **more: Any) -> Money:
        # What was charged is what came in, whatever a Session or an invoice says of it.
        amount = self._charged[intent]["amount_captured"] if intent else 0
        refunds, disputes = self._refunds[intent or ""], self._disputes[intent or ""]
        return Money(name, intent, plan, amount, **more, refunds=tuple(refunds), disputes=tuple(disputes))

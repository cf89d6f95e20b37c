"""The audit must be able to fail: sound books pass it, and whatever is altered in them is reported."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from core.owner.needs.items import Item
from tests.soak import audit
from tests.soak.aftermath import OWNER, Deed
from tests.soak.books import WORKSHOPS, Books
from tests.soak.fates import Fate
from tests.soak.stripe_side import StripeSide

Row = dict[str, Any]

_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def _session(order: str, amount: int, *, off: int = 0, plan: str | None = None, **more: Any) -> Row:
    return {
        "id": f"cs_{order}", "metadata": {"order_id": f"ord_{order}", "attempt": "1"}, "status": "complete",
        "payment_status": "paid", "subscription": plan, "payment_intent": None if plan else f"pi_{order}", "created": 100,
        "currency": "eur", "amount_subtotal": amount, "customer_details": {"email": f"{order}@example.com"},
        "total_details": {"amount_discount": off, "amount_tax": 0}, **more,
    }  # fmt: skip


def _invoice(name: str, plan: str, amount: int, reason: str, at: int, *, tax: int = 0) -> Row:
    return {
        "id": f"in_{name}", "status": "paid", "parent": {"subscription_details": {"subscription": plan}},
        "billing_reason": reason, "subtotal": amount, "total_discount_amounts": [], "total_taxes": [{"amount": tax}],
        "currency": "eur", "status_transitions": {"paid_at": at},
    }  # fmt: skip


def _stripe() -> StripeSide:
    """One order of two things, a third off, the second line sent back; one of a guide and a plan whose renewal is
    disputed; one of two places whose refund failed; and one that nobody paid."""
    charges = {"pi_two": 7236, "pi_first": 3800, "pi_second": 900, "pi_seats": 8000}
    return StripeSide(
        sessions=[
            _session("two", 10800, off=3564), _session("plan", 3800, plan="sub_1"), _session("seats", 8000),
            _session("none", 2900, status="expired", payment_status="unpaid", customer_details=None),
        ],
        subscriptions=[{"id": "sub_1", "status": "active", "ended_at": None, "items": {"data": [{"quantity": 1}]}}],
        invoices=[
            _invoice("2", "sub_1", 900, "subscription_cycle", 200, tax=144),
            _invoice("1", "sub_1", 3800, "subscription_create", 100),
        ],
        invoice_payments=[
            {"invoice": f"in_{name}", "payment": {"payment_intent": intent}}
            for name, intent in (("1", "pi_first"), ("2", "pi_second"))
        ],
        charges=[{"payment_intent": intent, "paid": True, "amount_captured": sum_} for intent, sum_ in charges.items()],
        refunds=[
            {"id": "re_line", "payment_intent": "pi_two", "amount": 5293, "status": "succeeded", "created": 150},
            {"id": "re_vain", "payment_intent": "pi_seats", "amount": 8000, "status": "failed", "created": 150},
        ],
        disputes=[{"id": "du_1", "payment_intent": "pi_second", "amount": 900, "status": "needs_response"}],
    )  # fmt: skip


def _payment(intent: str | None, amount: int, *, invoice: str | None = None, **parts: int) -> Row:
    return {
        "id": invoice or intent, "amount": amount, "amount_subtotal": amount, "amount_discount": 0, "amount_tax": 0,
        "amount_refunded": 0, "stripe": {"payment_intent": intent, "invoice": invoice}, **parts,
    }  # fmt: skip


def _line(product: str, kind: str, quantity: int = 1) -> Row:
    return {"product": product, "kind": kind, "quantity": quantity}


def _order(name: str, number: int, lines: list[Row], states: list[str], payments: list[Row], **more: Any) -> Row:
    sums = ("amount_subtotal", "amount_discount", "amount_tax", "amount_refunded")
    grants = [{**line, "state": state} for line, state in zip(lines, states, strict=False)]
    granted = [f"granted:{place}" for place in range(1, len(grants) + 1)]
    return {
        "id": f"ord_{name}", "number": f"PL-{number}", "status": "fulfilled", "email": f"{name}@example.com",
        "currency": "eur", "amount_total": sum(each["amount"] for each in payments),
        **{part: sum(each[part] for each in payments) for part in sums}, "amount_expected": 0,
        "fulfilled_at": "2026-11-23T12:00:00+00:00", "stripe": {"checkout_session": f"cs_{name}"}, "lines": lines,
        "grants": grants, "payments": payments, "refunds": [], "disputes": {},
        "log": [{"event": event, "actor": "webhook"} for event in ("paid", *granted, "fulfilled")], **more,
    }  # fmt: skip


def _orders() -> dict[str, Row]:
    guide, kit, plan = _line("guide", "download"), _line("kit", "license"), _line("plan", "plan")
    two = _payment("pi_two", 7236, amount_subtotal=10800, amount_discount=3564, amount_refunded=5293)
    periods = [
        _payment("pi_first", 3800, invoice="in_1"), _payment(None, 900, invoice="in_2", amount_tax=144),
    ]  # fmt: skip
    unpaid = {"status": "canceled", "fulfilled_at": None, "log": [], "amount_total": None}
    found = [
        _order(
            "two", 1001, [guide, kit], ["active", "revoked"], [two], status="partially_refunded", amount_expected=10800,
            refunds=[{"id": "re_line", "amount": 5293, "status": "succeeded"}],
        ),
        _order(
            "plan", 1002, [guide, plan], ["active", "suspended"], periods, status="disputed", amount_expected=3800,
            disputes={"du_1": ("needs_response", 900)},
        ),
        _order(
            "seats", 1003, [_line("lecture", "workshop", 2)], ["active"], [_payment("pi_seats", 8000)],
            amount_expected=8000, refunds=[{"id": "re_vain", "amount": 8000, "status": "failed"}],
        ),
        _order("none", 1004, [guide], [], [], **unpaid),
    ]  # fmt: skip
    return {order["id"]: order for order in found}


def _letter(name: str, to: str, subject: str) -> Row:
    return {"to": to, "subject": subject, "headers": {"Message-ID": name}}


def _item(topic: str, subject: str) -> Item:
    return Item(topic, subject, None, _NOON, None, "", "")


@pytest.fixture
def books() -> Books:
    receipts = [_letter(f"r{n}", f"{n}@example.com", f"Your order PL-{n}") for n in (1001, 1002, 1003)]
    return Books(
        stripe=_stripe(),
        letters=[
            *receipts, receipts[0],  # sent again by a worker that was killed: under the same id
            _letter("p1", "plan@example.com", "Tools was renewed: order PL-1002"),
            _letter("m1", "two@example.com", "Part of your money for order PL-1001 goes back"),
            _letter("n1", OWNER, "A payment was disputed: order PL-1002"),
            _letter("n2", OWNER, "A refund failed: order PL-1003"),
        ],
        orders=_orders(),
        keys=[("PL-1001", "AAAA"), ("PL-1005", "BBBB")],
        left=WORKSHOPS | {"lecture": WORKSHOPS["lecture"] - 2},
        attention=[_item("dispute", "du_1"), _item("refund_failed", "re_vain")],
        deeds={"ord_two": Deed(Fate.LINE_REFUNDED, line_back=2, line_amount=5293)},
    )  # fmt: skip


def test_sound_books_pass(books: Books) -> None:
    assert list(audit.violations(books)) == []


def _of(name: str, **changes: Any) -> Callable[[Books], None]:
    return lambda books: books.orders[f"ord_{name}"].update(changes)


def _payment_of(name: str, place: int, **changes: Any) -> Callable[[Books], None]:
    return lambda books: books.orders[f"ord_{name}"]["payments"][place].update(changes)


def _grant_of(name: str, place: int, **changes: Any) -> Callable[[Books], None]:
    return lambda books: books.orders[f"ord_{name}"]["grants"][place].update(changes)


def _closed_by_nobody(books: Books) -> None:
    books.letters.append(_letter("another", "two@example.com", "We closed something of your order PL-1001"))


def _money_again(books: Books) -> None:
    books.letters.append(_letter("another", "two@example.com", "Your money for order PL-1001 goes back"))


def _again(books: Books) -> None:
    books.letters.append(_letter("another", "two@example.com", "Your order PL-1001"))


def _fulfilled_again(books: Books) -> None:
    books.orders["ord_two"]["log"].append({"event": "fulfilled", "actor": "worker"})


# Each alters one thing of sound books, and names what must be said of it.
ALTERED: dict[str, tuple[Callable[[Books], None], str]] = {
    "a total of one cent more": (_of("two", amount_total=7237), "amount_total is 7237 and should be 7236"),
    "a refunded sum of one cent less": (_of("two", amount_refunded=5292), "amount_refunded is 5292"),
    "a discount": (_of("two", amount_discount=3563), "amount_discount is 3563"),
    "a subtotal": (_of("two", amount_subtotal=10801), "amount_subtotal is 10801"),
    "a tax": (_of("plan", amount_tax=0), "amount_tax is 0 and should be 144"),
    "a payment's amount": (_payment_of("plan", 1, amount=901), "payments is"),
    "a payment's discount": (_payment_of("two", 0, amount_discount=3565), "payments is"),
    "a payment's tax": (_payment_of("plan", 1, amount_tax=143), "payments is"),
    "what went back of a payment": (_payment_of("two", 0, amount_refunded=0), "payments is"),
    "a payment that is missing": (lambda books: books.orders["ord_plan"]["payments"].pop(), "payments is"),
    "a payment that is there twice": (
        lambda books: books.orders["ord_plan"]["payments"].append(books.orders["ord_plan"]["payments"][0]),
        "payments is",
    ),
    "a refund that is missing": (_of("two", refunds=[]), "refunds is []"),
    "a refund that failed, and is said to have succeeded": (
        _of("seats", refunds=[{"id": "re_vain", "amount": 8000, "status": "succeeded"}]),
        "refunds is",
    ),
    "a dispute's standing": (_of("plan", disputes={"du_1": ("won", 900)}), "disputes is"),
    "what a line was sold for": (
        lambda books: books.deeds["ord_two"].__setattr__("line_amount", 5294),
        "5293 went back for a line that was sold for 5294",
    ),
    "an order that is not there": (lambda books: books.orders.pop("ord_seats"), "is no order of the shop"),
    "an order without a Session": (
        lambda books: books.stripe.sessions.pop(2),
        "was delivered, and has no Session at the sandbox",
    ),
    "a status": (_of("plan", status="fulfilled"), "status is 'fulfilled' and should be 'disputed'"),
    "a grant that is missing": (lambda books: books.orders["ord_two"]["grants"].pop(0), "grants is"),
    "access to what went back": (_grant_of("two", 1, state="active"), "grants is"),
    "access to what is in doubt": (_grant_of("plan", 1, state="active"), "grants is"),
    "no access to what is paid": (_grant_of("plan", 0, state="suspended"), "grants is"),
    "seats": (_grant_of("plan", 1, quantity=2), "grants is"),
    "something fulfilled twice": (_fulfilled_again, "fulfilled is 2 and should be 1"),
    "something never fulfilled": (_of("seats", fulfilled_at=None), "fulfilled_at is False and should be True"),
    "an address": (_of("two", email="plan@example.com"), "it belongs to plan@example.com"),
    "something delivered for nothing": (
        _of("none", grants=[{**_line("guide", "download"), "state": "active"}]),
        "nothing was paid",
    ),
    "an unpaid order's status": (_of("none", status="failed"), "so it should be canceled"),
    "a receipt that never came": (lambda books: books.letters.pop(2), "0 receipts came"),
    "a receipt that came twice": (_again, "2 receipts came"),
    "a buyer who was not told of the money": (
        lambda books: books.letters.pop(5),
        "0 letters said that money goes back",
    ),
    "a renewal that nobody was told of": (lambda books: books.letters.pop(4), "0 letters said that a plan was renewed"),
    "a renewal that was none": (
        lambda books: books.letters.append(_letter("p2", "two@example.com", "Tools was renewed: order PL-1001")),
        "1 letters said that a plan was renewed, and 0 were paid",
    ),
    "a change that was none": (
        lambda books: books.letters.append(_letter("c1", "plan@example.com", "A change of Tools: order PL-1002")),
        "1 letters said that a plan has changed, and 0 did",
    ),
    "access that nobody closed": (_closed_by_nobody, "1 letters told of access, and 0 to 0 were due"),
    "money told of twice": (_money_again, "2 letters said that money goes back, and 1 to 1 were due"),
    "an owner who was not told": (lambda books: books.letters.pop(), "0 letters came to the owners"),
    "a dispute that nobody sees": (lambda books: books.attention.pop(0), "nobody is told: dispute du_1"),
    "attention to nothing": (
        lambda books: books.attention.append(_item("paid_twice", "PL-1001")),
        "needs attention: paid_twice PL-1001",
    ),
    "a place that nobody has": (
        lambda books: books.left.update(lecture=WORKSHOPS["lecture"] - 3),
        "3 places of lecture are taken; 2 are sold",
    ),
    "a key without letters": (lambda books: books.keys.append(("PL-1006", "")), "a licence without a key"),
    "a key that two have": (lambda books: books.keys.append(("PL-1006", "AAAA")), "have the same licence key"),
    "an event that failed": (
        lambda books: books.events.append({"type": "invoice.paid", "id": "evt_1", "state": "failed", "error": "why"}),
        "invoice.paid evt_1 is still failed: why",
    ),
    "a second Session paid by nobody's will": (
        lambda books: books.stripe.sessions.append(_session("two", 10800, off=3564)),
        "several Sessions were paid",
    ),
    "two pages that are open": (
        lambda books: books.stripe.sessions.extend([_session("none", 2900, status="open")] * 2),
        "several Sessions are open",
    ),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_is_altered_is_reported(books: Books, what: str) -> None:
    alter, said = ALTERED[what]
    alter(books)
    found = list(audit.violations(books))
    assert any(said in each for each in found), found


def test_a_plan_that_bills_on_for_nothing_is_reported(books: Books) -> None:
    books.stripe.disputes[0]["status"] = "lost"
    assert any("Stripe goes on billing it" in each for each in audit.violations(books))

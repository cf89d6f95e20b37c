"""The audit: what the sandbox says was paid, held against what the shop says it delivered. Stripe's word is the truth."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from core.catalog.products import Kind
from core.kinds import deliverables, offers
from core.owner import attention, reports
from core.shop import Shop
from tests.journeys.stand import Stand

EVERYTHING = 10**7
_NUMBER = re.compile(r"\b[A-Z]+-\d+\b")
_UNDELIVERED = {"open": "pending", "expired": "canceled"}
_WORKSHOPS = {"clinic": 12, "lecture": 10_000}

Row = dict[str, Any]


@dataclass
class Books:
    """Both sides, read once: the sandbox's Sessions and letters, the shop's orders."""

    sessions: list[Row]
    letters: list[Row]
    orders: dict[str, Row]
    shop: Shop

    @property
    def of_order(self) -> dict[str, list[Row]]:
        """The Sessions of each order."""
        found: dict[str, list[Row]] = defaultdict(list)
        for session in self.sessions:
            found[session["metadata"]["order_id"]].append(session)
        return found


def read(stand: Stand, shop: Shop) -> Books:
    """Both sides as they stand now."""
    with shop.reading() as session:
        ids = [order["id"] for order in reports.order_list(session, limit=EVERYTHING)]
        orders = {order_id: reports.order_detail(session, order_id) for order_id in ids}
    letters = httpx.get(f"{stand.sandbox_url}/inbox.json", timeout=60).json()
    return Books(list(sessions(stand)), letters, orders, shop)


def sessions(stand: Stand) -> Iterator[Row]:
    """Every Checkout Session there is at the sandbox."""
    after = ""
    while True:
        page = stand.stripe(f"checkout/sessions?limit=100{after}")
        yield from page["data"]
        if not page["has_more"]:
            return
        after = f"&starting_after={page['data'][-1]['id']}"


def paid(session: Row) -> bool:
    """Whether the money of a Session is in."""
    return session["status"] == "complete" and session["payment_status"] in ("paid", "no_payment_required")


def violations(books: Books) -> Iterator[str]:
    """Everything that must not be, in words, one each."""
    for order_id, opened in books.of_order.items():
        order = books.orders.get(order_id)
        if order is None:
            yield f"{order_id} has {len(opened)} Sessions at the sandbox, and is no order of the shop"
            continue
        found = [*_wrong_sessions(opened), *(_wrong_paid(order, opened) or _wrong_unpaid(order, opened))]
        yield from (f"{order['number']} ({order['id']}, {order['status']}): {wrong}" for wrong in found)
    for order_id, order in books.orders.items():
        if order_id not in books.of_order and (order["grants"] or order["fulfilled_at"]):
            yield f"{order['number']} ({order_id}) was delivered, and has no Session at the sandbox"
    yield from _wrong_letters(books)
    yield from _wrong_keys(books)
    yield from wrong_places(books)
    yield from _left_over(books.shop)


def _wrong_sessions(opened: list[Row]) -> Iterator[str]:
    still_open = [session["id"] for session in opened if session["status"] == "open"]
    if len(still_open) > 1:
        yield f"several Sessions are open: {still_open}"
    took_money = [session["id"] for session in opened if paid(session)]
    if len(took_money) > 1:
        yield f"several Sessions were paid: {took_money}"


def _wrong_paid(order: Row, opened: list[Row]) -> list[str]:
    """What is wrong with an order whose money is in; nothing for others."""
    session = next(filter(paid, opened), None)
    if session is None:
        return []
    events = Counter(entry["event"] for entry in order["log"])
    right = {
        "checkout_session": session["id"], "amount_total": session["amount_total"], "status": "fulfilled",
        "fulfilled": 1, "grants": [(line["product"], line["quantity"], "active") for line in order["lines"]],
        "fulfilled_at": True, "email": session["customer_details"]["email"],
    }  # fmt: skip
    if "blocked" in {grant["state"] for grant in order["grants"]}:
        # Paid after the places were gone: it waits for a person, and everything else is there all the same.
        right |= {"status": "paid", "fulfilled": 0, "fulfilled_at": False}
        right["grants"] = [
            (line["product"], line["quantity"], "blocked" if line["kind"] == "workshop" else "active")
            for line in order["lines"]
        ]
    real = {
        "checkout_session": order["stripe"]["checkout_session"], "amount_total": order["amount_total"],
        "status": order["status"], "fulfilled": events["fulfilled"],
        "grants": [(grant["product"], grant["quantity"], grant["state"]) for grant in order["grants"]],
        "fulfilled_at": order["fulfilled_at"] is not None, "email": order["email"],
    }  # fmt: skip
    return [f"{name} is {real[name]!r} and should be {right[name]!r}" for name in right if real[name] != right[name]]


def _wrong_unpaid(order: Row, opened: list[Row]) -> Iterator[str]:
    """What is wrong with an order for which no money came."""
    if any(map(paid, opened)):
        return
    if order["grants"] or order["fulfilled_at"] or order["amount_total"]:
        yield f"nothing was paid, and {order['grants']} were granted"
    states = {session["status"] for session in opened}
    # A Session that is complete, of which no money came: the debit bounced. It may have been tried again since.
    right = next((status for state, status in _UNDELIVERED.items() if state in states), "failed")
    if "complete" in states and "open" not in states:
        right = "failed"
    if order["status"] != right:
        yield f"its Sessions are {sorted(states)}, so it should be {right}"


def _wrong_letters(books: Books) -> Iterator[str]:
    """Letters by their id, which is the same should one be sent again because the worker was killed while sending it."""
    receipts: Counter[str] = Counter()
    bounces: Counter[str] = Counter()
    for subject in distinct(books.letters).values():
        for number in _NUMBER.findall(subject):
            (bounces if "didn't go through" in subject else receipts)[number] += 1
    for order in books.orders.values():
        number, status = order["number"], order["status"]
        if receipts[number] != (status == "fulfilled"):
            yield f"{number} ({status}): {receipts[number]} receipts came"
        if status == "failed" and bounces[number] != 1:
            yield f"{number} ({status}): {bounces[number]} letters said that the payment failed"


def distinct(letters: list[Row]) -> dict[str, str]:
    """The subject of every letter to a buyer, by the letter's own id."""
    return {each["headers"]["Message-ID"]: each["subject"] for each in letters if each["to"].startswith("buyer")}


def _wrong_keys(books: Books) -> Iterator[str]:
    keys: dict[str, str] = {}
    licensed = [
        order for order in books.orders.values() if any(grant["kind"] == "license" for grant in order["grants"])
    ]
    with books.shop.reading() as session:
        for order in licensed:
            for each in deliverables.deliveries(session, order["id"], signing_key=books.shop.signing_key):
                if each.kind is not Kind.LICENSE:
                    continue
                if not each.key:
                    yield f"{order['number']} has a licence without a key"
                elif (other := keys.setdefault(each.key, order["number"])) != order["number"]:
                    yield f"{order['number']} and {other} have the same licence key"


def wrong_places(books: Books) -> Iterator[str]:
    """Places must be taken by those who paid, held by those who still may, and by nobody else."""
    with books.shop.reading() as session:
        left = {
            offer.id: offer.left or 0 for offer in offers.of_products(session, list(_WORKSHOPS), now=books.shop.now())
        }
    for product, capacity in _WORKSHOPS.items():
        sold, held = 0, 0
        for order_id, order in books.orders.items():
            sold += sum(g["quantity"] for g in order["grants"] if g["product"] == product and g["state"] == "active")
            if not order["grants"] and any(s["status"] == "open" for s in books.of_order[order_id]):
                held += sum(line["quantity"] for line in order["lines"] if line["product"] == product)
        if sold > capacity:
            yield f"{sold} places of {product} were sold, and there are {capacity}"
        if capacity - left[product] != sold + held:
            yield f"{capacity - left[product]} places of {product} are taken; {sold} are sold and {held} on open pages"


def _left_over(shop: Shop) -> Iterator[str]:
    with shop.reading() as session:
        for state in ("failed", "parked"):
            for event in reports.event_list(session, state=state, limit=EVERYTHING):
                yield f"{event['type']} {event['id']} is still {state}: {event['error']}"
    for item in attention.items(shop):
        if item.topic != "sold_out":
            yield f"needs attention: {item.topic} {item.subject}: {item.detail}"

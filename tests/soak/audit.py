"""The audit: what the sandbox says came in and went back, held against the shop's books to the cent, and what must follow
from it against what the shop delivered. Stripe's word is the truth."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.soak import fates
from tests.soak.aftermath import OWNER, Deed
from tests.soak.books import WORKSHOPS, Books
from tests.soak.fates import Fate
from tests.soak.rule import Case
from tests.soak.stripe_side import Money, paid

Row = dict[str, Any]

_NUMBER = re.compile(r"\b[A-Z]+-\d+\b")
_UNDELIVERED = {"open": "pending", "expired": "canceled"}
_FAILED = ("failed", "canceled")
_NO_DEED = Deed(Fate.NONE)
# Of an order whose money went back, what could not be delivered need not be.
_SETTLED = ("refunded", "charged_back")


def violations(books: Books) -> Iterator[str]:
    """Everything that must not be, in words, one each."""
    of_order, money, plans = books.stripe.sessions_of_orders(), books.stripe.money_of_orders(), books.stripe.plans()
    cases = {}
    for order_id, opened in of_order.items():
        order, deed = books.orders.get(order_id), books.deeds.get(order_id, _NO_DEED)
        if order is None:
            yield f"{order_id} has {len(opened)} Sessions at the sandbox, and is no order of the shop"
            continue
        found = [*_wrong_sessions(opened, deed)]
        if money[order_id]:
            own = [plans[each["subscription"]] for each in filter(paid, opened) if each["subscription"]]
            case = cases[order_id] = Case(order["lines"], money[order_id], own, deed)
            found += [*_wrong_money(order, case), *_wrong_paid(order, opened, case), *_wrong_plans(case)]
        else:
            found += _wrong_unpaid(order, opened)
        yield from (f"{order['number']} ({order['id']}, {order['status']}, {deed.fate}): {wrong}" for wrong in found)
    for order_id, order in books.orders.items():
        if order_id not in of_order and (order["grants"] or order["fulfilled_at"] or order["payments"]):
            yield f"{order['number']} ({order_id}) was delivered, and has no Session at the sandbox"
    yield from _wrong_letters(books, cases)
    yield from _wrong_keys(books)
    yield from wrong_places(books)
    yield from _wrong_attention(books, cases)
    for event in books.events:
        yield f"{event['type']} {event['id']} is still {event['state']}: {event['error']}"


def _compared(real: Row, right: Row) -> Iterator[str]:
    for name in right:
        if real[name] != right[name]:
            yield f"{name} is {real[name]!r} and should be {right[name]!r}"


def _wrong_sessions(opened: list[Row], deed: Deed) -> Iterator[str]:
    still_open = [session["id"] for session in opened if session["status"] == "open"]
    if len(still_open) > 1:
        yield f"several Sessions are open: {still_open}"
    took_money = [session["id"] for session in opened if paid(session)]
    if len(took_money) > (2 if deed.fate in fates.PAID_TWICE else 1):
        yield f"several Sessions were paid: {took_money}"


def _wrong_money(order: Row, case: Case) -> Iterator[str]:
    """What of an order's money is not the sandbox's, to the cent."""
    right = {
        "payments": sorted(
            (each.name, each.amount, each.subtotal, each.discount, each.tax, min(each.back, each.amount), each.currency)
            for each in case.money
        ),
        "refunds": sorted((row["id"], row["amount"], row["status"]) for each in case.money for row in each.refunds),
        "disputes": {row["id"]: (row["status"], row["amount"]) for each in case.money for row in each.disputes},
        "amount_total": case.total, "amount_refunded": case.back,
        "amount_subtotal": sum(each.subtotal for each in case.money),
        "amount_discount": sum(each.discount for each in case.money),
        "amount_tax": sum(each.tax for each in case.money),
    }  # fmt: skip
    parts = ("amount", "amount_subtotal", "amount_discount", "amount_tax", "amount_refunded")
    real = order | {
        "payments": sorted(
            (_name(row), *(row[part] for part in parts), order["currency"]) for row in order["payments"]
        ),
        "refunds": sorted((row["id"], row["amount"], row["status"]) for row in order["refunds"]),
    }
    yield from _compared(real, right)
    if case.deed.line_back and case.back != case.deed.line_amount:
        yield f"{case.back} went back for a line that was sold for {case.deed.line_amount}"


def _name(payment: Row) -> str:
    names = payment["stripe"]
    return str(names["invoice"] or names["payment_intent"] or payment["id"])


def _wrong_paid(order: Row, opened: list[Row], case: Case) -> Iterator[str]:
    """What is wrong with what was delivered for the money that is in."""
    took_money = [session for session in opened if paid(session)]
    events = Counter(entry["event"] for entry in order["log"])
    states = [case.access(place) for place in range(1, len(order["lines"]) + 1)]
    for place, (line, grant) in enumerate(zip(order["lines"], order["grants"], strict=False)):
        # Paid after the places were gone: it waits for a person, and everything else is there all the same.
        if states[place] == "active" and (line["kind"], grant["state"]) == ("workshop", "blocked"):
            states[place] = "blocked"
    delivered = not _held_up(order)
    right = {
        "checkout_session": took_money[0]["id"], "amount_expected": took_money[0]["amount_subtotal"],
        "status": case.status(states), "fulfilled": int(delivered), "fulfilled_at": delivered,
        "grants": [
            (line["product"], case.quantity(place), state)
            for place, (line, state) in enumerate(zip(order["lines"], states, strict=True), start=1)
        ],
    }  # fmt: skip
    real = {
        "checkout_session": order["stripe"]["checkout_session"], "amount_expected": order["amount_expected"],
        "status": order["status"], "fulfilled": events["fulfilled"], "fulfilled_at": order["fulfilled_at"] is not None,
        "grants": [(grant["product"], grant["quantity"], grant["state"]) for grant in order["grants"]],
    }  # fmt: skip
    yield from _compared(real, right)
    payers = {session["customer_details"]["email"] for session in took_money}
    if order["email"] not in payers:
        yield f"it belongs to {order['email']}, and was paid by {payers}"


def _held_up(order: Row) -> bool:
    """Whether something of it could never be delivered."""
    events = {entry["event"] for entry in order["log"]}
    blocked = {event.partition(":")[2] for event in events if event.startswith("blocked:")}
    return bool(blocked - {event.partition(":")[2] for event in events if event.startswith("granted:")})


def _wrong_plans(case: Case) -> Iterator[str]:
    """Which plans go on billing for nothing, though no owner said so."""
    if not case.tolerates_billing:
        for plan in case.unwanted_plans():
            yield f"access to {plan} has ended by money, and Stripe goes on billing it"


def _wrong_unpaid(order: Row, opened: list[Row]) -> Iterator[str]:
    """What is wrong with an order for which no money came."""
    if order["grants"] or order["fulfilled_at"] or order["amount_total"] or order["payments"]:
        yield f"nothing was paid, and {order['grants']} were granted for {order['payments']}"
    states = {session["status"] for session in opened}
    # A Session that is complete, of which no money came: the debit bounced. It may have been tried again since.
    right = next((status for state, status in _UNDELIVERED.items() if state in states), "failed")
    if "complete" in states and "open" not in states:
        right = "failed"
    if order["status"] != right:
        yield f"its Sessions are {sorted(states)}, so it should be {right}"


def _wrong_letters(books: Books, cases: dict[str, Case]) -> Iterator[str]:
    """Letters by their id, which is the same should one be sent again because the worker was killed while sending it."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for letter in distinct(books.letters):
        for number in _NUMBER.findall(letter["subject"]):
            counted[number][_sort(letter)] += 1
    for order_id, order in books.orders.items():
        case, came = cases.get(order_id), counted[order["number"]]
        if came["receipt"] != int(order["fulfilled_at"] is not None):
            yield f"{order['number']} ({order['status']}): {came['receipt']} receipts came"
        if order["status"] == "failed" and came["bounce"] != 1:
            yield f"{order['number']} ({order['status']}): {came['bounce']} letters said that the payment failed"
        late = case.paid_after_end() if case else []
        # Of what went back before the letter was written, its buyer need not hear.
        if not sum(not money.over for money in late) <= came["late"] <= len(late):
            yield f"{order['number']}: {came['late']} letters said that a payment came too late, and {len(late)} did"
        renewed = case.renewals() if case else []
        # Of what came too late it may not have been known that it did.
        if not sum(not money.over for money in renewed) <= came["renewal"] <= len(renewed) + len(late):
            yield f"{order['number']}: {came['renewal']} letters said that a plan was renewed, and {len(renewed)} were paid"
        # What had changed before the shop first heard of the plan is no news.
        changes = int(books.deeds.get(order_id, _NO_DEED).fate is Fate.RESEATED)
        if came["change"] > changes:
            yield f"{order['number']}: {came['change']} letters said that a plan has changed, and {changes} did"
        least, most = _money_back(order, case)
        if not least <= came["money"] <= most:
            yield f"{order['number']}: {came['money']} letters said that money goes back, and {least} to {most} were due"
        least, most = _closed(order, case)
        if not least <= came["access"] <= most:
            yield f"{order['number']}: {came['access']} letters told of access, and {least} to {most} were due"
        least, most = _notices(order, case)
        if not least <= came["notice"] <= most:
            yield f"{order['number']}: {came['notice']} letters came to the owners, and {least} to {most} were due"


def _money_back(order: Row, case: Case | None) -> tuple[int, int]:
    """How many letters about money that went back an order's buyer must get at least and at most: one for what was asked for
    at once, though it was taken from several payments; of what failed before the letter was written, none."""
    refunds = [refund for money in case.money for refund in money.refunds] if case else []
    made = [refund for refund in refunds if refund["status"] not in _FAILED]
    never_there = any(entry["event"].startswith("blocked:") for entry in order["log"])
    return int(bool(made) and order["fulfilled_at"] is not None), len(refunds) + never_there


def _closed(order: Row, case: Case | None) -> tuple[int, int]:
    """How many letters an order's buyer must get at least and at most about access that the shop closed, or opened again. What
    money had closed before, and what was opened again before the letter was written, is not told of."""
    entries = [entry["event"].split(":", 2) for entry in order["log"]]
    deeds = {(name, rest[-1]) for name, *rest in entries if name in ("taken_back", "given_back")}
    moved = any(money.refunds or money.disputes for money in case.money) if case else True
    return int(len(deeds) == 1 and not moved), len(deeds)


# A dispute is told of at each stage that no later one has overtaken by then: its beginning, its money taken, its verdict.
_LATER_STAGES = 2


def _notices(order: Row, case: Case | None) -> tuple[int, int]:
    """How many letters an order's owners must get at least and at most."""
    if case is None:
        return 0, 0
    disputes, late = sum(len(money.disputes) for money in case.money), case.paid_after_end()
    # Nor need they hear of what they have sent back before the letter was written.
    due, overtaken = disputes + sum(not money.over for money in late), sum(money.over for money in late)
    due += sum(refund["status"] in _FAILED for money in case.money for refund in money.refunds)
    due += sum(money.first for money in case.money) > 1
    ever = any(entry["event"].startswith("blocked:") for entry in order["log"])
    # What was blocked, and refunded before anybody knew that it was paid, needs nobody.
    blocked = any(grant["state"] == "blocked" for grant in order["grants"])
    return due + blocked, due + ever + overtaken + disputes * _LATER_STAGES


def _sort(letter: Row) -> str:
    if letter["to"] == OWNER:
        return "notice"
    if "came after the plan had ended" in letter["subject"]:
        return "late"
    if "was renewed" in letter["subject"]:
        return "renewal"
    if letter["subject"].startswith("We closed something") or "is open again" in letter["subject"]:
        return "access"
    if letter["subject"].startswith("A change of "):
        return "change"
    if "goes back" in letter["subject"]:
        return "money"
    return "bounce" if "didn't go through" in letter["subject"] else "receipt"


def distinct(letters: list[Row]) -> list[Row]:
    """Every letter once, by its own id."""
    return list({each["headers"]["Message-ID"]: each for each in letters}.values())


def _wrong_keys(books: Books) -> Iterator[str]:
    seen: dict[str, str] = {}
    for number, key in books.keys:
        if not key:
            yield f"{number} has a licence without a key"
        elif (other := seen.setdefault(key, number)) != number:
            yield f"{number} and {other} have the same licence key"


def wrong_places(books: Books) -> Iterator[str]:
    """Places must be taken by those who paid, held by those who still may, and by nobody else."""
    of_order = books.stripe.sessions_of_orders()
    for product, capacity in WORKSHOPS.items():
        sold, held = 0, 0
        for order_id, order in books.orders.items():
            sold += sum(grant["quantity"] for grant in order["grants"] if _sits(order, grant, product))
            if not order["grants"] and any(session["status"] == "open" for session in of_order[order_id]):
                held += sum(line["quantity"] for line in order["lines"] if line["product"] == product)
        if sold > capacity:
            yield f"{sold} places of {product} were sold, and there are {capacity}"
        if capacity - books.left[product] != sold + held:
            taken = capacity - books.left[product]
            yield f"{taken} places of {product} are taken; {sold} are sold and {held} on open pages"


def _sits(order: Row, grant: Row, product: str) -> bool:
    """Whether a grant has its places: also while a bank decides, if it ever had any."""
    suspended = grant["state"] == "suspended" and not _held_up(order)
    return grant["product"] == product and (grant["state"] == "active" or suspended)


def _wrong_attention(books: Books, cases: dict[str, Case]) -> Iterator[str]:
    """What the owners are told to see to, and what they should be."""
    right = Counter(wanted for order_id, case in cases.items() for wanted in _wanted(books.orders[order_id], case))
    real = Counter((item.topic, item.subject) for item in books.attention)
    for topic, subject in (right - real).elements():
        yield f"needs attention, and nobody is told: {topic} {subject}"
    details = {(item.topic, item.subject): item.detail for item in books.attention}
    for each in (real - right).elements():
        yield f"needs attention: {each[0]} {each[1]}: {details[each]}"


def _wanted(order: Row, case: Case) -> Iterator[tuple[str, str]]:
    for money in case.money:
        for dispute in money.disputes:
            if dispute["status"] in ("needs_response", "warning_needs_response"):
                yield "dispute", dispute["id"]
        yield from (("refund_failed", refund["id"]) for refund in money.refunds if _is_unsolved(refund, case.money))
    if case.billing_on():
        yield "plan_bills_on", order["number"]
    if order["status"] in _SETTLED:
        return
    yield from [("paid_twice", order["number"])] * case.paid_beside()
    yield from (("paid_after_end", order["number"]) for money in case.paid_after_end() if not money.over)
    if any(grant["state"] == "blocked" for grant in order["grants"]):
        yield "sold_out", order["number"]


def _is_unsolved(refund: Row, money: list[Money]) -> bool:
    """Whether a refund failed, and none of the order has worked since."""
    since = [row for each in money for row in each.refunds if row["created"] > refund["created"]]
    return refund["status"] in _FAILED and all(row["status"] in _FAILED for row in since)

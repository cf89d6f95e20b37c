"""The words of `pushcart order`: one order on a page, for whoever sits at the terminal."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.foundation.money import Money


def lines(found: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """The order as `order --json` has it, a line at a time; times by the clock of `zone`."""
    test = "" if found["livemode"] else ", test money"
    total = found["amount_expected"] if found["amount_total"] is None else found["amount_total"]
    yield f"{found['number']}  {found['status'].replace('_', ' ')}  {_money(total, found)}{test}"
    yield from _pairs(found)
    yield from _block("Bought", [_line(line, grant) for line, grant in _delivered(found)])
    paid = [
        f"{_money(each['amount'], found)}  {_at(each['paid_at'], zone)}  {each['id']}" for each in found["payments"]
    ]
    yield from _block("Paid", paid)
    back = [f"{_money(each['amount'], found)}  {each['status']}  {each['id']}" for each in found["refunds"]]
    yield from _block("Sent back", back)
    log = [f"{_at(each['at'], zone)}  {each['event']}  by {each['actor']}" for each in found["log"]]
    yield from _block(f"What happened, by the clock of {zone.key}", log)


def _pairs(found: dict[str, Any]) -> Iterator[str]:
    buyer = " ".join(each for each in (found["name"], found["email"] and f"<{found['email']}>") if each)
    where = ", ".join(each for each in (found["country"], found["tax_id"]) if each)
    stripe = "  ".join(each for each in found["stripe"].values() if each)
    price = [
        f"{name} {_money(found[field], found)}"
        for name, field in (("subtotal", "amount_subtotal"), ("discount", "amount_discount"), ("tax", "amount_tax"))
        if found[field] is not None
    ]
    pairs = {
        "order": found["id"], "buyer": buyer, "from": where, "stripe": stripe, "price": ", ".join(price),
        "imported": found["external_id"],
    }  # fmt: skip
    yield from (f"  {name:<8}  {value}" for name, value in pairs.items() if value)


def _delivered(found: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Each line with what was handed over for it, of which there is one for each once it is paid."""
    grants = found["grants"] or [None] * len(found["lines"])
    return list(zip(found["lines"], grants, strict=False))


def _line(line: dict[str, Any], grant: dict[str, Any] | None) -> str:
    state = grant["state"] if grant else "not paid for"
    return f"{line['product']} ({line['kind']}) x {line['quantity']}: {state}"


def _block(title: str, rows: list[str]) -> Iterator[str]:
    if rows:
        yield f"{title}:"
        yield from (f"  {row}" for row in rows)


def _money(amount: int, found: dict[str, Any]) -> str:
    return Money(amount, found["currency"]).format()


def _at(moment: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d %H:%M}"

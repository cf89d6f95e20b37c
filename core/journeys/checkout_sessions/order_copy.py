"""The copy of an order that its Checkout Session carries in Stripe's metadata, signed, so that a shop whose database was lost knows
what was bought and that it was its own. It names nobody: who bought it is known by the payment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import orjson

from core.foundation import signing
from core.orders.orders import LineDraft, Order

_KEY, _SIGNATURE = "copy", "copy_signature"
# What Stripe takes: so many letters in one value, and so many values beside those that stand there anyway.
_LETTERS, _VALUES = 500, 40
_TAXED, _INVOICED, _BUSINESS = "t", "i", "b"


@dataclass(frozen=True)
class CopiedLine:
    """One line: which product at which price, how many, and what each cost in minor units. `date` is that of a workshop."""

    product: str
    price: str
    quantity: int
    amount: int
    interval: str
    date: str


@dataclass(frozen=True)
class OrderCopy:
    """An order as it was when its Session was opened. `agreed` are the versions of the clauses that its buyer agreed to or was
    shown, `trial` is in days, and `taxed` and `invoiced` say how the Session was opened."""

    number: str
    placed_at: datetime
    business: bool
    trial: int
    taxed: bool
    invoiced: bool
    agreed: tuple[str, ...]
    lines: tuple[CopiedLine, ...]


def of_order(
    order: Order, drafts: list[LineDraft], *, agreed: tuple[str, ...], trial: int, taxed: bool, invoiced: bool
) -> OrderCopy:
    """The copy of an order with these lines."""
    lines = tuple(
        CopiedLine(
            each.product_id, each.price_id, each.quantity, each.unit_amount, each.interval or "",
            each.workshop_date_id or "",
        )
        for each in drafts
    )  # fmt: skip
    return OrderCopy(order.number, order.created_at, order.business, trial, taxed, invoiced, agreed, lines)


def written(copy: OrderCopy, key: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """The copy as metadata, beside that which names the order; empty if there is more to say than Stripe takes."""
    flags = {_TAXED: copy.taxed, _INVOICED: copy.invoiced, _BUSINESS: copy.business}
    said = [
        copy.number, int(copy.placed_at.timestamp()), "".join(flag for flag, holds in flags.items() if holds), copy.trial,
        list(copy.agreed), [list(vars(line).values()) for line in copy.lines],
    ]  # fmt: skip
    text = orjson.dumps(said).decode()
    parts = [text[start : start + _LETTERS] for start in range(0, len(text), _LETTERS)]
    if len(parts) > _VALUES:
        return {}
    values = {f"{_KEY}_{place}": part for place, part in enumerate(parts, 1)}
    return {**values, _SIGNATURE: signing.signature(key, signing.ORDER, _signed(metadata, text))}


def read(metadata: Mapping[str, str], key: str) -> OrderCopy | None:
    """The copy in a Session's metadata, or None if there is none that this shop has signed for this very order."""
    parts: list[str] = []
    for place in count(1):
        if (part := metadata.get(f"{_KEY}_{place}")) is None:
            break
        parts.append(part)
    text = "".join(parts)
    if not text or not signing.is_signed(key, signing.ORDER, _signed(metadata, text), metadata.get(_SIGNATURE, "")):
        return None
    said: list[Any] = orjson.loads(text)
    number, placed_at, flags, trial, agreed, lines = said
    return OrderCopy(
        number, datetime.fromtimestamp(placed_at, UTC), _BUSINESS in flags, trial, _TAXED in flags, _INVOICED in flags,
        tuple(agreed), tuple(CopiedLine(*line) for line in lines),
    )  # fmt: skip


def _signed(metadata: Mapping[str, str], text: str) -> str:
    """What is signed: the copy, and which order and attempt it is of, by the token that no other attempt has."""
    return "\n".join(
        [*(metadata.get(name, "") for name in ("shop_id", "order_id", "cart_id", "attempt", "token")), text]
    )

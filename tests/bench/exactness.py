"""Exactly once, asked of the database itself, in plain SQL that knows nothing of the shop's code."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg


@dataclass(frozen=True)
class Kept:
    """What there must be once for each order that was sent, and for no other: `query` gives a row for each there is."""

    what: str
    query: str
    name: Callable[[str], str] = lambda number: f"ord_bench_{number}"


# The number of an event's order, behind what its id begins with.
_EVENTS = f"select substr(id, {len('evt_bench_00000000_') + 1}) from stripe_events"
# Of an order that the webhook was told to be paid.
PAID = (
    Kept("an order that is fulfilled", "select id from orders where status = 'fulfilled'"),
    Kept("a payment", "select order_id from payments"),
    Kept("an entry that it was paid", "select order_id from fulfillment_log where event = 'paid'"),
    Kept("an entry that it was fulfilled", "select order_id from fulfillment_log where event = 'fulfilled'"),
    Kept("a grant for its line", "select order_line_id from grants", lambda number: f"ol_bench_{number}"),
    Kept("a grant that may be used", "select order_id from grants where state = 'active'"),
    Kept(
        "a receipt that is owed",
        "select workflow_uuid from {dbos}workflow_status where workflow_uuid like 'receipt:%'",
        lambda number: f"receipt:ord_bench_{number}",
    ),
    Kept("an event", _EVENTS, str),
    Kept("an event that was applied", f"{_EVENTS} where state = 'applied'", str),
    Kept("a Session that is complete", "select order_id from checkouts where state = 'complete' and money = 'paid'"),
)
# Of a cart that was posted to be paid for.
OPENED = (
    Kept(
        "an order", "select cart_id from orders where cart_id like 'cart_load_%'", lambda number: f"cart_load_{number}"
    ),
    Kept(
        "an open Session",
        "select orders.cart_id from checkouts join orders on orders.id = order_id where cart_id like 'cart_load_%'"
        " and checkouts.state = 'open' and checkouts.stripe_checkout_session_id is not null",
        lambda number: f"cart_load_{number}",
    ),
)


def violations(url: str, sent: Collection[str], kinds: Sequence[Kept] = PAID) -> list[str]:
    """What there is too little or too much of, a sentence each, where the orders of these numbers were sent."""
    dbos = "" if url.startswith("sqlite") else "dbos."
    with closing(connected(url)) as connection:
        found = {kept: Counter(_rows(connection, kept.query.format(dbos=dbos))) for kept in kinds}
    return [wrong for kept in kinds for wrong in _compared(kept, found[kept], {kept.name(each) for each in sent})]


def connected(url: str) -> Any:
    """A connection of the database's own driver."""
    return sqlite3.connect(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else psycopg.connect(url)


def _rows(connection: Any, query: str) -> list[str]:
    return [name for (name,) in connection.execute(query).fetchall()]


def _compared(kept: Kept, found: Counter[str], expected: set[str]) -> Iterator[str]:
    for how, names in (
        ("is not there", expected - found.keys()),
        ("is there more than once", {name for name, times in found.items() if times > 1}),
        ("is there for what was not sent", found.keys() - expected),
    ):
        if names:
            yield f"{kept.what} {how}: {len(names)}, for one {min(names)}"

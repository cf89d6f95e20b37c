"""Subscriptions that an earlier version kept: after the upgrade none is lost, access is as it was, and Stripe is asked of all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.foundation import database, migration
from core.orders import subscriptions
from core.orders.orders import Order
from core.orders.subscriptions import Subscription
from tests.command_line.test_migrate import alembic_config
from tests.databases import as_written

BEFORE = "0005"
MADE = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
PERIOD_END = MADE + timedelta(days=30)
GRACE_UNTIL = MADE + timedelta(days=7)
# Id, its order's number, status, paused, and until when grace ran.
KNOWN: list[tuple[str, int, str, bool, datetime | None]] = [
    ("sub_living", 1, "active", False, None),
    ("sub_late", 2, "past_due", False, GRACE_UNTIL),
    ("sub_over", 3, "canceled", False, None),
    ("sub_paused", 4, "active", True, None),
    ("sub_unpaid", 5, "unpaid", False, None),
]


@pytest.fixture
def engine(unmigrated_url: str) -> Iterator[Engine]:
    """A database of the version before, with an order for each known subscription, and one whose was never heard of."""
    engine = database.connect(unmigrated_url)
    command.upgrade(alembic_config(engine), BEFORE)
    with engine.begin() as connection:
        for number in range(1, 7):
            connection.execute(
                text(
                    "insert into orders (id, number, cart_id, browser_id, email, status, currency, amount_expected,"
                    " amount_refunded, livemode, attempts, attention, eventful, created_at, updated_at) values"
                    " (:id, :id, :id, '', '', 'fulfilled', 'eur', 900, 0, false, 1, '', :eventful, :at, :at)"
                ),
                as_written(engine, {"id": f"ord_{number}", "eventful": number < 6, "at": MADE}),
            )
        connection.execute(
            text(
                "insert into checkouts (id, order_id, attempt, stripe_checkout_session_id, parameters, expires_at, state,"
                " money, currency, email, stripe_subscription_id, created_at, ask_after) values"
                " ('co_6', 'ord_6', 1, 'cs_6', '{}', :at, 'complete', 'paid', 'eur', '', 'sub_unheard', :at, :at)"
            ),
            as_written(engine, {"at": MADE}),
        )
        for name, number, status, paused, grace in KNOWN:
            connection.execute(
                text(
                    "insert into subscriptions (id, order_id, status, stripe_customer_id, quantity, amount, currency,"
                    " interval, period_end, grace_until, paused, end_reason, fetched_at) values"
                    " (:id, :order, :status, 'cus_1', 2, 1800, 'eur', 'month', :end, :grace, :paused, '', :at)"
                ),
                as_written(engine, {
                    "id": name, "order": f"ord_{number}", "status": status, "end": PERIOD_END, "grace": grace,
                    "paused": paused, "at": MADE,
                }),
            )  # fmt: skip
    yield engine
    engine.dispose()


def kept(engine: Engine) -> list[dict[str, Any]]:
    """What both versions keep of the known ones."""
    names = "id, order_id, status, stripe_customer_id, amount, currency, interval, period_end, grace_until, paused, fetched_at"
    with engine.connect() as connection:
        query = text(f"select {names} from subscriptions where id <> 'sub_unheard' order by id")
        return [dict(row) for row in connection.execute(query).mappings()]


def test_subscriptions_of_an_earlier_version_are_kept_and_all_are_asked_about(
    engine: Engine, unmigrated_url: str
) -> None:
    before = kept(engine)
    assert len(before) == len(KNOWN)
    migration.ensure(engine, unmigrated_url)
    assert kept(engine) == before
    now = MADE + timedelta(days=3)
    with Session(engine) as session:
        rows = {row.id: row for row in session.exec(select(Subscription))}
        assert rows.keys() == {name for name, *_ in KNOWN} | {"sub_unheard"}
        unheard = rows["sub_unheard"]
        assert (unheard.order_id, unheard.status, unheard.fetched_at, unheard.created_at) == ("ord_6", "", None, MADE)
        assert {row.created_at for row in rows.values()} == {MADE}
        assert {row.access_until for row in rows.values() if row.id in ("sub_living", "sub_over", "sub_unheard")} == {
            None
        }
        assert (rows["sub_late"].access_until, rows["sub_late"].lapses_at) == (GRACE_UNTIL, GRACE_UNTIL)
        assert {rows[name].access_until for name in ("sub_paused", "sub_unpaid")} == {MADE}
        assert {name for name, _ in subscriptions.due(session, livemode=False, now=now, limit=10)} == rows.keys()
        assert [name for name, _ in subscriptions.lapsed(session, now=GRACE_UNTIL, limit=10)] == ["sub_late"]
        assert all(order.eventful for order in session.exec(select(Order)))
    command.downgrade(alembic_config(engine), BEFORE)
    assert kept(engine) == before
    command.upgrade(alembic_config(engine), "head")
    assert kept(engine) == before

"""A database of the version before lines named their dates: upgraded, and every line names the one it was sold for."""

from datetime import UTC, datetime, timedelta

from alembic import command
from sqlalchemy import Engine, text

from core.foundation import database
from tests.command_line.test_migrate import alembic_config
from tests.databases import as_written

NOW = datetime.now(UTC).replace(tzinfo=None)
BEFORE, NAMES_ITS_DATE = "0005", "0009"


def insert(engine: Engine, table: str, **values: object) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    with engine.begin() as connection:
        connection.execute(
            text(f"insert into {table} ({names}) values ({', '.join(f':{name}' for name in values)})"),
            as_written(engine, values),
        )


def product(engine: Engine, name: str, kind: str) -> None:
    insert(
        engine, "products", id=name, name=name, summary="", description="", kind=kind, image="", image_alt="", shelf="",
        facts="", call_to_action="", gets="[]", faq="[]", terms="{}", max_quantity=4, active=True, position=0,
        from_demo=False, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    insert(
        engine, "prices", id=f"{name}-eur", product_id=name, amount=100, currency="eur", lookup_key=f"{name}-eur",
        active=True, position=0,
    )  # fmt: skip


def date(engine: Engine, name: str, *, in_days: int, taken: int = 0) -> None:
    at = NOW + timedelta(days=in_days)
    insert(
        engine, "workshop_dates", id=name, product_id="clinic", starts_at=at, ends_at=at + timedelta(hours=2),
        timezone="UTC", capacity=5, taken=taken, join_url="",
    )  # fmt: skip


def order(engine: Engine, name: str, cart: str, *prices: str) -> None:
    insert(
        engine, "orders", id=name, number=name, cart_id=cart, browser_id="br_1", email="", status="pending",
        currency="eur", amount_expected=100, amount_refunded=0, livemode=False, attempts=1, attention="",
        eventful=False, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    for position, price in enumerate(prices):
        kind = "workshop" if price.startswith("clinic") else "download"
        insert(
            engine, "order_lines", id=f"{name}-{position}", order_id=name, position=position,
            product_id=price.removesuffix("-eur"), price_id=price, kind=kind, name="", quantity=1, unit_amount=100,
            currency="eur", image="",
        )  # fmt: skip


def cart(engine: Engine, name: str, *prices: str) -> None:
    insert(engine, "carts", id=name, browser_id="br_1", created_at=NOW)
    for price in prices:
        insert(engine, "cart_lines", cart_id=name, price_id=price, quantity=2, added_at=NOW)


def rows(engine: Engine, query: str) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_lines_of_orders_and_carts_name_the_date_they_were_for(unmigrated_url: str) -> None:
    engine = database.connect(unmigrated_url)
    command.upgrade(alembic_config(engine), BEFORE)
    product(engine, "guide", "download")
    product(engine, "clinic", "workshop")
    date(engine, "clinic/1", in_days=-3)
    date(engine, "clinic/2", in_days=3, taken=5)
    date(engine, "clinic/3", in_days=9, taken=1)
    order(engine, "ord_1", "cart_1", "guide-eur", "clinic-eur")
    insert(engine, "reservations", order_line_id="ord_1-1", date_id="clinic/2", places=1, state="held")
    order(engine, "ord_2", "cart_2", "clinic-eur")
    cart(engine, "cart_1", "guide-eur", "clinic-eur")
    cart(engine, "cart_3", "clinic-eur")
    untouched = ("carts", "orders", "prices", "products", "reservations")
    before = {table: rows(engine, f"select * from {table} order by 1") for table in untouched}

    command.upgrade(alembic_config(engine), NAMES_ITS_DATE)
    assert rows(engine, "select id, workshop_date_id from order_lines order by id") == [
        ("ord_1-0", None),
        ("ord_1-1", "clinic/2"),
        ("ord_2-0", None),
    ]
    found = rows(engine, "select cart_id, price_id, workshop_date_id, quantity from cart_lines order by 1, 2")
    assert found == [
        ("cart_1", "clinic-eur", "clinic/2", 2),
        ("cart_1", "guide-eur", "", 2),
        ("cart_3", "clinic-eur", "clinic/3", 2),
    ]
    assert [bool(active) for (active,) in rows(engine, "select active from workshop_dates")] == [True] * 3
    assert {table: [row[:5] for row in rows(engine, f"select * from {table} order by 1")] for table in untouched} == {
        table: [row[:5] for row in found] for table, found in before.items()
    }
    # The same price on another date is another line.
    insert(
        engine, "cart_lines", cart_id="cart_3", price_id="clinic-eur", workshop_date_id="clinic/2", quantity=1,
        added_at=NOW,
    )  # fmt: skip
    command.downgrade(alembic_config(engine), BEFORE)
    assert rows(engine, "select quantity from cart_lines where cart_id = 'cart_3'") == [(1,)]
    engine.dispose()

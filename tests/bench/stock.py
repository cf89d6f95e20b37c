"""Prepares a shop whose orders wait to be paid, as a script of its own: `python -P tests/bench/stock.py PLAN.json`.

It runs under the code of whichever version is measured, and so uses only what all of them have. One order is opened as any
buyer's is; the others are copies of its rows. Prints what the measures need to know, as JSON.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, insert, select, text
from sqlmodel import SQLModel

import tests.fakes
from core import tables  # noqa: F401
from core.events import inbox
from core.foundation import database, migration
from core.foundation.records import new_id
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.journeys import checkout
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds import deliverables
from core.owner import publishing
from core.shop import Shop
from tests.fakes import FakeStripe, session_in, signed

# Stands for the number of a copy in what is copied, and is as long as that; and for the same number backwards, which stands where
# one copy has nothing to do with the next, as people's addresses and Stripe's Sessions. Stripe's events and payments begin with
# their time.
NUMBER, BACKWARDS = "@NUMBER@", "@REBMUN@"
_COPIED = ("orders", "order_lines", "checkouts", "fulfillment_log")
# What Stripe says of a Session beside what the shop reads, so that an event is as long as Stripe's.
_ALSO_SAID: dict[str, Any] = {
    "adaptive_pricing": {"enabled": False}, "after_expiration": None, "allow_promotion_codes": True,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "billing_address_collection": None,
    "branding_settings": {
        "background_color": "#ffffff", "border_style": "rounded", "button_color": "#0074d4",
        "display_name": "Plainwork", "font_family": "default", "icon": None, "logo": None,
    }, "cancel_url": "http://localhost:8501/cart", "collected_information": None,
    "consent": None, "consent_collection": None, "currency_conversion": None, "custom_fields": [],
    "custom_text": {
        "after_submit": None, "shipping_address": None, "submit": None, "terms_of_service_acceptance": None,
    },
    "customer_creation": "if_required", "discounts": [], "locale": None, "origin_context": None, "payment_link": None,
    "invoice_creation": {
        "enabled": False,
        "invoice_data": {
            "account_tax_ids": None, "custom_fields": None, "description": None, "footer": None, "issuer": None,
            "metadata": {}, "rendering_options": None,
        },
    },
    "name_collection": {"business": {"enabled": False, "optional": False}}, "optional_items": [],
    "payment_method_collection": "if_required", "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "payment_method_types": ["card", "link", "sepa_debit"], "permissions": None,
    "phone_number_collection": {"enabled": False}, "saved_payment_method_options": None, "setup_intent": None,
    "shipping_address_collection": None, "shipping_cost": None, "shipping_options": [], "submit_type": None,
    "ui_mode": "hosted", "wallet_options": None,
}  # fmt: skip


def main(plan: dict[str, Any]) -> dict[str, Any]:
    """Make the shop of this plan; return the event that tells of a paid order, and what else was found on the way."""
    engine = database.connect(plan["database_url"])
    migration.ensure(engine, plan["database_url"])
    settings = Settings(
        database_url=plan["database_url"], storage_url=plan["storage_url"], secret_key=plan["secret_key"],
        stripe_webhook_secret=tests.fakes.SECRET, app_url="http://localhost:8501",
    )  # fmt: skip
    stripe = FakeStripe()
    shop = Shop(settings, engine, stripe, Storage(settings.storage_url))
    publishing.apply(shop, Path(tests.fakes.__file__).with_name("catalogue.toml"))
    opened = checkout.start(shop, _basket("cart_model"))
    number = NUMBER if _are_in_order() else BACKWARDS
    found = {
        "number": number,
        "parameters": _asked(shop, opened),
        "body": _copied(shop, stripe, opened, number, plan["orders"]),
        "statements": _statements(shop),
        "download": _bought(shop, stripe) if plan["bought"] else None,
    }
    _settle_down(shop)
    return found


def _basket(cart: str) -> Basket:
    return Basket(cart, (Item("guide-eur", 1),), browser_id=f"br_of_{cart}")


def _are_in_order() -> bool:
    """Whether this version's ids sort as they were made."""
    made = []
    for _ in range(12):
        made.append(new_id("a"))
        time.sleep(0.005)
    return made == sorted(made)


def _copied(shop: Shop, stripe: FakeStripe, opened: PaymentLink, number: str, orders: int) -> str:
    """Copy the open order so many times, each with ids by its number, written in this way; return the text of the event that one of
    them is paid."""
    session_id = session_in(opened.url)
    with shop.engine.begin() as connection:
        model = {name: _rows_of(connection, name, opened.order_id) for name in _COPIED}
        [order], [line] = model["orders"], model["order_lines"]
        names = {
            order["id"]: f"ord_bench_{number}", order["number"]: f"BENCH-{NUMBER}",
            order["cart_id"]: f"cart_bench_{number}", order["browser_id"]: f"br_bench_{number}",
            line["id"]: f"ol_bench_{number}", session_id: f"cs_test_bench_{BACKWARDS}",
        }  # fmt: skip
        for name, rows in model.items():
            _copy(connection, name, [_renamed(row, names) for row in rows], orders)
    paid = stripe.pay(session_id)
    more = {name: said for name, said in _ALSO_SAID.items() if name not in paid}
    told = stripe.event("completed", session_id, **more)
    names |= {
        told["id"]: f"evt_bench_{NUMBER}_{number}", paid["payment_intent"]: f"pi_bench_{NUMBER}",
        paid["customer_details"]["email"]: f"buyer{BACKWARDS}@example.org",
    }  # fmt: skip
    return signed(_renamed(told, names))[0].decode()


def _rows_of(connection: Connection, name: str, order_id: str) -> list[dict[str, Any]]:
    table = SQLModel.metadata.tables[name]
    owner = table.c.id if name == "orders" else table.c.order_id
    return [dict(row) for row in connection.execute(select(table).where(owner == order_id)).mappings()]


def _copy(connection: Connection, name: str, rows: list[dict[str, Any]], orders: int) -> None:
    into = insert(SQLModel.metadata.tables[name])
    for first in range(0, orders, 1000):
        numbers = [f"{number:0{len(NUMBER)}d}" for number in range(first, min(first + 1000, orders))]
        names = [{NUMBER: number, BACKWARDS: number[::-1]} for number in numbers]
        connection.execute(into, [_renamed(row, each) for each in names for row in rows])


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """A value in which these names are others, wherever they stand in it."""
    if isinstance(value, dict):
        return {key: _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if type(value) is not str:
        return value
    for name, other in names.items():
        # No part of a longer one: cs_test_0001 does not stand in cs_test_00011.
        value = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", other, value) if name in value else value
    return value


def _asked(shop: Shop, opened: PaymentLink) -> dict[str, Any]:
    """What Stripe is asked for when an order's payment page is opened."""
    with shop.engine.connect() as connection:
        [checkout_row] = _rows_of(connection, "checkouts", opened.order_id)
    asked: dict[str, Any] = checkout_row["parameters"]
    return asked


def _statements(shop: Shop) -> int:
    """How many statements a checkout sends to the database."""
    heard: list[str] = []

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("begin"):
            heard.append(statement)

    event.listen(shop.engine, "before_cursor_execute", executed)
    checkout.start(shop, _basket("cart_counted"))
    event.remove(shop.engine, "before_cursor_execute", executed)
    return len(heard)


def _bought(shop: Shop, stripe: FakeStripe) -> dict[str, str]:
    """Buy a file: the ids that a token for it names, and under which key it lies in the storage."""
    link = checkout.start(shop, _basket("cart_bought"))
    stripe.pay(session_in(link.url))
    inbox.receive(shop, *signed(stripe.event("completed", session_in(link.url))))
    with shop.reading() as session:
        [delivery] = deliverables.deliveries(session, link.order_id, signing_key=shop.signing_key)
        file = delivery.files[0].id
        key = session.execute(text("select key from download_files where id = :id"), {"id": file}).scalar_one()
    return {"grant": delivery.grant_id, "file": file, "key": key}


def _settle_down(shop: Shop) -> None:
    """Let the planner know the tables."""
    with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze"))
    shop.engine.dispose()


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))  # noqa: T201

"""The bench runs, and its verification notices what was lost or done twice. What it measures no test asks about."""

from pathlib import Path
from typing import Any

import pytest
import stripe
from sqlalchemy import text

from core.events import inbox
from core.foundation import database
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.shop import Shop
from tests.bench import exactness, stock, webhook
from tests.bench.figures import Figures
from tests.bench.measures import Bench
from tests.bench.stand import SECRET_KEY
from tests.bench.versions import HERE
from tests.conftest import DATABASES
from tests.fakes import SECRET, FakeStripe

TOLD = ("00000000", "00000001", "00000002")
_DOUBLED = {
    "a payment": "insert into payments select {payment} from payments where order_id = 'ord_bench_00000001'",
    "a grant": "update grants set order_id = 'ord_bench_00000001' where order_id = 'ord_bench_00000002'",
    "a receipt": "update {dbos}workflow_status set workflow_uuid = workflow_uuid || ':again' "
    "where workflow_uuid = 'receipt:ord_bench_00000001'",
    "an event": "update stripe_events set id = 'evt_of_another' where id = 'evt_bench_00000001'",
    "an order": "update orders set status = 'fulfilled' where id = 'ord_bench_00000003'",
}
_LOST = {
    "a payment": "delete from payment_lines; delete from payments where order_id = 'ord_bench_00000001'",
    "a grant that may be used": "update grants set state = 'suspended' where order_id = 'ord_bench_00000001'",
    "an entry that it was paid": "delete from fulfillment_log where order_id = 'ord_bench_00000001' and event = 'paid'",
    "an order that is fulfilled": "update orders set status = 'paid' where id = 'ord_bench_00000001'",
    "an event that was applied": "update stripe_events set state = 'failed' where id = 'evt_bench_00000001'",
}


@pytest.fixture
def sold(unmigrated_url: str, tmp_path: Path) -> str:
    """The address of a database with four orders, of which three were told to be paid, one of them twice."""
    plan: dict[str, Any] = {
        "database_url": unmigrated_url, "storage_url": f"file://{tmp_path}/files", "secret_key": SECRET_KEY, "orders": 4,
        "bought": False,
    }  # fmt: skip
    body = stock.main(plan)["body"]
    settings = Settings(
        database_url=unmigrated_url,
        storage_url=plan["storage_url"],
        secret_key=SECRET_KEY,
        stripe_webhook_secret=SECRET,
    )
    shop = Shop(settings, database.connect(unmigrated_url), FakeStripe(), Storage(settings.storage_url))
    for number in (*TOLD, TOLD[0]):
        told = body.replace(stock.NUMBER, number)
        inbox.receive(shop, told.encode(), _signature(told))
    shop.engine.dispose()
    return unmigrated_url


def _signature(body: str) -> str:
    return stripe.WebhookSignature.generate_signature_header(body, SECRET)


def _change(url: str, words: str) -> None:
    engine = database.connect(url)
    with engine.begin() as connection:
        columns = [column.name for column in database.metadata.tables["payments"].columns]
        payment = ", ".join("'pi_again'" if name in ("id", "stripe_payment_intent_id") else name for name in columns)
        dbos = "" if url.startswith("sqlite") else "dbos."
        for statement in words.format(payment=payment, dbos=dbos).split("; "):
            connection.execute(text(statement.replace(":", "\\:")))
    engine.dispose()


def test_orders_that_were_told_of_once_or_twice_are_there_once(sold: str) -> None:
    assert exactness.violations(sold, TOLD) == []


def test_an_order_that_was_lost_is_noticed(sold: str) -> None:
    assert len(exactness.violations(sold, {*TOLD, "00000003"})) == len(exactness._ONCE)


def test_an_order_that_nobody_paid_for_is_noticed(sold: str) -> None:
    assert len(exactness.violations(sold, TOLD[:2])) == len(exactness._ONCE)


@pytest.mark.parametrize("what", _DOUBLED)
def test_what_was_done_twice_is_noticed(sold: str, what: str) -> None:
    _change(sold, _DOUBLED[what])
    assert any(wrong.startswith(what) for wrong in exactness.violations(sold, TOLD))


@pytest.mark.parametrize("what", _LOST)
def test_what_was_lost_is_noticed(sold: str, what: str) -> None:
    _change(sold, _LOST[what])
    assert any(wrong.startswith(f"{what} is not there") for wrong in exactness.violations(sold, TOLD))


@pytest.mark.parametrize("kind", DATABASES)
def test_a_short_run_is_measured_and_nothing_is_wrong(kind: str, tmp_path: Path) -> None:
    figures = Figures((HERE,))
    webhook.measure(Bench(tmp_path, (HERE,), (kind,), runs=1, requests=30, seconds=60), figures)
    assert figures.wrong == []
    rates = {measure: by_version for (measure, name), by_version in figures.values.items() if name == "requests/s"}
    assert len(rates) == len(webhook.CASES)
    assert all(rate > 0 for by_version in rates.values() for rate in by_version["here"])

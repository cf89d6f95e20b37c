"""Through a pooler that lends connections for one transaction each: all of it works, or the shop says at start why it does not."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from core import opening
from core.connections import postgres
from core.foundation import database
from core.foundation.jobs import outbox, standing
from core.foundation.settings import Settings
from core.shop import Shop
from tests import builders
from tests.databases import Server
from tests.fakes import FakeStripe, signed
from tests.pooler import pgbouncer
from webhook.app import create_app

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
SECRET = "a secret of sixteen letters"


@pytest.fixture
def pooled(database_url: str) -> Iterator[str]:
    with pgbouncer(database_url) as url:
        yield url


def test_sixteen_checkouts_at_once_and_their_payments_go_through_it(
    shop: Shop, stripe: FakeStripe, pooled: str
) -> None:
    through = replace(shop, engine=database.connect(pooled))
    assert postgres.is_pooled(through.engine)
    assert not postgres.is_pooled(shop.engine)
    # More often than a driver takes to prepare what it is asked, on more connections than there are.
    for _ in range(3):
        opened = builders.at_once(
            *[lambda n=n: builders.opened(through, "guide-eur", cart=f"cart_{n}") for n in range(16)]
        )
        assert not [each for each in opened if isinstance(each, Exception)]
    events = []
    for _, session_id in opened:
        stripe.pay(session_id)
        events.append(signed(stripe.event("completed", session_id)))
    with TestClient(create_app(through)) as client:
        answers = builders.at_once(
            *[
                lambda body=body, signature=signature: client.post(
                    "/webhooks/stripe", content=body, headers={"Stripe-Signature": signature}
                ).json()["state"]
                for body, signature in events * 2
            ]
        )
    assert answers == ["applied"] * 32
    assert {builders.status(through, order_id) for order_id, _ in opened} == {"fulfilled"}
    # What is owed went through it as well, once.
    owed = outbox.open_client(through.engine).list_workflows(name="receipt")
    assert len(owed) == 16
    assert builders.at_once(*[lambda: len(standing.executors(through.engine)) for _ in range(16)]) == [0] * 16
    through.engine.dispose()


def test_no_transaction_waits_for_ever_and_nothing_is_left_on_what_others_are_lent(
    database_url: str, pooled: str
) -> None:
    settings = ("lock_timeout", "statement_timeout", "enable_seqscan", "jit")
    said = text("select " + ", ".join(f"current_setting('{name}')" for name in settings))
    for url in (database_url, pooled):
        engine = database.connect(url)
        with database.reading(engine) as session:
            assert session.execute(said).one() == ("10s", "1min", "off", "off")
        with database.reading(engine, patiently=True) as session:
            assert session.execute(said).one() == ("0", "0", "on", "off")
        with database.reading(engine) as session:
            assert session.execute(said).one() == ("10s", "1min", "off", "off")
        engine.dispose()
    # Somebody else's, who has asked for nothing, has what the server gives everybody.
    with psycopg.connect(pooled) as connection:
        assert connection.execute(said.text).fetchone() == ("0", "0", "on", "on")


def test_a_table_that_has_few_rows_as_yet_is_not_read_as_a_whole(shop: Shop) -> None:
    with shop.transaction() as session:
        session.execute(text("analyze products"))
        plan = session.execute(text("explain select * from products where id = any('{guide,kit}')")).scalars()
        assert "Seq Scan" not in "\n".join(plan)


def test_who_waits_for_a_lock_too_long_is_told_to_come_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres.LIMITS, "lock_timeout", 50)
    hasty = database.connect(shop.settings.database_url)
    with shop.transaction() as session:
        session.execute(text("select id from products for update"))
        with pytest.raises(database.TROUBLE) as waited, hasty.begin() as connection:
            connection.execute(text("update products set position = 0"))
    assert database.is_away(waited.value)
    hasty.dispose()


def test_without_the_databases_own_address_the_shop_says_why_it_does_not_start(
    database_url: str, pooled: str, postgres_server: Server
) -> None:
    through, itself = database.connect(pooled), database.connect(database_url)
    alone = Settings(database_url=pooled, secret_key=SECRET)
    with pytest.raises(SystemExit, match=r"DATABASE_URL: leads to a pooler such as PgBouncer.*set DATABASE_DIRECT_URL"):
        opening.migrate(alone, through, secret=SECRET)
    both = Settings(database_url=pooled, database_direct_url=pooled, secret_key=SECRET)
    with pytest.raises(SystemExit, match="DATABASE_DIRECT_URL: leads to a pooler as well"):
        opening.migrate(both, through, secret=SECRET)
    elsewhere = postgres_server.address_of("postgres")
    astray = Settings(database_url=pooled, database_direct_url=elsewhere, secret_key=SECRET)
    with pytest.raises(SystemExit, match="DATABASE_DIRECT_URL: leads to another database than DATABASE_URL"):
        opening.migrate(astray, through, secret=SECRET)
    with psycopg.connect(elsewhere) as connection:
        assert connection.execute("select to_regclass('orders')").fetchone() == (None,), "nothing was made there"
    with itself.begin() as connection:
        connection.execute(text("update schema_ready set version = '0000'"))
    fit = Settings(database_url=pooled, database_direct_url=database_url, secret_key=SECRET)
    assert opening.migrate(fit, through, secret=SECRET) is True
    through.dispose()
    itself.dispose()

"""What a question about a licence costs: one transaction, and no more statements than it needs."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from core.kinds.license_keys import fingerprint
from core.licensing import calls
from core.licensing.calls import Call, Question
from core.shop import Shop
from tests import builders
from tests.conftest import Block
from tests.core.licensing.asking import App, sold
from tests.core.test_statements import statements
from tests.fakes import FakeStripe
from webhook.app import create_app

# The hit of the limit by address, the licence with its grant and its places, and the machine that is seen. Activating an
# existing machine: the limits by address and by key, the licence, the machine as it is, and as it is from now on.
MOST = {"validate": 3, "activate": 5, "deactivate": 3, "offline": 8}
# More machines than there are connections to a database.
MANY = 25


@pytest.mark.parametrize("call", MOST)
def test_a_call_takes_one_transaction_and_few_statements(shop: Shop, stripe: FakeStripe, call: str) -> None:
    app = App(TestClient(create_app(shop)), sold(shop, stripe)[1])
    app.ask("activate", fingerprint="fp")
    shop.now.pass_(hours=1)  # type: ignore[attr-defined]
    with statements(shop.engine) as heard:
        assert app.code(call, fingerprint="fp") == "VALID"
    assert [each for each in heard if each in ("BEGIN", "COMMIT", "ROLLBACK")] == ["BEGIN", "COMMIT"]
    asked = [each for each in heard if each not in ("BEGIN", "COMMIT", "begin immediate")]
    assert len(asked) <= MOST[call], "\n".join(asked)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_machines_of_a_key_that_somebody_has_locked_leave_connections_to_everybody_else(
    shop: Shop, stripe: FakeStripe, own_connections: Callable[[], Shop], waiting_for_nobody: Block
) -> None:
    _, key = sold(shop, stripe, machines=MANY)
    other = sold(shop, stripe, cart="other")[1]
    own = builders.without_limits(own_connections())

    def activates(key: str, number: int) -> int:
        return calls.reply(own, Call.ACTIVATE, Question(key, "kit", f"machine {number}"), address="192.0.2.1").status

    with ThreadPoolExecutor(MANY) as pool, shop.engine.begin() as connection:
        connection.execute(
            text("select 1 from license_keys where key_hash = :hash for update"), {"hash": fingerprint(key)}
        )
        waiting = [pool.submit(activates, key, number) for number in range(MANY)]
        time.sleep(1)  # as many come as get in
        with waiting_for_nobody():
            assert activates(other, 0) == 200
        connection.rollback()
        assert {each.result(30) for each in waiting} == {200}

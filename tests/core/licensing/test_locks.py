"""A key that somebody else has locked is waited for on PostgreSQL, and what became of it meanwhile counts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, text

from core.journeys import refund
from core.kinds.license_keys import fingerprint
from core.kinds.licenses import LicenseActivation
from core.licensing import calls
from core.licensing.calls import Call, Question
from core.licensing.offline_tokens import OfflineToken
from core.shop import Shop
from tests import builders
from tests.core.licensing.asking import sold
from tests.fakes import FakeStripe
from tests.machine import eventually

ANOTHER = """
    insert into license_activations (id, license_key_id, fingerprint, label, meta, created_at, last_seen_at)
    select 'act_1', id, 'other', '', '{}', created_at, created_at from license_keys
"""


def meanwhile(shop: Shop, key: str, call: Call, act: Callable[[Connection], object]) -> dict[str, Any]:
    """What is answered to a call that waits for its key while this is done, on the connection that has locked it or beside it."""
    asked = Question(key, "kit", "fp")
    with ThreadPoolExecutor(1) as app, shop.engine.begin() as connection:
        connection.execute(
            text("select 1 from license_keys where key_hash = :hash for update"), {"hash": fingerprint(key)}
        )
        waiting = app.submit(calls.reply, shop, call, asked, address="192.0.2.1")
        eventually(lambda: builders.waiting_for_locks(shop) == 1)
        act(connection)
        connection.commit()
        said: dict[str, Any] = orjson.loads(waiting.result(60).body)
    return said


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("call", [Call.ACTIVATE, Call.LEASE, Call.OFFLINE])
def test_whoever_waits_for_a_key_gets_nothing_once_its_money_went_back(
    shop: Shop, stripe: FakeStripe, call: Call
) -> None:
    """An offline token that was given out then would go on for three months."""
    order_id, key = sold(shop, stripe, machines=2, floating=call is Call.LEASE)
    said = meanwhile(shop, key, call, lambda _: refund.request(shop, order_id, actor="owner"))
    assert builders.grants(shop, order_id) == [("kit", "revoked")]
    assert (said["valid"], said["code"], "token" in said) == (False, "REVOKED", False)
    assert builders.rows(shop, LicenseActivation) == builders.rows(shop, OfflineToken) == []


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_whoever_waits_for_a_key_is_told_of_the_places_as_they_are_by_then(shop: Shop, stripe: FakeStripe) -> None:
    _, key = sold(shop, stripe, machines=2)

    said = meanwhile(shop, key, Call.ACTIVATE, lambda connection: connection.exec_driver_sql(ANOTHER))
    assert said["license"]["activations"] == {"used": 2, "limit": 2}

"""Licences that end by time alone: endpoints are told of each end, once, whoever looks."""

from datetime import timedelta
from typing import Any

import orjson
from sqlmodel import select

from core.journeys import refund
from core.kinds.licenses import LicenseKey
from core.licensing import expiries
from core.outgoing.messages import WebhookMessage
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.outgoing.receiver import listens
from tests.fakes import FakeStripe


def told(shop: Shop) -> list[Any]:
    """What endpoints were told of licences since they were sold, oldest first."""
    rows = sorted(builders.rows(shop, WebhookMessage), key=lambda row: row.created_at)
    return [said for row in rows if (said := orjson.loads(row.body)["data"])["status"] != "active"]


def test_each_end_is_told_once_whoever_looks_and_again_when_it_was_put_off(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    listens(shop, "http://127.0.0.1:9/", "license.changed")
    builders.license_terms(shop, valid_for="14 days")
    builders.bought(shop, stripe, "kit-eur")
    assert expiries.tell(shop) == 0
    clock.pass_(days=14)
    looked = builders.at_once(*[lambda: expiries.tell(shop)] * 4)
    assert not [each for each in looked if isinstance(each, Exception)], looked
    assert expiries.tell(shop) == 0
    (said,) = told(shop)
    (key,) = builders.rows(shop, LicenseKey)
    assert (said["license"], said["status"], said["key_hint"]) == (key.id, "expired", key.hint)
    with shop.transaction() as session:
        session.exec(select(LicenseKey)).one().expires_at = shop.now() + timedelta(days=1)
    assert expiries.tell(shop) == 0
    clock.pass_(days=1)
    assert expiries.tell(shop) == 1
    assert [each["status"] for each in told(shop)] == ["expired", "expired"]


@builders.on_sqlite
def test_what_did_not_work_anyway_or_nobody_listened_to_is_not_told_later(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.license_terms(shop, valid_for="14 days")
    builders.bought(shop, stripe, "kit-eur")
    clock.pass_(days=14)
    assert expiries.tell(shop) == 1
    listens(shop, "http://127.0.0.1:9/", "license.changed")
    assert expiries.tell(shop) == 0
    second = builders.bought(shop, stripe, "kit-eur", cart="cart_2")
    refund.request(shop, second, actor="owner", key="1")
    builders.deliver(shop, stripe.tell("refund.updated", next(reversed(stripe.refunds.values()))))
    before = told(shop)
    clock.pass_(days=14)
    assert expiries.tell(shop) == 1
    assert told(shop) == before

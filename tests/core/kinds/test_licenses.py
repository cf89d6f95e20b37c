"""Keys as fulfilment makes them: as many as were bought, on the terms of that moment, readable by their buyer alone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from core.catalog import license_terms
from core.kinds import license_keys
from core.kinds.grants import License
from core.kinds.licenses import LicenseKey, Origin
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe

TERMS = {
    "machines": 2, "valid_for": "1 year", "updates_for": "6 months", "on_expiry": "keep", "floating": True,
    "prefix": "KIT", "features": {"sso": True, "projects": 10},
}  # fmt: skip


def licenses(shop: Shop, order_id: str) -> tuple[License, ...]:
    return builders.deliveries(shop, order_id)[0].licenses


def test_a_quantity_of_three_makes_three_keys_each_with_all_its_machines(shop: Shop, stripe: FakeStripe) -> None:
    builders.license_terms(shop)
    order_id = builders.bought(shop, stripe, ("kit-eur", 3))
    found = licenses(shop, order_id)
    assert [(each.most, each.used(shop.now())) for each in found] == [(3, 0)] * 3
    assert len({each.key for each in found}) == 3
    assert [row.position for row in builders.rows(shop, LicenseKey)] == [0, 1, 2]


def test_no_table_holds_a_key_that_can_be_read(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    [license] = licenses(shop, order_id)
    with shop.reading() as session:
        [row] = session.execute(text("select * from license_keys")).mappings().all()
    body = license_keys.canonical(license.key)
    assert license_keys.is_well_formed(license.key)
    assert not any(body[:-6] in license_keys.canonical(str(value)) for value in row.values())
    assert (row["key_hash"], row["hint"]) == (license_keys.fingerprint(license.key), body[-6:])
    assert (row["origin"], bool(row["livemode"]), row["product_id"]) == (Origin.ORDER, False, "kit")


def test_with_another_secret_key_the_key_cannot_be_shown_and_its_hint_can(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    settings = shop.settings.model_copy(update={"secret_key": type(shop.settings.secret_key)("quite another secret")})
    settings.__dict__.pop("signing_key", None)
    [license] = licenses(replace(shop, settings=settings), order_id)
    assert (license.key, license.hint) == ("", builders.rows(shop, LicenseKey)[0].hint)


def test_terms_are_copied_when_a_key_is_made_and_editing_the_product_changes_none(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.license_terms(shop, **TERMS)
    order_id = builders.bought(shop, stripe, "kit-eur")
    made = shop.now()
    before = builders.rows(shop, LicenseKey)
    builders.license_terms(shop, machines=50, valid_for="20 years")
    clock.pass_(days=3)
    # Whatever happens to its money: the very same key, on the terms that it had.
    dispute = stripe.dispute(builders.payment_of(shop, order_id))
    builders.deliver(shop, stripe.tell("charge.dispute.created", dispute))
    dispute["status"] = "won"
    builders.deliver(shop, stripe.tell("charge.dispute.closed", dispute))
    assert builders.grants(shop, order_id) == [("kit", "active")]
    [row] = after = builders.rows(shop, LicenseKey)
    assert [each.model_dump() for each in after] == [each.model_dump() for each in before]
    assert (row.machines, row.floating, row.on_expiry, row.features) == (2, True, "keep", TERMS["features"])
    assert (row.expires_at, row.updates_until) == (
        license_terms.later(made, "1 year"),
        license_terms.later(made, "6 months"),
    )
    assert licenses(shop, order_id)[0].key.startswith("KIT-")


@pytest.mark.parametrize(
    ("span", "after"),
    [("1 day", "2024-02-01"), ("1 month", "2024-02-29"), ("13 months", "2025-02-28"), ("1 year", "2025-01-31"),
     ("11 months", "2024-12-31"), ("30 days", "2024-03-01")],
)  # fmt: skip
def test_spans_go_by_the_calendar(span: str, after: str) -> None:
    assert license_terms.later(datetime(2024, 1, 31, 9, tzinfo=UTC), span) == datetime.fromisoformat(f"{after}T09:00Z")


@pytest.mark.parametrize("span", ["0 days", "a year", "1 week", "-1 day", "1.5 years"])
def test_what_is_no_span_is_refused(span: str) -> None:
    with pytest.raises(ValueError, match="is no span"):
        license_terms.later(datetime(2024, 1, 31, tzinfo=UTC), span)

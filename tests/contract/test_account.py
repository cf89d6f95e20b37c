"""The account as the doctor looks at it, asked of the sandbox through the SDK: every call is one that Stripe's API has."""

import time

import pytest

from core.events.handlers import HANDLERS
from core.gateway.account import StripeAccount
from core.gateway.permissions import Right
from tests.sandbox.running import KEY, World

URL = "http://127.0.0.1:9/webhooks/stripe"


@pytest.fixture
def account(world: World) -> StripeAccount:
    world.http.post("/sandbox/reset").raise_for_status()
    return StripeAccount(KEY, base=world.settings.base_url)


def test_the_key_stands_in_test_mode_at_the_time_that_it_is(account: StripeAccount) -> None:
    standing = account.standing()
    assert not standing.livemode
    assert abs(standing.at.timestamp() - time.time()) < 5


@pytest.mark.parametrize("right", Right)
def test_to_try_a_right_changes_nothing(account: StripeAccount, world: World, right: Right) -> None:
    account.try_right(right)
    assert world.http.get("/v1/events", headers={"Authorization": f"Bearer {KEY}"}).json()["data"] == []


def test_an_endpoint_is_made_and_told_of_more(account: StripeAccount) -> None:
    made = account.make_endpoint(URL, ["charge.refunded"], shop_id="shop_1")
    assert made["secret"].startswith("whsec_")
    account.tell_endpoint(made["id"], sorted(HANDLERS))
    (found,) = account.endpoints()
    assert (found["url"], found["metadata"], found["api_version"]) == (URL, {"shop_id": "shop_1"}, account.api_version)
    assert set(found["enabled_events"]) == set(HANDLERS)


def test_a_price_is_found_with_its_product_and_a_foreign_one_is_not(account: StripeAccount, world: World) -> None:
    price = world.api.prices.create({"currency": "eur", "unit_amount": 2900, "product_data": {"name": "Guide"}})
    found = account.find_price(price.id)
    assert found is not None
    assert (found["unit_amount"], found["product"]["active"]) == (2900, True)
    assert account.find_price("price_of_another") is None


def test_a_plan_s_price_is_made_once_and_found_by_its_lookup_key(account: StripeAccount) -> None:
    assert account.price_by_key("plan-month") is None
    product = account.make_product({"name": "Plan", "metadata": {"product_id": "plan"}}, key="product:plan")
    asked = {
        "product": product["id"], "currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"},
        "lookup_key": "plan-month", "transfer_lookup_key": True,
    }  # fmt: skip
    made = account.create_price(asked, key="plan:1")
    assert account.create_price(asked, key="plan:1")["id"] == made["id"]
    dearer = account.create_price({**asked, "unit_amount": 1000}, key="plan:2")
    there = account.price_by_key("plan-month")
    assert there is not None
    assert (there["id"], there["product"]["id"]) == (dearer["id"], product["id"])
    renamed = account.change_product(product["id"], {"name": "Team", "tax_code": "txcd_10103000"})
    assert (renamed["name"], renamed["tax_code"]) == ("Team", "txcd_10103000")
    there = account.find_product(product["id"])
    assert there
    assert (there["name"], there["active"]) == ("Team", True)
    assert account.find_product("prod_nobody") is None
    asked_of_portal = {"features": {"invoice_history": {"enabled": True}}, "metadata": {"shop_id": "shop_1"}}
    portal = account.make_portal(asked_of_portal, key="portal:1")
    assert account.make_portal(asked_of_portal, key="portal:1")["id"] == portal["id"]
    assert portal["id"] in [each["id"] for each in account.portals() if each["metadata"] == {"shop_id": "shop_1"}]
    seats = {"enabled": True, "minimum": 1, "maximum": 50}
    switching = {
        "enabled": True, "default_allowed_updates": ["price", "quantity"], "proration_behavior": "always_invoice",
        "products": [{"product": product["id"], "prices": [dearer["id"]], "adjustable_quantity": seats}],
    }  # fmt: skip
    assert account.set_up_portal(portal["id"], {"subscription_update": switching})["features"]["subscription_update"][
        "enabled"
    ]

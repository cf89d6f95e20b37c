"""Plans at Stripe: one product and one price each, by whichever way they come there, in each mode apart; and the portal."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core.catalog import plan_prices
from core.catalog.products import Price, Product
from core.correspondence import drafts
from core.foundation.errors import PermissionMissing, StripeRefused, StripeUnreachable
from core.foundation.money import Money
from core.foundation.settings import SANDBOX_KEY
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.journeys import checkout
from core.journeys.billing import plans, plans_at_stripe, portal
from core.messages.wording import Message
from core.orders.subscription_items import SubscriptionItem
from core.owner import publishing
from core.owner.shelves import editing, pricing, stripe_prices
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import CATALOGUE
from tests.fakes import FakeStripe, session_in


@pytest.fixture
def owner(shop: Shop) -> str:
    """The sign-in of an owner."""
    return colleagues.works_as(shop, Role.OWNER)


def known(shop: Shop) -> dict[str, str | None]:
    """Stripe's price of each of the plan's that is on sale."""
    with shop.reading() as session:
        found = plan_prices.on_sale(session, shop.settings.mode, product_id="plan")
    return {each.price.id: each.at_stripe for each in found}


def notices(shop: Shop) -> list[Message]:
    """The letters to the owners about the shop, as they read now, the newest last."""
    found = [drafts.of_id(job) for job in builders.jobs(shop) if job.startswith("shop_notice:")]
    return [written for draft in found if draft and (written := drafts.write(shop, draft))]


def lines(stripe: FakeStripe, session_id: str) -> list[dict[str, object]]:
    return list(stripe._asked[session_id]["line_items"])


def test_two_checkouts_make_one_product_and_a_price_each_once(shop: Shop, stripe: FakeStripe) -> None:
    first = builders.opened(shop, "plan-month", cart="cart_1")[1]
    second = builders.opened(shop, "plan-month", cart="cart_2")[1]
    assert lines(stripe, first) == lines(stripe, second) == [{"price": known(shop)["plan-month"], "quantity": 1}]
    assert len(stripe.products) == 1
    assert {each["lookup_key"]: each["unit_amount"] for each in stripe.prices.values()} == {
        "plan-month": 900, "plan-year": 9000,
    }  # fmt: skip
    (product,) = stripe.products.values()
    assert (product["name"], product["metadata"]) == ("Plan", {"product_id": "plan", "shop_id": shop.id})
    # Nothing about that is the seller's: neither what drifts from the file, nor what is written into another.
    with shop.reading() as session:
        assert session.get_one(Price, "plan-month").stripe_price_id is None


def test_checkouts_and_the_job_at_once_make_one_product(shop: Shop, stripe: FakeStripe) -> None:
    with ThreadPoolExecutor(4) as pool:
        carts = [pool.submit(builders.opened, shop, "plan-year", cart=f"cart_{each}") for each in range(3)]
        job = pool.submit(plans_at_stripe.tell, shop, "plan")
        for each in [*carts, job]:
            each.result()
    assert (len(stripe.products), len(stripe.prices), len(stripe.portal_configurations)) == (1, 2, 1)


@builders.on_sqlite
def test_a_plan_is_bought_by_its_own_price_and_known_again(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, ("plan-month", 3))
    assert builders.status(shop, order_id) == "fulfilled"
    # As where its lookup key has gone over to another price since.
    stripe.prices[str(known(shop)["plan-month"])]["lookup_key"] = None
    (subscription,) = stripe.subscriptions.values()
    subscription["items"]["data"][0]["price"]["lookup_key"] = None
    plans.refresh(shop, subscription["id"])
    (item,) = builders.rows(shop, SubscriptionItem)
    assert (item.price_id, item.quantity) == ("plan-month", 3)


@builders.on_sqlite
def test_what_is_at_stripe_under_the_lookup_key_is_taken_where_it_is_the_same(shop: Shop, stripe: FakeStripe) -> None:
    there = stripe.make_product({"name": "Theirs", "metadata": {}}, key="theirs")["id"]
    kept = {"currency": "eur", "recurring": {"interval": "month"}, "product": there}
    month = stripe.create_price({**kept, "unit_amount": 900, "lookup_key": "plan-month"}, key="1")["id"]
    stripe.create_price({**kept, "unit_amount": 800, "lookup_key": "plan-year"}, key="2")
    plans_at_stripe.bring(shop, "plan")
    assert known(shop)["plan-month"] == month
    year = stripe.prices[str(known(shop)["plan-year"])]
    assert (year["unit_amount"], year["lookup_key"], year["product"]) == (9000, "plan-year", there)
    # What the seller calls it at Stripe stays as it is.
    assert stripe.products[there]["name"] == "Theirs"


@builders.on_sqlite
def test_a_price_of_another_shop_on_the_same_account_is_not_taken(shop: Shop, stripe: FakeStripe) -> None:
    theirs = stripe.make_product({"name": "Plan", "metadata": {"shop_id": "shop_other"}}, key="theirs")["id"]
    asked = {"currency": "eur", "recurring": {"interval": "month"}, "product": theirs, "unit_amount": 900}
    stripe.create_price({**asked, "lookup_key": "plan-month"}, key="1")
    plans_at_stripe.bring(shop, "plan")
    assert stripe.prices[str(known(shop)["plan-month"])]["product"] != theirs


@builders.on_sqlite
def test_test_and_live_mode_have_their_own(shop: Shop, stripe: FakeStripe) -> None:
    plans_at_stripe.bring(shop, "plan")
    live = replace(shop, settings=shop.settings.model_copy(update={"stripe_secret_key": SecretStr("sk_live_x")}))
    assert known(live) == {"plan-month": None, "plan-year": None}
    other = replace(live, stripe=FakeStripe())
    plans_at_stripe.bring(other, "plan")
    before = known(shop)
    assert None not in {*before.values(), *known(live).values()}
    plans_at_stripe.bring(shop, "plan")
    assert known(shop) == before


@builders.on_sqlite
def test_prices_that_stripe_no_longer_knows_are_made_anew_by_the_checkout_that_meets_it(
    shop: Shop, stripe: FakeStripe
) -> None:
    plans_at_stripe.bring(shop, "plan")
    gone = known(shop)["plan-month"]
    stripe.prices.clear()
    stripe.products.clear()
    stripe.by_key.clear()
    _, session_id = builders.opened(shop, "plan-month")
    assert lines(stripe, session_id)[0]["price"] == known(shop)["plan-month"] != gone


@builders.on_sqlite
def test_a_refusal_for_another_reason_is_told(shop: Shop, stripe: FakeStripe) -> None:
    plans_at_stripe.bring(shop, "plan")
    stripe.trouble = [StripeRefused("url_invalid", "Not a valid URL")]
    before = known(shop)
    with pytest.raises(StripeRefused):
        builders.opened(shop, "plan-month")
    assert known(shop) == before


@builders.on_sqlite
def test_a_key_that_may_make_no_products_is_told_of_and_nothing_is_placed(shop: Shop, stripe: FakeStripe) -> None:
    stripe.forbidden = {"make_product"}
    with pytest.raises(PermissionMissing):
        builders.opened(shop, "plan-month")
    with shop.reading() as session:
        assert milestones.last(session, Name.PAYMENT_PAGE_REFUSED) is not None
    stripe.forbidden = set()
    assert builders.opened(shop, "plan-month")


@builders.on_sqlite
def test_a_dearer_price_gets_one_of_its_own_under_the_same_product(shop: Shop, stripe: FakeStripe, owner: str) -> None:
    plans_at_stripe.tell(shop, "plan")
    old = str(known(shop)["plan-month"])
    new = pricing.replace(shop, "plan-month", Money(1200, "eur"), deed=colleagues.deed(owner))
    owed = builders.jobs(shop)
    assert f"archive_price:plan-month:None:{new}" in owed
    assert any(each.startswith("plan_prices:plan:") for each in owed)
    plans_at_stripe.tell(shop, "plan")
    stripe_prices.archive(shop, "plan-month", new)
    made = stripe.prices[str(known(shop)[new])]
    assert (made["unit_amount"], made["product"]) == (1200, stripe.prices[old]["product"])
    assert not stripe.prices[old]["active"]
    (configuration,) = stripe.portal_configurations.values()
    (between,) = configuration["features"]["subscription_update"]["products"]
    assert sorted(between["prices"]) == sorted(map(str, known(shop).values()))


@builders.on_sqlite
def test_a_plan_that_is_called_otherwise_is_so_at_stripe(shop: Shop, stripe: FakeStripe, owner: str) -> None:
    plans_at_stripe.bring(shop, "plan")
    with shop.reading() as session:
        seen = session.get_one(Product, "plan").updated_at
    editing.save(shop, "plan", {"name": "Studio", "tax_code": "business_saas"}, seen=seen, deed=colleagues.deed(owner))
    assert any(each.startswith("plan_prices:plan:") for each in builders.jobs(shop))
    plans_at_stripe.bring(shop, "plan")
    (product,) = stripe.products.values()
    assert (product["name"], product["tax_code"]) == ("Studio", "txcd_10103001")


@builders.on_sqlite
@pytest.mark.parametrize(
    ("key", "image", "shown"),
    [
        ("sk_live_x", "pictures/plan/1.png", ["https://shop.example/api/pictures/plan/1.png"]),
        ("sk_live_x", "covers/plan.svg", None),  # which Stripe does not draw
        ("sk_test_x", "pictures/plan/1.png", None),  # it may be of a machine that Stripe does not reach
        (
            SANDBOX_KEY,
            "covers/plan.svg",
            ["https://shop.example/app/static/covers/plan-sq.svg"],
        ),  # the sandbox does both
    ],
)
def test_a_plan_is_shown_by_its_picture_where_stripe_can_as_what_is_paid_once_is(
    shop: Shop, stripe: FakeStripe, key: str, image: str, shown: list[str] | None
) -> None:
    said = {"stripe_secret_key": SecretStr(key), "app_url": "https://shop.example"}
    there = replace(shop, settings=shop.settings.model_copy(update=said))
    plans_at_stripe.bring(there, "plan")
    (made,) = stripe.products.values()
    assert made.get("images") is None
    with there.transaction() as session:
        for each in ("plan", "guide"):
            session.get_one(Product, each).image = image
    plans_at_stripe.bring(there, "plan")
    (described,) = stripe.products.values()
    assert described.get("images") == shown
    _, session_id = builders.opened(there, "guide-eur")
    assert lines(stripe, session_id)[0]["price_data"]["product_data"].get("images") == shown  # type: ignore[index]


@builders.on_sqlite
def test_a_catalogue_that_is_applied_again_forgets_nothing(shop: Shop, stripe: FakeStripe) -> None:
    plans_at_stripe.bring(shop, "plan")
    before = known(shop)
    publishing.apply(shop, CATALOGUE)
    assert known(shop) == before
    assert any(each.startswith("plan_prices:plan:") for each in builders.jobs(shop))


@builders.on_sqlite
def test_a_price_or_product_that_is_archived_at_stripe_is_sold_no_more(shop: Shop, stripe: FakeStripe) -> None:
    plans_at_stripe.bring(shop, "plan")
    month = str(known(shop)["plan-month"])
    stripe.archive_price(month)
    builders.deliver(shop, stripe.tell("price.updated", stripe.prices[month]))
    assert list(known(shop)) == ["plan-year"]
    product = stripe.products[stripe.prices[month]["product"]]
    product["active"] = False
    builders.deliver(shop, stripe.tell("product.updated", product))
    assert known(shop) == {}


@builders.on_sqlite
def test_the_owners_hear_of_what_is_sold_no_more_since_stripe_does_not_until_it_is_again(
    shop: Shop, stripe: FakeStripe
) -> None:
    plans_at_stripe.bring(shop, "plan")
    month = str(known(shop)["plan-month"])
    stripe.archive_price(month)
    product = stripe.products[stripe.prices[month]["product"]]
    for _ in range(2):  # the second changes nothing, and is no news
        builders.deliver(shop, stripe.tell("price.updated", stripe.prices[month]))
    [of_price] = notices(shop)
    assert "Plan, €9.00 per month" in of_price.text
    product["active"] = False
    for _ in range(2):
        builders.deliver(shop, stripe.tell("product.updated", product))
    [_, of_product] = notices(shop)
    assert of_product.to == "owner@example.com"
    assert of_product.subject == "Stripe no longer sells something of yours, so the shop does not either"
    assert "Plan was archived or deleted at Stripe" in of_product.text
    publishing.apply(shop, CATALOGUE)
    assert notices(shop) == []


@builders.on_sqlite
def test_the_owners_hear_nothing_of_what_they_took_off_the_shelves_themselves(shop: Shop, stripe: FakeStripe) -> None:
    plans_at_stripe.bring(shop, "plan")
    month = str(known(shop)["plan-month"])
    with shop.transaction() as session:
        session.get_one(Product, "plan").active = False
    stripe.archive_price(month)
    builders.deliver(shop, stripe.tell("price.updated", stripe.prices[month]))
    assert notices(shop) == []


@builders.on_sqlite
def test_the_portal_is_set_up_once_and_by_whoever_opens_it_first(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    assert portal.open_page(shop, "nora@lindqvist.example", order_id)
    assert portal.open_page(shop, "nora@lindqvist.example", order_id, cancel=True)
    ((name, configuration),) = stripe.portal_configurations.items()
    assert configuration["metadata"] == {"shop_id": shop.id}
    assert configuration["features"]["subscription_update"]["products"] == [
        {
            "product": next(iter(stripe.products)), "prices": [known(shop)["plan-month"], known(shop)["plan-year"]],
            "adjustable_quantity": {"enabled": True, "minimum": 1, "maximum": 50},
        }
    ]  # fmt: skip
    # Whoever leaves is asked why, which Stripe does only where it is told to.
    why = configuration["features"]["subscription_cancel"]["cancellation_reason"]
    assert why["enabled"]
    assert {"too_expensive", "other"} <= set(why["options"])
    # Another account's, or one that is no more: it is set up anew.
    del stripe.portal_configurations[name]
    stripe.by_key.clear()
    assert portal.open_page(shop, "nora@lindqvist.example", order_id)
    assert len(stripe.portal_configurations) == 1


@builders.on_sqlite
def test_while_stripe_does_not_answer_the_checkout_says_so_and_may_be_made_again(
    shop: Shop, stripe: FakeStripe
) -> None:
    stripe.trouble = [StripeUnreachable("api_connection_error")]
    with pytest.raises(StripeUnreachable):
        builders.opened(shop, "plan-month")
    link = checkout.start(shop, builders.a_basket("plan-month"))
    assert session_in(link.url) in stripe.sessions

"""What letters say, as things stand when they are written: of what was overtaken, nothing."""

from dataclasses import replace

from core.journeys import refund
from core.messages import contents
from core.orders.orders import Order
from core.orders.refunds import Refund
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe


def notice(shop: Shop, order_id: str, topic: str) -> contents.NoticeLetter | None:
    assert f"owner_notice:{order_id}:{topic}" in builders.jobs(shop)
    return contents.to_owners(shop, order_id, topic)


def paid_after_end(shop: Shop, stripe: FakeStripe, clock: Clock) -> tuple[str, str]:
    """An order whose plan was paid for once more after it had ended, and that invoice."""
    order_id, name = builders.subscribed(shop, stripe, "plan-month", "guide-eur")
    clock.pass_(days=31)
    owed = stripe.fail_renewal(name)
    builders.deliver(shop, stripe.tell("customer.subscription.deleted", stripe.end(name, reason="payment_failed")))
    clock.pass_(days=1)
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.pay_invoice(owed["id"])))
    builders.ask_stripe(shop)
    return order_id, str(owed["id"])


def test_owners_read_which_money_came_too_late_until_it_went_back(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, invoice = paid_after_end(shop, stripe, clock)
    letter = notice(shop, order_id, f"paid_after_end:{invoice}")
    assert letter
    assert (letter.topic, letter.amount.amount, letter.total.amount) == ("paid_after_end", 900, 4700)
    to_buyer = contents.about_payment(shop, order_id, invoice)
    assert to_buyer
    assert (to_buyer.email, to_buyer.amount.amount) == ("nora@lindqvist.example", 900)
    refund.request(shop, order_id, payment=invoice, actor="owner")
    assert notice(shop, order_id, f"paid_after_end:{invoice}") is None
    assert contents.about_payment(shop, order_id, invoice) is None


def test_owners_read_that_a_plan_bills_on_until_it_has_ended(shop: Shop, stripe: FakeStripe) -> None:
    asking = replace(shop, settings=shop.settings.model_copy(update={"plan_after_refund": "ask"}))
    order_id, name = builders.subscribed(asking, stripe)
    refund.request(asking, order_id, actor="owner")
    builders.end_plans(asking)
    # As a version of before has owed it, and as it is owed now.
    [request] = [row.request for row in builders.rows(asking, Refund)]
    assert f"owner_notice:{order_id}:plan_bills_on:{name}:{request}" in builders.jobs(asking)
    topics = (f"plan_bills_on:{name}", f"plan_bills_on:{name}:{request}")
    for topic in topics:
        letter = contents.to_owners(asking, order_id, topic)
        assert letter
        assert (letter.topic, letter.detail) == ("plan_bills_on", "")
    stripe.cancel_later(name)
    builders.ask_stripe(asking)
    assert [contents.to_owners(asking, order_id, topic) for topic in topics] == [None, None]
    stripe.end(name)
    builders.ask_stripe(asking)
    assert [contents.to_owners(asking, order_id, topic) for topic in topics] == [None, None]


def test_owners_read_what_blocks_an_order_and_not_what_else_needs_them(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, _ = paid_after_end(shop, stripe, clock)
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        order.attention = f"sold_out\n{order.attention}"
    letter = contents.to_owners(shop, order_id, "blocked")
    assert letter
    assert letter.detail == "sold_out"

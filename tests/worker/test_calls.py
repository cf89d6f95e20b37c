"""One turn of a job that calls Stripe: while it does not answer, or turns the key away, another turn is owed."""

import pytest

from core.catalog.products import Price
from core.foundation.errors import PermissionMissing, StripeKeyRefused, StripeRefused, StripeTrouble, StripeUnreachable
from core.foundation.jobs.kinds import Job, Turn
from core.foundation.money import Money
from core.journeys import refund
from core.owner.needs import attention
from core.owner.shelves import pricing, promotions
from core.owner.shelves.promotions import Promotion
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.fakes import FakeStripe
from worker import jobs
from worker.breaker import Breaker
from worker.sending import Post

REFUSED = StripeKeyRefused("api_key_expired", "Expired API Key provided: sk_test_****1234")
LACKING = PermissionMissing("permission_error", "The provided key does not have the required permissions")


def turn_of(shop: Shop, job: Job) -> Turn:
    """The first turn of such a job that is owed."""
    root = next(each for each in builders.jobs(shop) if each.startswith(f"{job}:"))
    arguments = tuple(root.split(":")[1:])
    # Of a question the rest is only the event that it is asked for.
    return Turn(job, root, 0, arguments[:1] if job is Job.ASK_STRIPE else arguments)


def take(shop: Shop, turn: Turn) -> None:
    jobs._take(Post(shop, "worker_1", Breaker()), turn)


@pytest.mark.parametrize("job", [Job.ASK_STRIPE, Job.CANCEL_SUBSCRIPTION])
@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (StripeUnreachable("api_connection_error"), []),
        (REFUSED, [("stripe_key_refused", "STRIPE_SECRET_KEY")]),
        (LACKING, [("stripe_key_refused", "permissions")]),
    ],
)
def test_what_stripe_did_not_decide_is_asked_again(
    shop: Shop, stripe: FakeStripe, job: Job, trouble: StripeTrouble, told: list[tuple[str, str]]
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    turn = turn_of(shop, job)
    stripe.trouble.append(trouble)
    take(shop, turn)
    assert f"{turn.root}#1" in builders.jobs(shop)
    assert [(item.topic, item.subject) for item in attention.items(shop) if item.topic.startswith("stripe")] == told
    take(shop, turn)
    assert f"{turn.root}#2" not in builders.jobs(shop)
    assert (stripe.subscriptions[name]["status"] == "canceled") is (job is Job.CANCEL_SUBSCRIPTION)


def test_what_stripe_refused_is_for_a_person(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    turn = turn_of(shop, Job.CANCEL_SUBSCRIPTION)
    stripe.trouble.append(StripeRefused("parameter_invalid"))
    with pytest.raises(StripeRefused):
        take(shop, turn)
    assert f"{turn.root}#1" not in builders.jobs(shop)


@pytest.mark.parametrize("job", [Job.ARCHIVE_PRICE, Job.PROMOTION_CODE])
def test_what_was_changed_on_the_shelves_is_told_to_stripe_once_it_answers(
    shop: Shop, stripe: FakeStripe, job: Job
) -> None:
    deed = colleagues.deed(colleagues.works_as(shop, Role.OWNER))
    if job is Job.ARCHIVE_PRICE:
        old = stripe.sell(2900)
        with shop.transaction() as session:
            session.get_one(Price, "guide-eur").stripe_price_id = old
        arguments: tuple[str, ...] = ("guide-eur", pricing.replace(shop, "guide-eur", Money(3500, "eur"), deed=deed))
    else:
        stripe.trouble.append(StripeUnreachable("api_connection_error"))
        with pytest.raises(StripeUnreachable):
            promotions.create(shop, Promotion("SPRING", percent=25.0), deed=deed)
        arguments = (next(each for each in builders.jobs(shop) if each.startswith(f"{job}:")).partition(":")[2],)
    turn = Turn(job, next(each for each in builders.jobs(shop) if each.startswith(f"{job}:")), 0, arguments)
    stripe.trouble.append(StripeUnreachable("api_connection_error"))
    take(shop, turn)
    assert f"{turn.root}#1" in builders.jobs(shop)
    take(shop, turn)
    assert f"{turn.root}#2" not in builders.jobs(shop)
    if job is Job.ARCHIVE_PRICE:
        assert [each["active"] for each in stripe.prices.values()] == [False, True]
    else:
        assert [each["code"] for each in stripe.promotion_codes.values()] == ["SPRING"]

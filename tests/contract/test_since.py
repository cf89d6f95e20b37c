"""What Stripe lists for ever: the Sessions that were completed, and the refunds and disputes, since a moment."""

from datetime import timedelta

from core.gateway.sessions import read_session
from tests import builders
from tests.contract.sides import Side


def test_what_was_completed_refunded_and_disputed_since_a_moment_is_listed(side: Side) -> None:
    since = side.clock() - timedelta(minutes=1)
    builders.opened(side.shop, "guide-eur", cart="left")
    _, first = builders.opened(side.shop, "guide-eur", cart="first")
    order_id, second = builders.opened(side.shop, "kit-eur", "clinic-eur", cart="second")
    side.pay(first)
    side.pay(second)
    side.pass_(minutes=2)
    assert (list(side.stripe.refunds_made(since=since)), list(side.stripe.disputes_raised(since=since))) == ([], [])
    listed, earlier = [read_session(each) for each in side.stripe.checkouts_completed(since=since)]
    assert (earlier.id, listed.id, listed.order_id, listed.is_paid) == (first, second, order_id, True)
    assert listed.metadata["copy_1"]
    assert listed.payment_intent
    assert earlier.payment_intent
    refund = side.refund(listed.payment_intent, 100)
    assert [each["id"] for each in side.stripe.refunds_made(since=since)] == [refund]
    dispute = side.dispute(earlier.payment_intent)
    assert [each["id"] for each in side.stripe.disputes_raised(since=since)] == [dispute]
    later = side.clock() + timedelta(days=1)
    for listing in (side.stripe.checkouts_completed, side.stripe.refunds_made, side.stripe.disputes_raised):
        assert list(listing(since=later)) == []

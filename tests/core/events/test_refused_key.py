"""A key that Stripe refuses stops the pass at once, is told to the owners once, and leaves all as it is until it is right again."""

import pytest

from core.correspondence import drafts
from core.events import reconciliation
from core.foundation.errors import PermissionMissing, StripeKeyRefused
from core.foundation.jobs.kinds import Job
from core.journeys import refund
from core.orders.refunds import Refund, RefundStatus
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.builders import bought, opened
from tests.conftest import Clock
from tests.fakes import FakeStripe


def refused() -> StripeKeyRefused:
    return StripeKeyRefused("api_key_expired", "Expired API Key provided: sk_test_***1234")


def notices(shop: Shop) -> list[str]:
    return [job for job in builders.jobs(shop) if job.startswith(f"{Job.SHOP_NOTICE}:")]


def test_a_refused_key_stops_the_pass_and_is_told_once_until_it_is_right_again(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = bought(shop, stripe)
    opened(shop, cart="open")
    reconciliation.sweep(shop, everything=True)
    clock.pass_(minutes=5)
    stripe.trouble += [refused()]
    with pytest.raises(StripeKeyRefused):
        refund.request(shop, order_id, actor="owner", key="asked")
    for _ in range(3):
        clock.pass_(minutes=5)
        stripe.calls.clear()
        stripe.trouble[:] = [refused()]
        report = reconciliation.sweep(shop)
        assert (len(stripe.calls), "Expired API Key" in report.stopped) == (1, True)
        (row,) = builders.rows(shop, Refund)
        assert row.status is RefundStatus.REQUESTED
    assert [item.topic for item in attention.items(shop)] == ["stripe_key_refused"]
    (job,) = notices(shop)
    draft = drafts.of_id(job)
    assert draft
    letter = drafts.write(shop, draft)
    assert letter
    assert (letter.to, letter.subject) == ("owner@example.com", "Stripe turns the shop's key away")
    assert "Expired API Key provided" in letter.text
    assert "refunds too" in letter.text
    stripe.trouble.clear()
    clock.pass_(minutes=5)
    reconciliation.sweep(shop)
    assert builders.status(shop, order_id) == "refunded"
    assert (attention.items(shop), drafts.write(shop, draft)) == ([], None)
    clock.pass_(hours=2)
    reconciliation.sweep(shop)
    stripe.trouble += [refused()]
    clock.pass_(minutes=5)
    reconciliation.sweep(shop)
    assert len(notices(shop)) == 2


def test_what_a_key_may_not_do_is_told_once_and_the_rest_goes_on(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, session_id = opened(shop)
    stripe.pay(session_id)
    for _ in range(2):
        clock.pass_(minutes=5)
        stripe.trouble += [PermissionMissing("more_permissions_required", "The key may not read events.")]
        reconciliation.sweep(shop)
    assert builders.status(shop, order_id) == "fulfilled"
    assert len(notices(shop)) == 1

"""The set-up list: each step is ticked off by a fact, and by nothing else."""

from dataclasses import replace

from sqlalchemy import update
from sqlmodel import col

from core.catalog.products import Product
from core.events import reconciliation
from core.messages import letters
from core.messages.letters import Letter, LetterState
from core.owner import setting_up
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.fakes import FakeStripe


def done(shop: Shop) -> set[str]:
    return {step.name for step in setting_up.steps(shop) if step.done}


def test_a_shop_of_today_has_all_of_it_before_it(shop: Shop) -> None:
    builders.pause_worker(shop, hours=1)
    # The catalogue of the tests is a shop's own.
    assert done(shop) == {"catalogue"}


def test_empty_shelves_sell_nothing_of_one_s_own(shop: Shop) -> None:
    with shop.transaction() as session:
        session.exec(update(Product).values(active=False, draft=True))
    assert "catalogue" not in done(shop)


def test_a_sale_of_one_s_own_ticks_off_what_it_proves(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    assert done(shop) == {"catalogue", "worker", "webhook", "sale"}
    with shop.transaction() as session:
        letters.put_off(session, f"receipt:{order_id}", "the mail server is down", order_id=order_id, now=shop.now())
    assert "mail" not in done(shop)
    with shop.transaction() as session:
        session.exec(update(Letter).where(col(Letter.order_id) == order_id).values(state=LetterState.SENT))
    assert "mail" in done(shop)


def test_keys_and_owners_are_told_by_the_settings(shop: Shop) -> None:
    settings = shop.settings.model_copy(
        update={"stripe_secret_key": builders.OWN_KEY, "owner_emails": ("ida@berg.com",)}
    )
    assert {"keys", "owners"} <= done(replace(shop, settings=settings))


def test_what_a_trial_proved_is_no_proof_for_a_live_shop(shop: Shop, stripe: FakeStripe) -> None:
    builders.bought(shop, stripe)
    assert not {"webhook", "sale"} & done(builders.live(shop))


def test_events_that_the_worker_asked_for_prove_no_webhook(shop: Shop, stripe: FakeStripe) -> None:
    order_id = only_asked_about(shop, stripe)
    assert builders.status(shop, order_id) == "fulfilled"
    assert not {"webhook"} & done(shop)
    deliver(shop, stripe.happened[0])
    assert "webhook" in done(shop)


def only_asked_about(shop: Shop, stripe: FakeStripe) -> str:
    """An order of which the worker alone has learned, since Stripe lists what happened."""
    order_id, session_id = builders.opened(shop, "guide-eur")
    stripe.pay(session_id)
    stripe.happened.append(stripe.event("completed", session_id))
    reconciliation.sweep(shop)
    return order_id

"""The fake says of every story what the sandbox says: the same events with the same data, and the same answers."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from core.events.handlers import HANDLERS
from core.gateway.client import Stripe
from tests.conftest import Clock
from tests.contract.conftest import Open
from tests.contract.fake_side import FakeSide
from tests.contract.likeness import Likeness
from tests.contract.sides import LONG_AGO, Side, told
from tests.contract.stories import STORIES

# By what an id begins with: what the shop can ask about it.
QUESTIONS: Mapping[str, list[Callable[[Stripe, str], Any]]] = {
    "cs": [lambda stripe, name: stripe.retrieve_checkout(name), lambda stripe, name: stripe.line_items_of(name)],
    "in": [
        lambda stripe, name: stripe.lines_of_invoice(name),
        lambda stripe, name: stripe.payment_intent_of_invoice(name),
        lambda stripe, name: [
            {"payment": payment, "amount": amount} for payment, amount in stripe.payments_of_invoice(name).items()
        ],
    ],
    "pi": [
        lambda stripe, name: stripe.find_checkout_of(payment_intent=name),
        lambda stripe, name: stripe.find_invoice_of(name),
    ],
    "ch": [lambda stripe, name: stripe.find_charge(name), lambda stripe, name: stripe.refunds_of(name)],
    "py": [lambda stripe, name: stripe.find_charge(name), lambda stripe, name: stripe.refunds_of(name)],
    "po": [
        lambda stripe, name: [each for each in stripe.payouts(since=LONG_AGO) if each["id"] == name],
        lambda stripe, name: list(stripe.transactions_of_payout(name)),
    ],
    "sub": [
        lambda stripe, name: stripe.find_subscription(name),
        lambda stripe, name: stripe.find_checkout_of(subscription=name),
        lambda stripe, name: stripe.invoices_of_subscription(name),
    ],
}
# Told by no story: what the shop never does or the fake never has, and what tells nothing that others do not.
UNTOLD = {
    "customer.subscription.paused", "customer.subscription.resumed",
    "invoice.payment_action_required", "invoice.marked_uncollectible", "invoice.voided", "invoice.finalization_failed",
    "credit_note.created", "credit_note.updated", "credit_note.voided",
    "product.updated", "product.deleted", "price.deleted", "payout.canceled", "payout.reconciliation_completed",
}  # fmt: skip


def by_kind(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What was told, by the type of event: of those at the same moment, Stripe promises no order."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        kinds[event["type"]].append(event)
    return dict(sorted(kinds.items()))


@pytest.mark.parametrize("story", STORIES)
def test_the_fake_tells_and_answers_what_the_sandbox_does(fake: Side, sandbox: Side, story: str) -> None:
    likeness = Likeness()
    for side in (fake, sandbox):
        STORIES[story](side)
    ours, theirs = by_kind(told(fake)), by_kind(told(sandbox))
    assert Counter(event["type"] for event in told(fake)) == Counter(event["type"] for event in told(sandbox))
    for kind in ours:
        for number, (our, their) in enumerate(zip(ours[kind], theirs[kind], strict=True)):
            likeness.same(our["data"]["object"], their["data"]["object"], f"{kind} {number}")
    for our_id, their_id in list(likeness.known.items()):
        for question in QUESTIONS.get(our_id.partition("_")[0], ()):
            likeness.same(question(fake.stripe, our_id), question(sandbox.stripe, their_id), f"asked about {our_id}")
    for side in (fake, sandbox):
        side.pass_(hours=2)
    moved = [list(side.stripe.balance_transactions(since=LONG_AGO)) for side in (fake, sandbox)]
    likeness.same(*moved, "the balance")


def test_the_stories_tell_every_event_that_means_something_to_the_shop(opened: Open) -> None:
    kinds: set[str] = set()
    for story in STORIES.values():
        side = opened(FakeSide(Clock()))
        story(side)
        kinds |= {event["type"] for event in told(side)}
    assert set(HANDLERS) - kinds == UNTOLD

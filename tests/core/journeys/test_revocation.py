"""Access ended by an owner, without money: with a reason, once, and given back the same way."""

import pytest

from core.foundation.errors import NeverPaid, NoSuchLine, OrderNotFound, RevocationChanged
from core.journeys import refund, revocation
from core.kinds.workshops import WorkshopDate
from core.orders.history import FulfillmentLog
from core.orders.orders import Order
from core.people.audit import AuditEntry
from core.people.staff import Action, Role
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import deliver
from tests.conftest import Clock
from tests.core.orders.stored import behind
from tests.fakes import FakeStripe


def entries(shop: Shop) -> list[tuple[str, str, str]]:
    """What was written of it: the event without its moment, who, and why."""
    return [
        (":".join(row.event.split(":")[:2]), row.actor, row.detail)
        for row in sorted(builders.rows(shop, FulfillmentLog), key=lambda row: (row.created_at, row.event))
        if row.event.startswith(("taken_back", "given_back"))
    ]


@pytest.fixture
def free(shop: Shop, stripe: FakeStripe) -> str:
    """An order of a key and a place that a code made free."""
    order_id, session_id = builders.opened(shop, "kit-eur", "clinic-eur")
    stripe.discount(session_id, 100)
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id))
    assert builders.status(shop, order_id) == "fulfilled"
    return order_id


def places(shop: Shop) -> int:
    return next(date.taken for date in builders.rows(shop, WorkshopDate) if date.product_id == "clinic")


def test_a_free_order_can_be_ended_and_frees_its_place(shop: Shop, stripe: FakeStripe, free: str) -> None:
    plan = revocation.preview(shop, free)
    assert [each.after for each in plan.deliveries] == ["revoked", "revoked"]
    assert builders.status(shop, free) == "fulfilled"
    revocation.revoke(shop, free, reason="shared it", actor="owner", agreed=plan)
    assert builders.status(shop, free) == "canceled"
    assert builders.grants(shop, free) == [("kit", "revoked"), ("clinic", "revoked")]
    assert places(shop) == 0
    assert entries(shop) == [("taken_back:1", "owner", "shared it"), ("taken_back:2", "owner", "shared it")]
    assert stripe.calls == ["open"]


def test_what_was_taken_back_is_given_back_with_the_same_key(
    shop: Shop, stripe: FakeStripe, clock: Clock, free: str
) -> None:
    key = builders.license_key(shop, free)
    revocation.revoke(shop, free, [1], reason="by mistake", actor="owner")
    assert builders.grants(shop, free) == [("kit", "revoked"), ("clinic", "active")]
    assert builders.status(shop, free) == "fulfilled"
    for _ in range(2):
        clock.pass_(seconds=1)
        revocation.restore(shop, free, [1], reason="sorry", actor="owner")
    assert builders.grants(shop, free) == [("kit", "active"), ("clinic", "active")]
    assert builders.license_key(shop, free) == key
    clock.pass_(seconds=1)
    revocation.revoke(shop, free, [1], reason="after all", actor="owner")
    assert entries(shop) == [
        ("taken_back:1", "owner", "by mistake"), ("given_back:1", "owner", "sorry"), ("taken_back:1", "owner", "after all"),
    ]  # fmt: skip


def test_giving_back_gives_no_more_than_the_money_allows(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    revocation.revoke(shop, order_id, reason="abuse", actor="owner")
    refund.request(shop, order_id, actor="owner")
    plan = revocation.preview(shop, order_id, restore=True)
    assert [each.after for each in plan.deliveries] == ["revoked"]
    revocation.restore(shop, order_id, actor="owner", agreed=plan)
    assert (builders.grants(shop, order_id), builders.status(shop, order_id)) == ([("kit", "revoked")], "refunded")


def test_nothing_is_ended_that_is_not_there_or_not_agreed(shop: Shop, stripe: FakeStripe, free: str) -> None:
    unpaid, _ = builders.opened(shop, cart="unpaid")
    for order_id, lines, error in (("ord_none", [], OrderNotFound), (unpaid, [], NeverPaid), (free, [3], NoSuchLine)):
        with pytest.raises(error):
            revocation.revoke(shop, order_id, lines, reason="because", actor="owner")
    plan = revocation.preview(shop, free)
    revocation.revoke(shop, free, [2], reason="first", actor="somebody else")
    with pytest.raises(RevocationChanged):
        revocation.revoke(shop, free, reason="because", actor="owner", agreed=plan)
    assert builders.grants(shop, free) == [("kit", "active"), ("clinic", "revoked")]
    assert entries(shop) == [("taken_back:2", "somebody else", "first")]


def letters(shop: Shop) -> list[str]:
    """The letters about access that are owed: what was done, and of which lines."""
    return [":".join(job.split(":")[2:4]) for job in builders.jobs(shop) if job.startswith("access_changed:")]


def test_the_letter_names_the_lines_that_were_ended_and_no_other(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, name = builders.subscribed(shop, stripe, "guide-eur", "kit-eur", "plan-month")
    clock.pass_(days=31)
    stripe.fail_renewal(name)
    builders.deliver(shop, stripe.tell("customer.subscription.updated", stripe.subscriptions[name]))
    builders.ask_stripe(shop)
    # The plan's days of grace are over, and nobody has looked since.
    clock.pass_(days=20)
    plan = revocation.revoke(shop, order_id, [1, 2], reason="", actor="owner")
    assert [each.line for each in plan.deliveries if each.before is not each.after] == [1, 2, 3]
    assert letters(shop) == ["taken_back:1,2"]


@pytest.mark.parametrize("changes", [{"email": ""}, {"from_season": True}], ids=str)
def test_nobody_is_told_of_an_order_without_an_address_or_of_the_season(
    shop: Shop, stripe: FakeStripe, changes: dict[str, object]
) -> None:
    order_id = builders.bought(shop, stripe)
    with shop.transaction() as session:
        behind(session, Order, **changes)
    revocation.revoke(shop, order_id, reason="", actor="owner")
    assert builders.grants(shop, order_id) == [("guide", "revoked")]
    assert letters(shop) == []


def test_what_staff_end_stands_in_the_log_with_its_lines_and_why(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    owner = colleagues.works_as(shop, Role.OWNER)
    revocation.revoke(shop, order_id, reason="shared it", actor="", deed=colleagues.deed(owner))
    revocation.restore(shop, order_id, [2], actor="", deed=colleagues.deed(owner))
    assert {actor for _, actor, _ in entries(shop)} == {"owner"}
    said = [(entry.action, entry.subject, entry.detail) for entry in builders.rows(shop, AuditEntry)]
    assert sorted(said) == [
        (Action.GIVE_BACK, order_id, "lines 2"), (Action.TAKE_BACK, order_id, "lines 1, 2: shared it"),
    ]  # fmt: skip

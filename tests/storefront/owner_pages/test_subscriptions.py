"""The page of subscriptions: how each stands, what renews before long, and a plan's end on an owner's word."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from core.foundation.errors import StripeUnreachable
from core.journeys.billing import plans
from core.orders.subscriptions import Subscription
from core.owner.figures.period import Range
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.registers import subscriptions
from core.registers.subscriptions import Standing
from tests import builders
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, **query: str) -> AppTest:
    return visitor.opens("subscriptions", folder="owner_pages", **query)


def change(visitor: Visitor, subscription: str, **changes: object) -> None:
    with visitor.shop.transaction() as session:
        session.get_one(Subscription, subscription).sqlmodel_update(changes)


def test_without_any_the_page_says_so(owner: Visitor) -> None:
    assert "No plan was sold yet" in words(opens(owner))
    assert "Nothing renews in that time" in words(opens(owner, view="renewals"))
    assert "No plan stands like that" in words(opens(owner, standing="past_due"))


def test_from_the_plan_of_one_order_one_comes_to_all_of_them(owner: Visitor) -> None:
    order_id, _ = builders.subscribed(owner.shop, owner.stripe, ("plan-month", 3))
    tab = sound(opens(owner, order=order_id).button(key="turn-all-plans").click().run())
    assert "order" not in tab.query_params
    assert tab.session_state["f-view"] == "all"


def test_plans_are_listed_by_how_they_stand(owner: Visitor) -> None:
    _, subscription = builders.subscribed(owner.shop, owner.stripe, ("plan-month", 3))
    tab = opens(owner)
    assert "3 seats" in words(tab)
    assert "Renews" in words(tab)
    # Which plan it is, and the way to more or fewer seats of it.
    assert "**Plan**" in words(tab)
    assert "Change seats" in labels(tab)
    assert "**SH-1001**" in labels(tab)
    sound(tab.button_group(key="f-standing").set_value(Standing.ENDED).run())
    assert "No plan stands like that" in words(tab)
    change(owner, subscription, status="canceled", ended_at=owner.shop.now(), end_reason="cancellation_requested")
    assert "Canceled without a reason" in words(opens(owner, standing="ended"))
    change(owner, subscription, end_reason="some_new_reason")
    assert "some new reason" in words(opens(owner, standing="ended"))


def test_who_leaves_says_why_in_the_portal_and_the_owner_reads_it(owner: Visitor, clock: Clock) -> None:
    _, subscription = builders.subscribed(owner.shop, owner.stripe)
    assert "No plan was told to end" in words(opens(owner, view="ending"))
    theirs = owner.stripe.subscriptions[subscription]
    end = theirs["items"]["data"][0]["current_period_end"]
    theirs.update(
        cancel_at=end,
        cancellation_details={"reason": "cancellation_requested", "feedback": "too_expensive", "comment": "We are *three*."},
    )  # fmt: skip
    plans.refresh(owner.shop, subscription)
    said = words(opens(owner, view="ending"))
    assert "and is not billed again: Too expensive" in said
    assert "We are" in said
    theirs.update(status="canceled", ended_at=end)
    plans.refresh(owner.shop, subscription)
    assert "No plan was told to end" in words(opens(owner, view="ending"))
    clock.pass_(days=40)
    owner.works_as(Role.OWNER)
    tab = opens(owner, view="movements", range="90")
    assert "Why plans ended" in words(tab)
    assert "Too expensive" in words(tab)
    assert "Churned (1 change)" in labels(tab)
    assert list(tab.button_group(key="f-why").options) == ["Too expensive · 1"]
    assert subscription in words(opens(owner, view="movements", range="90", why="too_expensive")).replace("\\", "")
    # Chosen days keep the view.
    sound(tab.button_group(key="p-range").set_value(Range.WEEK).run())
    assert tab.query_params["view"] in ("movements", ["movements"])
    assert "No plan ended on these days" in words(tab)


def test_two_plans_of_one_order_have_each_their_own_people(owner: Visitor) -> None:
    order_id, subscription = builders.subscribed(owner.shop, owner.stripe, ("plan-month", 3))
    with owner.shop.transaction() as session:
        row = session.get_one(Subscription, subscription)
        session.add(Subscription(**row.model_dump() | {"id": "sub_beside"}))
    found = words(opens(owner, order=order_id))
    assert found.count("(1 taken)") == 1


def test_what_is_past_due_says_how_much_grace_is_left(owner: Visitor, clock: Clock) -> None:
    _, subscription = builders.subscribed(owner.shop, owner.stripe)
    now = owner.shop.now()
    change(owner, subscription, status="past_due", grace_until=now + timedelta(days=2))
    assert "**2 days of grace left**" in words(opens(owner, standing="past_due"))
    clock.pass_(days=3)
    owner.works_as(Role.OWNER)
    assert "The days of grace are over" in words(opens(owner, standing="past_due"))


def test_renewals_are_the_next_first_and_without_what_ends(owner: Visitor) -> None:
    plans = [builders.subscribed(owner.shop, owner.stripe, cart=f"cart_{n}", browser=f"br_{n}")[1] for n in range(3)]
    now = owner.shop.now()
    change(owner, plans[0], period_end=now + subscriptions.AHEAD / 2)
    change(owner, plans[1], period_end=now + subscriptions.AHEAD / 3)
    change(owner, plans[2], period_end=now + subscriptions.AHEAD * 2)
    said = words(opens(owner, view="renewals")).replace("\\", "")
    assert said.index(plans[1]) < said.index(plans[0])
    assert plans[2] not in said
    change(owner, plans[1], ends_at=now + subscriptions.AHEAD / 3)
    assert plans[1] not in words(opens(owner, view="renewals")).replace("\\", "")


@builders.on_sqlite
def test_an_owner_lets_a_plan_end_with_its_period_and_its_buyer_keeps_access_until_then(owner: Visitor) -> None:
    order_id, subscription = builders.subscribed(owner.shop, owner.stripe)
    tab = sound(opens(owner).button(key=f"open-end-{subscription}").click().run())
    sound(tab.radio(key="end-when").set_value("later").run())
    assert "keeps access until" in words(tab)
    owner.stripe.trouble = [StripeUnreachable("api_connection_error")]
    sound(tab.button(key="end-do").click().run())
    # The worker tells Stripe, if nobody else does.
    jobs = [each for each in builders.jobs(owner.shop) if each.startswith("cancel_subscription:")]
    assert len(jobs) == 1
    plans.end(owner.shop, *jobs[0].split(":")[1:3])
    assert builders.status(owner.shop, order_id) == "fulfilled"
    (row,) = builders.rows(owner.shop, Subscription)
    assert (row.status, row.ends_at) == ("active", row.period_end)
    assert "and is not billed again" in words(opens(owner))
    (entry,) = builders.rows(owner.shop, AuditEntry)
    assert entry.detail == "when its period ends"


def test_an_owner_ends_a_plan_at_once_and_its_buyer_loses_access(owner: Visitor) -> None:
    order_id, subscription = builders.subscribed(owner.shop, owner.stripe)
    tab, stale = (sound(opens(owner).button(key=f"open-end-{subscription}").click().run()) for _ in range(2))
    stale.session_state["deeds"] = tab.session_state["deeds"]
    sound(tab.button(key="end-do").click().run())
    assert "It has ended." in words(tab)
    assert owner.stripe.subscriptions[subscription]["status"] == "canceled"
    assert builders.grants(owner.shop, order_id) == [("plan", "revoked")]
    sound(stale.button(key="end-do").click().run())
    assert "done by an earlier click" in stale.warning[0].value
    assert [(each.action, each.subject) for each in builders.rows(owner.shop, AuditEntry)] == [
        ("end_plan", subscription)
    ]
    # The job that was owed beside it finds it ended.
    builders.end_plans(owner.shop)


def test_a_plan_that_stripe_was_not_told_to_end_is_ended_by_the_worker(owner: Visitor) -> None:
    order_id, subscription = builders.subscribed(owner.shop, owner.stripe)
    tab = sound(opens(owner).button(key=f"open-end-{subscription}").click().run())
    owner.stripe.trouble.append(StripeUnreachable("api_connection_error"))
    sound(tab.button(key="end-do").click().run())
    assert "is remembered, and the worker asks again by itself" in tab.warning[0].value
    assert builders.grants(owner.shop, order_id) == [("plan", "active")]
    builders.end_plans(owner.shop)
    assert builders.grants(owner.shop, order_id) == [("plan", "revoked")]


def test_an_owner_opens_the_billing_portal_of_a_plans_buyer(owner: Visitor) -> None:
    _, subscription = builders.subscribed(owner.shop, owner.stripe)
    tab = sound(opens(owner).button(key=f"open-portal-{subscription}").click().run())
    owner.stripe.trouble = [StripeUnreachable("api_connection_error")]
    sound(tab.button(key="portal-do").click().run())
    assert "Nothing of it waits for an answer" in tab.warning[0].value
    sound(tab.run())
    sound(tab.button(key="portal-do").click().run())
    customer = owner.stripe.subscriptions[subscription]["customer"]
    assert any(each.proto.url.endswith(customer) for each in tab.get("link_button"))
    assert any(each.value.endswith("/purchases") for each in tab.code)
    asked = owner.stripe.calls.count("open_portal")
    sound(tab.run())
    assert owner.stripe.calls.count("open_portal") == asked
    assert {(each.action, each.subject) for each in builders.rows(owner.shop, AuditEntry)} == {("portal", subscription)}
    builders.subscribed(owner.shop, owner.stripe, cart="cart_2", browser="br_2")
    (back,) = map(urlsplit, owner.stripe.ways_back)
    assert back.path == "/owner-subscriptions"
    tab = opens(owner, **dict(parse_qsl(back.query)))
    assert [each.key for each in tab.button if "portal" in str(each.key)] == [f"open-portal-{subscription}"]


@pytest.mark.parametrize("dialog", ["end", "portal"])
@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_nobody_else_ends_a_plan_or_opens_its_portal_also_by_a_forged_dialog(
    visitor: Visitor, role: Role, dialog: str
) -> None:
    _, subscription = builders.subscribed(visitor.shop, visitor.stripe)
    visitor.works_as(role)
    tab = opens(visitor)
    assert not {"End subscription", "Billing portal"} & set(labels(tab))
    tab.session_state["dialog"] = f"{dialog}-{subscription}"
    sound(tab.run())
    sound(tab.button(key=f"{dialog}-do").click().run())
    assert "your role doesn't allow this" in tab.warning[0].value
    assert visitor.stripe.subscriptions[subscription]["status"] == "active"
    assert "open_portal" not in visitor.stripe.calls
    assert builders.rows(visitor.shop, AuditEntry) == []

"""What the lists leave out, and what is refused though no page offers it."""

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest

from core.events.inbox import StripeEvent
from core.foundation.errors import EventNotFound, NotPermitted, OrderNotFound, OtherMode
from core.journeys import refund
from core.journeys.billing import plans
from core.orders.subscriptions import Subscription
from core.owner.figures.days import Days
from core.owner.importing import imports
from core.owner.importing.columns import Kind as ImportKind
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.registers import customers, disputes, events, machinery, refunds, subscriptions
from core.registers.paging import Place
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import bought, deliver
from tests.fakes import FakeStripe

HERE = Place()


def test_a_shop_that_is_live_lists_none_of_its_trials(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    refund.request(shop, order_id, 100, actor="owner")
    deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(builders.payment_of(shop, order_id))))
    now = shop.now()
    for livemode, expected in ((False, [1, 1, 1, 1]), (True, [0, 0, 0, 0])):
        with shop.reading() as session:
            found = [
                refunds.page(session, "", livemode=livemode, now=now, place=HERE).rows,
                disputes.page(session, "", livemode=livemode, place=HERE).rows,
                subscriptions.page(session, "", livemode=livemode, place=HERE).rows,
                subscriptions.renewals(session, livemode=livemode, now=now, place=HERE).rows,
            ]
            [customer] = customers.page(session, "", livemode=livemode, place=HERE).rows
        assert [len(rows) for rows in found] == expected
        assert [each.orders for each in customer.spent] == expected[:1] * (not livemode)


def test_reasons_count_what_the_list_shows(shop: Shop, stripe: FakeStripe) -> None:
    now, today = shop.now(), Days(date(2026, 11, 23), date(2026, 11, 23), ZoneInfo("UTC"))
    ends: list[tuple[str, dict[str, object]]] = [
        ("payment_failed", {}), ("cancellation_requested", {"end_feedback": "unused"}), ("", {}),
        ("cancellation_requested", {"ended_at": now - timedelta(days=1)}),
        ("cancellation_requested", {"status": "incomplete_expired"}),
        ("cancellation_requested", {"status": "active", "ended_at": None}),
    ]  # fmt: skip
    for number, (reason, changes) in enumerate(ends):
        _, plan = builders.subscribed(shop, stripe, cart=f"cart_{number}", browser=f"br_{number}")
        usual: dict[str, object] = {"status": "canceled", "ended_at": now, "end_reason": reason}
        with shop.transaction() as session:
            session.get_one(Subscription, plan).sqlmodel_update(usual | changes)
    with shop.reading() as session:
        assert subscriptions.reasons(session, today, livemode=True) == {}
        found = subscriptions.reasons(session, today, livemode=False)
        assert found == {"payment_failed": 1, "unused": 1, subscriptions.UNTOLD: 1}
        for why in found:
            [row] = subscriptions.ended(session, today, why, livemode=False, place=HERE).rows
            assert row.why == (why if why != subscriptions.UNTOLD else "")
        assert len(subscriptions.ended(session, today, "", livemode=False, place=HERE).rows) == 3


def test_a_row_that_is_gone_begins_the_list_anew(shop: Shop, stripe: FakeStripe) -> None:
    bought(shop, stripe)
    with shop.reading() as session:
        first = events.page(session, "", place=HERE)
        assert events.page(session, "", place=Place(after="evt_gone")) == first
        assert events.page(session, "", place=Place(before="evt_gone")) == first


def test_a_page_that_nothing_is_left_of_begins_the_list_anew(shop: Shop, stripe: FakeStripe) -> None:
    bought(shop, stripe)
    with shop.reading() as session:
        first = events.page(session, "", place=HERE)
        assert first.rows
        for place in (Place(after=first.rows[-1].id), Place(before=first.rows[0].id)):
            assert events.page(session, "", place=place) == first
            assert events.page(session, "failed", place=place).rows == ()


def test_who_was_imported_is_found_by_how_their_name_or_address_begins(shop: Shop) -> None:
    file = "email,name\nADA@love.example,Ada Love\nnora@lindqvist.example,\n"
    imports.apply(shop, ImportKind.CUSTOMERS, file.encode(), deed=None)
    with shop.reading() as session:
        for text, found in (
            ("Ada", ["Ada Love"]), ("ada l", ["Ada Love"]), ("ada@", ["Ada Love"]), ("Ada@Love.example", ["Ada Love"]),
            ("nora@l", [""]), ("love", []), ("%", []), ("_da", []), ("\0", ["", "Ada Love"]), (" ", ["", "Ada Love"]),
        ):  # fmt: skip
            rows = customers.page(session, text, livemode=False, place=HERE).rows
            assert sorted(row.name for row in rows) == found, text


def test_a_plan_of_test_money_is_not_ended_with_a_live_key(shop: Shop, stripe: FakeStripe) -> None:
    _, subscription = builders.subscribed(shop, stripe)
    me = colleagues.works_as(shop, Role.OWNER)
    owned = replace(shop, settings=shop.settings.model_copy(update={"owner_emails": (colleagues.OWNER,)}))
    with pytest.raises(OtherMode):
        plans.end_by_staff(builders.live(owned), subscription, deed=colleagues.deed(me))
    with pytest.raises(OrderNotFound):
        plans.end_by_staff(shop, "sub_of_nobody", deed=colleagues.deed(me))
    assert stripe.subscriptions[subscription]["status"] == "active"
    assert builders.rows(shop, AuditEntry) == []


@pytest.mark.parametrize("sign_in", ["", "in_forged"])
def test_nobody_who_is_not_signed_in_does_anything(shop: Shop, stripe: FakeStripe, sign_in: str) -> None:
    order_id = bought(shop, stripe)
    [event] = builders.rows(shop, StripeEvent)
    deed = colleagues.deed(sign_in)
    for act in (
        lambda: events.replay(shop, event.id, deed=deed),
        lambda: events.replay_all(shop, deed=deed, progress=lambda *_: None),
        lambda: machinery.retry_job(shop, f"receipt:{order_id}", deed=deed),
        lambda: machinery.reconcile(shop, deed=deed, progress=lambda _: None),
        lambda: machinery.examine(shop, deed=deed, progress=lambda _: None),
        lambda: refunds.resume(shop, "rf_1", deed=deed),
        lambda: plans.end_by_staff(shop, "sub_1", deed=deed),
    ):
        with pytest.raises(NotPermitted):
            act()
    assert builders.rows(shop, AuditEntry) == []


def test_an_event_is_shown_without_what_is_somebody_s_own(shop: Shop, stripe: FakeStripe) -> None:
    bought(shop, stripe)
    told = {
        "id": "cs_1", "client_secret": "cs_1_secret_abcdefgh", "amount_total": 2900, "currency": "eur",
        "customer_details": {"name": "Nora Lindqvist", "phone": "+4512345678", "address": {"line1": "Elm St 1", "country": "DK"}},
        "receipt_email": "nora@lindqvist.example", "metadata": {"order_id": "ord_1"},
        "custom_fields": [{"key": "company", "text": {"value": "Plainwork"}}],
    }  # fmt: skip
    with shop.transaction() as session:
        [row] = session.exec(builders.select(StripeEvent)).all()
        row.payload = orjson.dumps({"id": row.id, "type": row.type, "data": {"object": told}}).decode()
    shown = orjson.loads(events.payload(shop, row.id))["data"]["object"]
    assert shown["customer_details"] == {
        "name": "[masked]", "phone": "[masked]", "address": {"line1": "[masked]", "country": "DK"},
    }  # fmt: skip
    assert (shown["receipt_email"], shown["client_secret"]) == ("[masked]", "[masked]")
    assert (shown["amount_total"], shown["currency"], shown["metadata"]) == (2900, "eur", {"order_id": "ord_1"})
    assert "Plainwork" not in str(shown)
    with pytest.raises(EventNotFound):
        events.payload(shop, "evt_gone")

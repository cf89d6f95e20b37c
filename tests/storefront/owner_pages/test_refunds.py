"""The page of refunds and disputes: how each stands, what can be tried again, and by when a bank wants an answer."""

from contextlib import suppress

import pytest
from streamlit.testing.v1 import AppTest

from core.foundation.errors import StripeTrouble, StripeUnreachable
from core.journeys import refund
from core.orders.refunds import Refund, RefundStatus
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.registers import disputes, refunds
from tests import builders
from tests.builders import bought, deliver
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, **query: str) -> AppTest:
    return visitor.opens("refunds", folder="owner_pages", **query)


def rows(visitor: Visitor) -> list[Refund]:
    return sorted(builders.rows(visitor.shop, Refund), key=lambda row: row.created_at)


def stuck(visitor: Visitor, clock: Clock) -> str:
    """A refund of which Stripe's answer was lost, a while ago."""
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.stripe.trouble.append(StripeUnreachable("api_connection_error"))
    with suppress(StripeTrouble):
        refund.request(visitor.shop, order_id, 500, actor="owner")
    clock.pass_(minutes=5)
    return rows(visitor)[0].id


def refused(visitor: Visitor) -> str:
    return builders.refused_refund(visitor.shop, visitor.stripe, bought(visitor.shop, visitor.stripe))


def disputed(visitor: Visitor, **changes: object) -> str:
    order_id = bought(visitor.shop, visitor.stripe)
    told = visitor.stripe.dispute(builders.payment_of(visitor.shop, order_id)) | changes
    deliver(visitor.shop, visitor.stripe.tell("charge.dispute.created", told))
    return order_id


def test_without_any_the_page_says_so(owner: Visitor) -> None:
    assert "Nothing was sent back yet" in words(opens(owner))
    assert "No payment was ever disputed" in words(opens(owner, view="disputes"))
    assert "Nothing was sent back yet" in words(opens(owner, view="nonsense", state="'"))


def test_refunds_are_listed_by_how_far_they_have_come(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    refund.request(owner.shop, order_id, 500, reason="duplicate", actor="owner")
    said = words(opens(owner))
    assert "€5.00" in said
    assert "bought twice · by an owner" in said
    assert "**SH-1001**" in labels(opens(owner))
    assert "No refund of this state" in words(opens(owner, state="failed"))
    tab = opens(owner)
    sound(tab.button_group(key="f-state").set_value(RefundStatus.SUCCEEDED).run())
    assert tab.query_params["state"] in ("succeeded", ["succeeded"])
    assert "€5.00" in words(tab)


def test_a_refund_whose_answer_was_lost_is_asked_for_again_under_its_key(owner: Visitor, clock: Clock) -> None:
    refund_id = stuck(owner, clock)
    tab = opens(owner)
    assert "Stripe has not confirmed it for 5 minutes" in words(tab)
    sound(tab.button(key=f"resume-{refund_id}").click().run())
    assert "It stands as: sent back." in words(tab)
    [row] = rows(owner)
    assert row.status is RefundStatus.SUCCEEDED
    assert [(entry.action, entry.subject) for entry in builders.rows(owner.shop, AuditEntry)] == [("mend", refund_id)]


def test_a_refused_refund_is_made_again_once_however_often_it_is_clicked(owner: Visitor) -> None:
    refund_id = refused(owner)
    tab, stale = (sound(opens(owner).button(key=f"again-{refund_id}").click().run()) for _ in range(2))
    stale.session_state["deeds"] = tab.session_state["deeds"]
    sound(tab.button(key="again-do").click().run())
    assert "is on its way back" in words(tab)
    sound(stale.button(key="again-do").click().run())
    first, second = sorted(rows(owner), key=lambda row: row.status)
    assert (first.status, second.status, second.amount) == (RefundStatus.CANCELED, RefundStatus.SUCCEEDED, first.amount)
    assert [entry.action for entry in builders.rows(owner.shop, AuditEntry)] == ["refund"]
    assert f"again-{refund_id}" not in [button.key for button in opens(owner).button]


def test_two_people_who_both_make_it_again_send_it_back_once(owner: Visitor) -> None:
    refund_id = builders.failed_refund(owner.shop, owner.stripe, bought(owner.shop, owner.stripe))
    first, second = (sound(opens(owner).button(key=f"again-{refund_id}").click().run()) for _ in range(2))
    sound(first.button(key="again-do").click().run())
    sound(second.button(key="again-do").click().run()) if "again-do" in [each.key for each in second.button] else None
    assert "Nothing is left to send back: it went back." in [each.value for each in second.warning]
    assert sorted(row.status for row in rows(owner)) == ["failed", "succeeded"]


def test_a_viewer_tries_nothing_again_also_by_a_forged_dialog(visitor: Visitor, clock: Clock) -> None:
    refund_id = refused(visitor)
    visitor.works_as(Role.VIEWER)
    tab = opens(visitor)
    assert not {"Refund again", "Ask Stripe again"} & set(labels(tab))
    tab.session_state["dialog"] = f"again-{refund_id}"
    sound(tab.run())
    sound(tab.button(key="again-do").click().run())
    assert "your role doesn't allow this" in tab.warning[0].value
    assert len(rows(visitor)) == 1


def test_a_dispute_says_how_long_is_left(owner: Visitor, clock: Clock) -> None:
    disputed(owner, evidence_details={"due_by": int(clock.time.timestamp()) + 5 * 86400})
    tab = opens(owner, view="disputes")
    assert "**5 days left**" in words(tab)
    assert "/api/owner/evidence/ord_" in words(tab)
    clock.pass_(days=4)
    owner.works_as(Role.OWNER)  # a sign-in of more than 12 hours ago opens nothing here
    assert ":red[:material/timer: **1 day left**]" in words(opens(owner, view="disputes"))
    clock.pass_(days=2)
    owner.works_as(Role.OWNER)
    assert "The time for an answer is over" in words(opens(owner, view="disputes"))


def test_a_dispute_without_a_deadline_says_that_too(owner: Visitor) -> None:
    disputed(owner, evidence_details={})
    assert "Stripe did not say by when" in words(opens(owner, view="disputes"))
    assert "No dispute stands like that" in words(opens(owner, view="disputes", standing="won"))
    assert "Needs an answer" in words(opens(owner, view="disputes", standing="answer"))


def test_a_dispute_stands_on_top_of_its_order_and_on_the_overview_by_the_order_s_number(owner: Visitor) -> None:
    order_id = disputed(owner)
    tab = owner.opens("order", folder="owner_pages", id=order_id)
    assert words(tab).count(">Evidence pack<") == 1
    (said,) = [each.value for each in tab.warning]
    assert "**The bank waits for your answer** about €29.00: the buyer says it was not them who paid." in said.replace(
        "\\", ""
    )
    assert "left**], until " in said
    overview = words(owner.opens("overview", folder="owner_pages"))
    assert "The buyer says it was not them who paid." in overview
    assert "SH-1001, " in overview
    assert "du_" not in overview


def test_whoever_only_looks_takes_no_evidence(visitor: Visitor) -> None:
    disputed(visitor)
    visitor.works_as(Role.VIEWER)
    assert "/api/owner/evidence" not in words(opens(visitor, view="disputes"))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for register in (refunds, disputes):
        monkeypatch.setitem(register.page.__kwdefaults__, "size", 1)


@pytest.mark.usefixtures("small_pages")
def test_long_lists_are_leafed(owner: Visitor, clock: Clock) -> None:
    order_id = bought(owner.shop, owner.stripe)
    for amount in (100, 200):
        refund.request(owner.shop, order_id, amount, actor="owner")
        clock.pass_(minutes=1)
    tab = opens(owner)
    assert "€2.00" in words(tab)
    sound(tab.button(key="leaf-on").click().run())
    assert "€1.00" in words(tab)
    sound(tab.button(key="leaf-back").click().run())
    assert "€2.00" in words(tab)

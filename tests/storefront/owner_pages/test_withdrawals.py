"""The owners' page of withdrawals: who withdraws from what, and what is decided."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core.correspondence import drafts
from core.foundation.errors import WithdrawalNotFound
from core.foundation.jobs.kinds import Job
from core.journeys import checkout, withdrawal
from core.kinds import offers
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.rights import clauses, declarations
from core.rights.declarations import Declaration
from core.rights.withdrawals import State, Withdrawal
from tests import builders, colleagues
from tests.builders import bought
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words

NORA = "nora@lindqvist.example"
pytestmark = builders.on_sqlite


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, **query: str) -> AppTest:
    return visitor.opens("withdrawals", folder="owner_pages", **query)


def declared(visitor: Visitor, **said: object) -> Withdrawal:
    by = declarations.Visitor(signed_in=NORA)
    declarations.declare(visitor.shop, Declaration("do_1", **said), by)  # type: ignore[arg-type]
    return row_of(visitor)


def row_of(visitor: Visitor) -> Withdrawal:
    [row] = builders.rows(visitor.shop, Withdrawal)
    return row


def test_without_any_the_page_says_so(owner: Visitor) -> None:
    assert "Nobody has withdrawn from a contract" in words(opens(owner))
    assert "No withdrawal of this state" in words(opens(owner, state="declined"))


def test_accepting_has_the_lines_chosen_that_they_withdraw_from(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe, "guide-eur", "kit-eur")
    row = declared(owner, order_id=order_id, lines=(1,), words="not for *me*")
    tab = opens(owner)
    assert "have proven" in words(tab)
    assert "Declared within the 14 days" in words(tab)
    assert r"not for \*me\*" in words(tab)
    sound(tab.button(key=f"open-accept-{row.id}").click().run())
    assert tab.multiselect(key="refund-lines").value == [1]
    assert tab.checkbox(key="refund-take-back").value is True
    assert "€29.00" in tab.button(key="refund-do").label
    sound(tab.button(key="refund-do").click().run())
    assert row_of(owner).state is State.ACCEPTED
    assert builders.grants(owner.shop, order_id) == [("guide", "revoked"), ("kit", "active")]
    assert "is on its way back" in words(tab)
    assert "Accepted" in words(opens(owner))


def test_the_acknowledgement_is_sent_again_once_by_a_double_click_and_again_later(owner: Visitor, clock: Clock) -> None:
    order_id = bought(owner.shop, owner.stripe, "guide-eur")
    row = declared(owner, order_id=order_id, lines=(1,))
    first = f"{Job.WITHDRAWAL}:{row.id}:received"
    assert [job for job in builders.jobs(owner.shop) if job.startswith(first)] == [first]
    tab = opens(owner)
    for _ in range(2):
        sound(tab.button(key=f"again-{row.id}").click().run())
        assert "The acknowledgement goes to nora" in words(tab)
    withdrawal.decline(owner.shop, row.id, reason="Too late.")
    clock.pass_(seconds=5)
    sound(tab.button(key=f"again-{row.id}").click().run())
    [_, second, third] = [job for job in builders.jobs(owner.shop) if job.startswith(first)]
    for job in (second, third):
        draft = drafts.of_id(job)
        assert draft is not None
        message = drafts.write(owner.shop, draft)
        assert message is not None
        assert (draft.id, message.to) == (job, NORA)
        assert "Too late." not in message.text
    assert [entry.detail for entry in builders.rows(owner.shop, AuditEntry)] == ["acknowledgement"] * 2


def test_nobody_is_written_to_again_who_was_erased_or_by_a_viewer(visitor: Visitor) -> None:
    row = declared(visitor, order_id=bought(visitor.shop, visitor.stripe, "guide-eur"), lines=(1,))
    visitor.works_as(Role.VIEWER)
    assert "Send acknowledgement again" not in labels(opens(visitor))
    owner = colleagues.works_as(visitor.shop, Role.OWNER)
    with visitor.shop.transaction() as session:
        session.get_one(Withdrawal, row.id).email = ""
    with pytest.raises(WithdrawalNotFound):
        withdrawal.acknowledge_again(visitor.shop, row.id, deed=colleagues.deed(owner))
    visitor.works_as(Role.OWNER)
    assert "Send acknowledgement again" not in labels(opens(visitor))


def test_of_a_plan_that_began_at_once_the_unused_part_is_what_one_begins_with(owner: Visitor, clock: Clock) -> None:
    with owner.shop.reading() as session:
        offered = offers.of_products(session, ["plan"], now=owner.shop.now())
    agreed = tuple(each.version for each in clauses.asked(offered, {}))
    link = checkout.start(owner.shop, replace(builders.a_basket("plan-month"), consents=agreed))
    subscription = owner.stripe.pay(builders.session_id(link))["subscription"]
    builders.deliver(owner.shop, owner.stripe.event("completed", builders.session_id(link)))
    builders.questions.ask(owner.shop, subscription)
    clock.pass_(days=10)
    row = declared(owner, order_id=link.order_id, lines=(1,))
    owner.works_as(Role.OWNER)
    tab = opens(owner)
    assert "They agreed to pay for what they used" in words(tab)
    sound(tab.button(key=f"open-accept-{row.id}").click().run())
    amount = float(tab.text_input(key="refund-amount").value)
    assert 5.4 <= amount <= 6.2
    sound(tab.button(key="refund-do").click().run())
    assert row_of(owner).state is State.ACCEPTED
    assert builders.detail(owner.shop, link.order_id)["amount_refunded"] == round(amount * 100)
    assert builders.grants(owner.shop, link.order_id) == [("plan", "revoked")]
    builders.end_plans(owner.shop)
    assert owner.stripe.subscriptions[subscription]["status"] == "canceled"


def test_what_has_gone_back_already_is_accepted_without_money(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    builders.refund.request(owner.shop, order_id, actor="owner")
    row = declared(owner, order_id=order_id, lines=(1,))
    tab = opens(owner)
    sound(tab.button(key=f"open-accept-{row.id}").click().run())
    sound(tab.button(key="accept-do").click().run())
    assert row_of(owner).state is State.ACCEPTED


def test_what_is_not_matched_is_matched_by_hand_and_declined_with_a_reason(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    number = builders.order(owner.shop, order_id).number
    row = declared(owner, email="eve@example.com", reference=number)
    tab = opens(owner)
    assert "Not verified" in words(tab)
    assert f"open-accept-{row.id}" not in {each.key for each in tab.button}
    sound(tab.button(key=f"assign-{row.id}-{order_id}").click().run())
    assert row_of(owner).order_id == order_id
    assert f"open-accept-{row.id}" in {each.key for each in tab.button}
    sound(tab.button(key=f"open-decline-{row.id}").click().run())
    sound(tab.button(key="decline-do").click().run())
    assert "Say why" in words(tab)
    sound(tab.text_area(key="decline-reason").set_value("Bought by somebody else.").run())
    sound(tab.button(key="decline-do").click().run())
    assert row_of(owner).state is State.DECLINED
    assert [entry.action for entry in builders.rows(owner.shop, AuditEntry)] == ["withdrawal"] * 2


def test_a_viewer_looks_and_decides_nothing(visitor: Visitor) -> None:
    row = declared(visitor, email="eve@example.com", reference="XX-1")
    visitor.works_as(Role.VIEWER)
    tab = opens(visitor)
    assert "XX-1" in words(tab)
    assert "Decline" not in labels(tab)
    tab.session_state["dialog"] = f"decline-{row.id}"
    sound(tab.run())
    tab.text_area(key="decline-reason").set_value("mine")
    sound(tab.button(key="decline-do").click().run())
    assert "your role doesn't allow this" in words(tab)
    assert row_of(visitor).state is State.OPEN
    assert builders.rows(visitor.shop, AuditEntry) == []

"""Order care and its clicks: allowed by the database, written down with what they do, and done once."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlmodel import update

from core.catalog.products import Price
from core.catalog.promotion_codes import PromotionCode
from core.foundation.errors import (
    AlreadyPaid,
    DoneAlready,
    MadeUp,
    NeverPaid,
    NotPermitted,
    OrderNotFound,
    OtherMode,
    OverLimit,
    StripeRefused,
    StripeUnreachable,
)
from core.journeys import checkout, order_care, refund, revocation
from core.journeys.checkout import Basket, Item
from core.languages import sentences
from core.messages import contents, wording
from core.orders.orders import Order
from core.orders.refunds import Refund
from core.owner import notes
from core.people import customers, purchases, staff, team
from core.people.audit import AuditEntry
from core.people.deeds import Deed
from core.people.receipts import order_links
from core.people.staff import MAY, Action, Role
from core.shop import Shop
from tests import builders
from tests.builders import bought, opened
from tests.colleagues import OWNER, deed, works_as
from tests.fakes import FakeStripe

# What each action is, done to an order that was paid; the page to pay on is made for one that was not.
ACTS: dict[Action, Callable[[Shop, str, Deed], object]] = {
    Action.REFUND: lambda shop, order_id, click: refund.request(shop, order_id, 100, actor="owner", deed=click),
    Action.RESEND: lambda shop, order_id, click: order_care.resend(shop, order_id, deed=click),
    Action.READDRESS: lambda shop, order_id, click: order_care.readdress(
        shop, order_id, "ida@berg.example", deed=click
    ),
    Action.TAKE_BACK: lambda shop, order_id, click: revocation.revoke(
        shop, order_id, reason="shared", actor="owner", deed=click
    ),
    Action.GIVE_BACK: lambda shop, order_id, click: revocation.restore(shop, order_id, actor="owner", deed=click),
    Action.NOTE: lambda shop, order_id, click: notes.write(shop, order_id, "Called.", deed=click),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", ACTS)
def test_each_role_does_what_it_may_and_nothing_else(
    shop: Shop, stripe: FakeStripe, role: Role, action: Action
) -> None:
    order_id = bought(shop, stripe)
    click = deed(works_as(shop, role))
    before = state(shop, order_id)
    if action in MAY[role]:
        ACTS[action](shop, order_id, click)
        (entry,) = builders.rows(shop, AuditEntry)
        assert (entry.role, entry.action, entry.subject) == (role, action, order_id)
        return
    with pytest.raises(NotPermitted):
        ACTS[action](shop, order_id, click)
    assert state(shop, order_id) == before
    assert builders.rows(shop, AuditEntry) == []


def state(shop: Shop, order_id: str) -> object:
    detail = builders.detail(shop, order_id)
    return detail["status"], detail["grants"], detail["refunds"], detail["email"], builders.jobs(shop)


def test_no_receipt_is_sent_for_an_order_that_nobody_placed(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    with shop.transaction() as session:
        session.get_one(Order, order_id).from_season = True
    jobs = builders.jobs(shop)
    with pytest.raises(MadeUp):
        order_care.resend(shop, order_id, deed=deed(works_as(shop, Role.OWNER)))
    assert builders.jobs(shop) == jobs


@pytest.mark.parametrize("action", ACTS)
def test_the_same_click_does_it_once(shop: Shop, stripe: FakeStripe, action: Action) -> None:
    order_id = bought(shop, stripe)
    click = deed(works_as(shop, Role.OWNER))

    def act() -> object:
        return ACTS[action](shop, order_id, click)

    act()
    before = state(shop, order_id)
    for again in builders.at_once(act, act):
        # A refund that was asked for twice is answered twice; the rest is refused.
        assert isinstance(again, DoneAlready) or action is Action.REFUND, again
    assert state(shop, order_id) == before
    assert len(builders.rows(shop, AuditEntry)) == 1


@pytest.mark.parametrize("action", ACTS)
def test_a_removed_colleague_s_open_tab_does_nothing(shop: Shop, stripe: FakeStripe, action: Action) -> None:
    order_id = bought(shop, stripe)
    click = deed(works_as(shop, Role.SUPPORT))
    with shop.transaction() as session:
        (member,) = staff.listed(session, owners=())
        staff.remove(session, member.id, now=shop.now())
    with pytest.raises(NotPermitted):
        ACTS[action](shop, order_id, click)


def test_support_sends_back_up_to_a_limit_of_one_order_in_however_many_parts(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe, "guide-eur", "kit-eur")
    support, owner = works_as(shop, Role.SUPPORT), works_as(shop, Role.OWNER)
    # What an owner sends back is nothing of theirs.
    refund.request(shop, order_id, 700, reason="as agreed", actor="owner", deed=deed(owner))
    refund.request(shop, order_id, 6000, actor="owner", deed=deed(support))
    with pytest.raises(OverLimit) as refused:
        refund.request(shop, order_id, 4001, actor="owner", deed=deed(support))
    assert (refused.value.most, refused.value.currency) == (4000, "eur")
    refund.request(shop, order_id, 4000, actor="owner", deed=deed(support))
    assert sorted((row.amount, row.actor) for row in builders.rows(shop, Refund)) == [
        (700, "owner"), (4000, "support"), (6000, "support"),
    ]  # fmt: skip
    entries = [entry.detail for entry in builders.rows(shop, AuditEntry) if entry.action == "refund"]
    assert sorted(entries) == ["4000 eur", "6000 eur", "700 eur as agreed"]


def test_somebody_of_the_support_may_have_a_limit_of_their_own(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe, "guide-eur", "kit-eur")
    support, owner = works_as(shop, Role.SUPPORT), works_as(shop, Role.OWNER)
    with shop.transaction() as session:
        (member,) = staff.listed(session, owners=())
    for who in (support, ""):
        with pytest.raises(NotPermitted):
            team.limit(shop, member.id, 10_000, deed=deed(who))
    team.limit(shop, member.id, 500, deed=deed(owner))
    with pytest.raises(OverLimit) as refused:
        refund.request(shop, order_id, 501, actor="owner", deed=deed(support))
    assert refused.value.most == 500
    refund.request(shop, order_id, 500, actor="owner", deed=deed(support))
    team.limit(shop, member.id, 0, deed=deed(owner))
    with pytest.raises(OverLimit):
        refund.request(shop, order_id, 1, actor="owner", deed=deed(support))
    team.limit(shop, member.id, None, deed=deed(owner))
    refund.request(shop, order_id, 1, actor="owner", deed=deed(support))
    assert {entry.detail for entry in builders.rows(shop, AuditEntry) if entry.action == Action.STAFF} == {
        f"{member.email} may refund {most}" for most in (500, 0, "as much as everybody")
    }


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPORT])
def test_whoever_left_or_was_given_another_role_begins_with_the_shop_s_limit(shop: Shop, role: Role) -> None:
    works_as(shop, Role.SUPPORT)
    owner = works_as(shop, Role.OWNER)
    with shop.transaction() as session:
        (member,) = staff.listed(session, owners=())
    team.limit(shop, member.id, 500, deed=deed(owner))
    if role is Role.SUPPORT:
        team.remove(shop, member.id, deed=deed(owner))
        with pytest.raises(NotPermitted):
            team.limit(shop, member.id, 900, deed=deed(owner))
    for each in (role, Role.SUPPORT):
        team.invite(shop, member.email, each, deed=deed(owner))
    with shop.transaction() as session:
        assert [each.refund_limit for each in staff.listed(session, owners=())] == [None]


def test_what_stripe_refused_leaves_support_its_limit(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe, "guide-eur", "kit-eur")
    support = works_as(shop, Role.SUPPORT)
    stripe.trouble.append(StripeRefused("charge_disputed", "Charge has been charged back"))
    with pytest.raises(StripeRefused):
        refund.request(shop, order_id, 6000, actor="owner", deed=deed(support))
    refund.request(shop, order_id, 10_000, actor="owner", deed=deed(support))
    assert sorted((row.amount, row.status) for row in builders.rows(shop, Refund)) == [
        (6000, "canceled"), (10_000, "succeeded"),
    ]  # fmt: skip
    with pytest.raises(OverLimit) as refused:
        refund.request(shop, order_id, 1, actor="owner", deed=deed(support))
    assert refused.value.most == 0


def test_a_refund_that_stripe_did_not_answer_is_the_same_when_clicked_again(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    click = deed(works_as(shop, Role.OWNER))
    stripe.trouble.append(StripeUnreachable("timeout"))
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, 100, actor="owner", deed=click)
    refund.request(shop, order_id, 100, actor="owner", deed=click)
    assert [row.amount for row in builders.rows(shop, Refund)] == [100]
    assert len(stripe.refunds) == 1


def test_the_receipt_goes_out_again_and_stands_in_the_history(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    click = deed(works_as(shop, Role.SUPPORT), "do_1")
    order_care.resend(shop, order_id, deed=click)
    assert f"receipt:{order_id}:do_1" in builders.jobs(shop)
    assert "resent:do_1" in builders.log(shop, order_id)


def test_a_copy_of_the_receipt_goes_to_another_address_and_opens_nothing_there(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    said = order_care.resend(shop, order_id, to="Ida@Berg.example", deed=deed(works_as(shop, Role.OWNER), "do_1"))
    assert said == "Ida@berg.example"
    assert f"receipt:{order_id}:do_1" in builders.jobs(shop)
    letter = contents.about_order(shop, order_id, copy="do_1")
    assert (letter.email, letter.library_url) == (said, f"{shop.settings.public_url}/purchases")
    assert letter.order_url == letter.receipt_url == ""
    promised = "open this order for a year"
    assert promised not in (written := wording.receipt(shop.settings, letter)).text + written.html
    assert promised in wording.receipt(shop.settings, contents.about_order(shop, order_id)).text
    assert "?letter=" in contents.about_order(shop, order_id).library_url
    assert contents.about_order(shop, order_id).email == "nora@lindqvist.example"
    assert builders.detail(shop, order_id)["email"] == "nora@lindqvist.example"
    (entry,) = builders.rows(shop, AuditEntry)
    assert (entry.action, entry.detail) == ("resend", "to another address")


def test_a_copy_for_another_address_of_the_same_customer_opens_the_order(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    with shop.transaction() as session:
        owner = session.get_one(Order, order_id).customer_id
        assert owner
        customers.take(session, "nora@work.example", owner, how=customers.How.OWNER, now=shop.now())
    order_care.resend(shop, order_id, to="nora@work.example", deed=deed(works_as(shop, Role.OWNER), "do_1"))
    token = contents.about_order(shop, order_id, copy="do_1").order_url.rpartition("/")[2]
    assert order_links.read(shop, token).address == "nora@work.example"


def test_support_sends_to_the_order_s_own_address_alone(shop: Shop, stripe: FakeStripe) -> None:
    order_id, support = bought(shop, stripe), works_as(shop, Role.SUPPORT)
    jobs = builders.jobs(shop)
    with pytest.raises(NotPermitted):
        order_care.resend(shop, order_id, to="ida@berg.example", deed=deed(support))
    assert builders.jobs(shop) == jobs
    order_care.resend(shop, order_id, to="NORA@lindqvist.example", deed=deed(support, "do_1"))
    assert contents.about_order(shop, order_id, copy="do_1").email == "nora@lindqvist.example"


def test_nothing_is_sent_again_of_what_was_never_paid(shop: Shop) -> None:
    with pytest.raises(NeverPaid):
        order_care.resend(shop, opened(shop)[0], deed=deed(works_as(shop, Role.OWNER)))


def test_an_order_changes_hands_and_its_receipt_goes_there(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    order_care.readdress(shop, order_id, "ida@berg.example", deed=deed(works_as(shop, Role.OWNER), "do_1"))
    assert builders.seen(shop, "ida@berg.example") == [order_id]
    assert builders.seen(shop, "nora@lindqvist.example") == []
    assert f"receipt:{order_id}:do_1" in builders.jobs(shop)


@pytest.mark.parametrize(("to", "open_still"), [("ida@berg.example", False), ("nora@work.example", True)])
def test_the_browser_that_bought_an_order_does_not_see_whose_it_is_next(
    shop: Shop, stripe: FakeStripe, to: str, open_still: bool
) -> None:
    """A second address of the same person is no other hands."""
    order_id = bought(shop, stripe)
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        order.browser_id = "br_1"
        customers.take(session, "nora@work.example", str(order.customer_id), how=customers.How.OWNER, now=shop.now())
    order_care.readdress(shop, order_id, to, deed=deed(works_as(shop, Role.OWNER), "do_1"))
    with shop.reading() as session:
        viewer = purchases.Viewer("br_1")
        seen = purchases.seen(session, order_id, viewer, signing_key=shop.signing_key, now=shop.now())
    assert seen is not None
    assert (seen.mine, bool(seen.email), bool(seen.deliveries)) == (open_still,) * 3


def test_an_order_that_nobody_paid_is_nobody_s_to_give_away(shop: Shop) -> None:
    order_id = opened(shop)[0]
    with pytest.raises(OrderNotFound):
        order_care.readdress(shop, order_id, "ida@berg.example", deed=deed(works_as(shop, Role.OWNER)))
    assert builders.rows(shop, AuditEntry) == []


def test_an_unpaid_order_has_the_page_that_is_open_for_it(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = opened(shop)
    link = order_care.payment_link(shop, order_id, deed=deed(works_as(shop, Role.SUPPORT)))
    assert (link.order_id, builders.session_id(link)) == (order_id, session_id)


def test_one_whose_page_ran_out_gets_another_for_the_same_things(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = opened(shop, "guide-eur", "kit-eur")
    stripe.expire(session_id)
    builders.deliver(shop, stripe.event("expired", session_id))
    link = order_care.payment_link(shop, order_id, deed=deed(works_as(shop, Role.OWNER)))
    assert link.order_id == order_id
    assert builders.session_id(link) != session_id
    stripe.pay(builders.session_id(link))
    builders.deliver(shop, stripe.event("completed", builders.session_id(link)))
    assert builders.status(shop, order_id) == "fulfilled"


@pytest.mark.parametrize("expired", [False, True])
def test_its_page_costs_what_its_buyer_was_to_pay_and_speaks_their_language(
    shop: Shop, stripe: FakeStripe, *, expired: bool
) -> None:
    builders.sell_bundle(shop)
    builders.add_code(shop, "SPRING")
    with shop.transaction() as session:
        session.exec(update(Price).where(Price.id == "guide-eur").values(minimum=500))
    items = (Item("guide-eur", 2, amount=1200), Item("both-eur", 2), Item("guide-eur", 1, amount=700))
    with sentences.spoken("de"):
        first = checkout.start(shop, Basket("c", items, browser_id="br_1", code="SPRING", business=True))
    before = stripe.sessions[builders.session_id(first)]["amount_total"]
    if expired:
        stripe.expire(builders.session_id(first))
        builders.deliver(shop, stripe.event("expired", builders.session_id(first)))
    link = order_care.payment_link(shop, first.order_id, deed=deed(works_as(shop, Role.OWNER)))
    assert (link.url == first.url) is not expired
    assert stripe.sessions[builders.session_id(link)]["amount_total"] == before
    newest = builders.attempts(shop)[-1].parameters
    assert (newest["locale"], newest["discounts"]) == ("de", [{"promotion_code": "promo_SPRING"}])
    order = builders.order(shop, link.order_id)
    assert (order.language, order.business, order.amount_expected) == ("de", True, 2 * 1200 + 2 * 8000 + 700)


def test_a_code_that_ended_since_is_left_out_of_its_page(shop: Shop, stripe: FakeStripe) -> None:
    builders.add_code(shop, "SPRING")
    first = checkout.start(shop, replace(builders.a_basket(), code="SPRING"))
    with shop.transaction() as session:
        session.exec(update(PromotionCode).values(active=False))
    link = order_care.payment_link(shop, first.order_id, deed=deed(works_as(shop, Role.OWNER)))
    assert stripe.sessions[builders.session_id(link)]["amount_total"] == 2900


def test_what_is_paid_or_of_the_other_mode_has_no_page(shop: Shop, stripe: FakeStripe) -> None:
    owner = works_as(shop, Role.OWNER)
    with pytest.raises(AlreadyPaid):
        order_care.payment_link(shop, bought(shop, stripe), deed=deed(owner))
    with pytest.raises(OtherMode):
        order_care.payment_link(owned(builders.live(shop)), opened(shop, cart="cart_2")[0], deed=deed(owner))


def owned(shop: Shop) -> Shop:
    """The same shop, whose owners are named as those of the demo are."""
    return replace(shop, settings=shop.settings.model_copy(update={"owner_emails": (OWNER,)}))


def test_a_note_is_kept_with_who_wrote_it_and_is_not_repeated_in_the_log(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    notes.write(shop, order_id, "  Called, wants it as a gift. ", deed=deed(works_as(shop, Role.OWNER)))
    with shop.reading() as session:
        (note,) = notes.of_order(session, order_id)
    assert (note.text, note.who) == ("Called, wants it as a gift.", OWNER)
    (entry,) = builders.rows(shop, AuditEntry)
    assert entry.detail == ""
    with pytest.raises(OrderNotFound):
        notes.write(shop, "ord_x", "?", deed=deed(works_as(shop, Role.OWNER)))

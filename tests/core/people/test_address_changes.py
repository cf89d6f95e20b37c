"""Changes of address: with proof of both, or on an owner's word; what was bought follows, and nobody else sees it."""

from dataclasses import replace

import orjson
import pytest
from sqlmodel import delete, select

from core.attendance import tickets
from core.foundation import addresses
from core.foundation.errors import (
    AccessDenied,
    AddressTaken,
    AddressUnfit,
    CustomerNotFound,
    LinkExpired,
    LinkInvalid,
    OrderNotFound,
    TooManyTries,
)
from core.foundation.records import new_id
from core.integrations import versions
from core.journeys import checkout
from core.journeys.billing import portal
from core.kinds.places import attendees, waiting_list
from core.kinds.places.attendees import Attendee
from core.kinds.places.waiting_list import WaitingEntry
from core.licensing import administration, holding
from core.messages import contents
from core.outgoing.messages import WebhookDelivery, WebhookMessage
from core.owner.needs import attention
from core.people import address_changes, codes, customers, purchases, sign_in
from core.people.customers import Customer, CustomerAddress, How
from core.people.purchases import Viewer
from core.people.receipts import order_links
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.outgoing.receiver import listens
from tests.core.people.test_addresses import paid_by
from tests.fakes import FakeStripe


def somebody(name: str = "nora") -> str:
    return f"{new_id(name)}@lindqvist.example"


def digits(shop: Shop, email: str, *, about: str) -> str:
    """The digits of the newest code that was mailed to this address about the other."""
    wanted = (email, addresses.fold(about))
    (code,) = [
        row
        for row in builders.rows(shop, codes.SignInCode)
        if (row.email, row.about) == wanted and not row.used_at and row.tries < 5
    ]
    return codes.digits_of(code.id, signing_key=shop.signing_key)


def proved(shop: Shop, old: str, new: str, *, keep: bool = False) -> None:
    address_changes.request(shop, old, new)
    told = {"old_digits": digits(shop, old, about=new), "new_digits": digits(shop, new, about=old)}
    address_changes.confirm(shop, old, new, keep=keep, **told)


def known(shop: Shop) -> dict[str, str]:
    return {row.address: row.how.value for row in builders.rows(shop, CustomerAddress)}


def test_an_address_that_is_proved_together_with_the_old_one_takes_its_place(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    old, new = somebody(), somebody()
    order_id = paid_by(shop, stripe, old, "kit-eur")
    (customer,) = builders.rows(shop, Customer)
    proved(shop, old, new)
    assert (builders.seen(shop, old), builders.seen(shop, new.upper())) == ([], [order_id])
    assert builders.order(shop, order_id).email == new
    assert known(shop) == {new: "code"}
    assert [(row.id, row.email) for row in builders.rows(shop, Customer)] == [(customer.id, new)]
    assert "address_changed:1" in builders.log(shop, order_id)
    clock.pass_(minutes=1)
    proved(shop, new, old)
    assert "address_changed:2" in builders.log(shop, order_id)
    assert builders.seen(shop, old) == [order_id]


def test_no_event_leads_the_order_back_to_the_address_that_was_left(shop: Shop, stripe: FakeStripe) -> None:
    old, new = somebody(), somebody()
    order_id, session_id = builders.opened(shop, "kit-eur")
    stripe.pay(session_id, email=old)
    completed = stripe.event("completed", session_id)
    builders.deliver(shop, completed)
    proved(shop, old, new)
    builders.deliver(shop, stripe.event("completed", session_id))
    refund = stripe.make_refund(builders.payment_of(shop, order_id), 100)
    builders.deliver(shop, stripe.tell("refund.created", refund))
    assert builders.order(shop, order_id).email == new
    assert (builders.seen(shop, old), builders.seen(shop, new)) == ([], [order_id])


def test_who_comes_later_with_an_address_that_was_left_is_somebody_else(shop: Shop, stripe: FakeStripe) -> None:
    old, new = somebody(), somebody()
    first = paid_by(shop, stripe, old)
    proved(shop, old, new)
    second = paid_by(shop, stripe, old)
    assert (builders.seen(shop, old), builders.seen(shop, new)) == ([second], [first])
    assert len({row.id for row in builders.rows(shop, Customer)}) == 2


def test_with_an_address_added_either_signs_in_to_everything(shop: Shop, stripe: FakeStripe) -> None:
    old, new = somebody(), somebody()
    first, second = paid_by(shop, stripe, old), paid_by(shop, stripe, new)
    proved(shop, old, new, keep=True)
    third = paid_by(shop, stripe, new)
    assert set(builders.seen(shop, old)) == set(builders.seen(shop, new)) == {first, second, third}
    assert [builders.order(shop, each).email for each in (first, second, third)] == [old, new, new]
    assert len(builders.rows(shop, Customer)) == 1


def test_a_change_lets_neither_address_be_proved_by_the_others_code_nor_by_one_that_signs_in(
    shop: Shop, stripe: FakeStripe
) -> None:
    old, new, third = somebody(), somebody(), somebody()
    order_id = paid_by(shop, stripe, old)
    address_changes.request(shop, old, new)
    address_changes.request(shop, old, third)
    right = {"old_digits": digits(shop, old, about=new), "new_digits": digits(shop, new, about=old)}
    wrong = {name: "111111" if told == "000000" else "000000" for name, told in right.items()}
    for told in ({**right, "new_digits": wrong["new_digits"]}, {**right, "old_digits": wrong["old_digits"]}):
        with pytest.raises(LinkInvalid):
            address_changes.confirm(shop, old, new, **told)
    with pytest.raises(LinkInvalid):  # what was mailed for one change proves no other
        address_changes.confirm(shop, old, third, **right)
    for address, told in ((old, right["old_digits"]), (new, right["new_digits"])):
        with pytest.raises((LinkExpired, LinkInvalid)):
            sign_in.by_code(shop, address, told)
    assert builders.seen(shop, old) == [order_id]
    address_changes.confirm(shop, old, new, **right)
    assert builders.seen(shop, new) == [order_id]
    with pytest.raises(LinkExpired):
        address_changes.confirm(shop, old, new, **right)


def test_five_tries_at_a_change_are_enough_and_a_late_code_is_too_late(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    old, new = somebody(), somebody()
    paid_by(shop, stripe, old)
    address_changes.request(shop, old, new)
    right = {"old_digits": digits(shop, old, about=new), "new_digits": digits(shop, new, about=old)}
    for _ in range(5):
        with pytest.raises(LinkInvalid):
            address_changes.confirm(shop, old, new, old_digits="x", new_digits=right["new_digits"])
    with pytest.raises(LinkExpired):
        address_changes.confirm(shop, old, new, **right)
    address_changes.request(shop, old, new)
    right = {"old_digits": digits(shop, old, about=new), "new_digits": digits(shop, new, about=old)}
    clock.pass_(minutes=11)
    with pytest.raises(LinkExpired):
        address_changes.confirm(shop, old, new, **right)
    assert known(shop) == {old: "checkout"}
    for _ in range(3):
        address_changes.request(shop, old, new)
    with pytest.raises(TooManyTries):
        address_changes.request(shop, old, new)


@builders.on_sqlite
def test_what_is_no_address_cannot_become_one(shop: Shop) -> None:
    with pytest.raises(AddressUnfit):
        address_changes.request(shop, somebody(), "name@gmail")


def test_letters_to_an_address_that_was_given_up_open_nothing_and_new_ones_do(shop: Shop, stripe: FakeStripe) -> None:
    old, new = somebody(), somebody()
    order_id = paid_by(shop, stripe, old)
    before = order_links.link(shop, order_id, old)
    proved(shop, old, new)
    with pytest.raises(LinkExpired) as late:
        order_links.read(shop, before.rpartition("/")[2])
    assert late.value.subject == old
    now = contents.about_order(shop, order_id).order_url
    assert order_links.read(shop, now.rpartition("/")[2]).address == new
    assert (builders.seen(shop, old), builders.seen(shop, new)) == ([], [order_id])


def test_a_plans_billing_follows_its_customer(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    new = somebody()
    proved(shop, "nora@lindqvist.example", new)
    assert portal.open_page(shop, new, order_id)
    with pytest.raises(AccessDenied):
        portal.open_page(shop, "nora@lindqvist.example", order_id)


def test_what_was_given_to_an_address_alone_follows_who_gives_it_up(shop: Shop, stripe: FakeStripe) -> None:
    old, new = somebody("Ida"), somebody()
    paid_by(shop, stripe, old)
    places = paid_by(shop, stripe, "ole@berg.example", "clinic-eur")
    with shop.transaction() as session:
        key, _ = administration.issue(session, "kit", holder=old, livemode=False, now=shop.now())
        [row] = session.exec(select(Attendee).where(Attendee.order_id == places)).all()
        row.email, row.folded = old, addresses.fold(old)
        for waits in (old, "eve@berg.example"):
            waiting_list.join(session, "full/1", waits, places=1, now=shop.now())

    def theirs(email: str) -> tuple[list[str], bool, list[str]]:
        with shop.reading() as session:
            given = holding.given(session, email, livemode=False, signing_key=shop.signing_key)
            place = tickets.place(session, session.get_one(Attendee, row.id), livemode=False)
            waiting = session.exec(select(WaitingEntry).where(WaitingEntry.folded == addresses.fold(email))).all()
            return [each.id for _, each in given], tickets.is_holder(session, place, email), [w.email for w in waiting]

    assert theirs(old) == ([key.id], True, [old])
    proved(shop, old, new)
    assert theirs(new) == ([key.id], True, [new])
    # Whoever reads the mail there by now is somebody else.
    assert theirs(old) == ([], False, [])
    with shop.reading() as session:
        assert attendees.receiver(session, row.id) == new
    proved(shop, new, somebody(), keep=True)
    assert theirs(new) == ([key.id], True, [new])


# -- on an owner's word


def told(shop: Shop, old: str, new: str, **how: bool) -> str:
    with shop.transaction() as session:
        return address_changes.change(session, old, new, how=How.OWNER, actor="owner", now=shop.now(), **how)


def test_an_owner_corrects_a_mistyped_address(shop: Shop, stripe: FakeStripe) -> None:
    wrong, right = "nora@lindqvist.exmaple", somebody()
    order_id = paid_by(shop, stripe, wrong)
    told(shop, wrong, right)
    assert (builders.seen(shop, wrong), builders.seen(shop, right)) == ([], [order_id])
    (entry,) = [each for each in builders.detail(shop, order_id)["log"] if each["event"] == "address_changed:1"]
    assert entry["actor"] == "owner"
    told(shop, right, right.upper())
    assert (known(shop), builders.order(shop, order_id).email) == ({right.upper(): "owner"}, right.upper())


def test_two_customers_become_one_only_when_that_is_meant(shop: Shop, stripe: FakeStripe) -> None:
    old, new = somebody(), somebody()
    first, second = paid_by(shop, stripe, old), paid_by(shop, stripe, new)
    with pytest.raises(AddressTaken) as refusal:
        told(shop, old, new)
    assert refusal.value.orders == 1
    assert (builders.seen(shop, old), builders.seen(shop, new)) == ([first], [second])
    told(shop, old, new, join=True)
    assert (builders.seen(shop, old), set(builders.seen(shop, new))) == ([], {first, second})
    assert [row.email for row in builders.rows(shop, Customer)] == [new]


@pytest.mark.parametrize(
    ("theirs", "others", "kept", "told"),
    [("", "u2", "u2", [None]), ("u1", "", "u1", [None]), ("u1", "u2", "u1", ["u2"]), ("", "", "", [None])],
)
def test_who_becomes_one_with_another_is_still_known_to_the_sellers_programs(
    shop: Shop, stripe: FakeStripe, theirs: str, others: str, kept: str, told: list[str | None]
) -> None:
    listens(shop, "http://127.0.0.1:9/", "entitlement.changed")
    old, new = somebody(), somebody()
    for email, reference in ((old, theirs), (new, others)):
        paid_by(shop, stripe, email)
        with shop.transaction() as session:
            if reference:
                customers.refer(session, str(customers.whose(session, email)), reference)
    versions.catch_up(shop)
    with shop.transaction() as session:
        session.exec(delete(WebhookDelivery))
        session.exec(delete(WebhookMessage))
        gone = customers.whose(session, new)
        address_changes.change(session, old, new, how=How.OWNER, keep=True, join=True, actor="owner", now=shop.now())
    [row] = builders.rows(shop, Customer)
    assert (row.seller_reference or "") == kept
    for reference in filter(None, [kept]):
        assert versions.of(shop, reference).person == row.id
    said = [orjson.loads(each.body)["data"] for each in builders.rows(shop, WebhookMessage)]
    # That nothing is left of the one who is no more is said of the name by which nobody goes from now on.
    assert [(each["external_id"], each["products"]) for each in said if each["person"] == gone] == [
        (each, []) for each in told
    ]


def test_what_is_bought_for_somebody_under_another_address_is_for_the_owner_until_they_are_one(
    shop: Shop, stripe: FakeStripe
) -> None:
    first, second = somebody(), somebody()

    def buys(email: str, reference: str) -> str:
        link = checkout.start(shop, replace(builders.a_basket(cart=new_id("cart")), person=reference))
        stripe.pay(builders.session_id(link), email=email)
        builders.deliver(shop, stripe.event("completed", builders.session_id(link)))
        return link.order_id

    def worries() -> list[tuple[str, str | None]]:
        return [(item.detail, item.order_id) for item in attention.items(shop) if item.topic == "other_external_id"]

    bought = buys(first, "user-77")
    assert worries() == []
    again = buys(second, "user-77")
    assert worries() == [("user-77", again)]
    told(shop, first, second, keep=True, join=True)
    assert worries() == []
    assert versions.of(shop, "user-77").found.products[0].orders == tuple(sorted([bought, again]))
    # One who goes by another id already is somebody else as well.
    third = buys(first, "user-88")
    assert worries() == [("user-88", third)]


def test_one_order_is_given_to_whom_it_belongs_and_the_others_stay(shop: Shop, stripe: FakeStripe) -> None:
    typed, meant = somebody(), somebody()
    theirs, wrong = paid_by(shop, stripe, typed), paid_by(shop, stripe, typed)
    with shop.transaction() as session:
        owner = customers.whose(session, typed)
        address_changes.change_of_order(
            session, wrong, meant, owner=owner, how=How.OWNER, actor="owner", now=shop.now()
        )
    assert (builders.seen(shop, typed), builders.seen(shop, meant)) == ([theirs], [wrong])
    assert contents.about_order(shop, wrong).email == meant
    assert "address_changed:1" in builders.log(shop, wrong)
    assert "address_changed:1" not in builders.log(shop, theirs)


def test_an_order_that_is_not_theirs_or_not_paid_cannot_be_given_away(shop: Shop, stripe: FakeStripe) -> None:
    ida, ole = somebody("ida"), somebody("ole")
    idas, _ = paid_by(shop, stripe, ida), paid_by(shop, stripe, ole)
    unpaid, _ = builders.opened(shop, cart=new_id("cart"))
    with shop.transaction() as session:
        for order_id, owner in ((idas, customers.whose(session, ole)), (unpaid, None), ("ord_nobody", None)):
            with pytest.raises(OrderNotFound):
                address_changes.change_of_order(
                    session, order_id, ole, owner=owner, how=How.OWNER, actor="owner", now=shop.now()
                )
    with pytest.raises(CustomerNotFound):
        told(shop, somebody(), ole)
    assert builders.seen(shop, ida) == [idas]


def test_changing_and_buying_at_once_leaves_every_order_with_somebody(shop: Shop, stripe: FakeStripe) -> None:
    old, new = somebody(), somebody()
    paid_by(shop, stripe, old)
    waiting = [builders.opened(shop, cart=new_id("cart")) for _ in range(6)]
    for number, (_, session_id) in enumerate(waiting):
        stripe.pay(session_id, email=(old, new)[number % 2])
    events = [stripe.event("completed", session_id) for _, session_id in waiting]
    results = builders.at_once(
        *[lambda event=event: builders.deliver(shop, event) for event in events],
        lambda: told(shop, old, new, join=True),
    )
    assert not [each for each in results if isinstance(each, Exception)], results
    seen = [*builders.seen(shop, old), *builders.seen(shop, new)]
    assert (len(seen), set(seen)) == (7, {row.id for row in builders.rows(shop, builders.Order)})
    assert {row.customer_id for row in builders.rows(shop, CustomerAddress)} == {
        row.id for row in builders.rows(shop, Customer)
    }


def test_two_first_purchases_at_once_make_one_customer(shop: Shop, stripe: FakeStripe) -> None:
    email = somebody()
    waiting = [builders.opened(shop, cart=new_id("cart")) for _ in range(4)]
    for _, session_id in waiting:
        stripe.pay(session_id, email=email)
    events = [stripe.event("completed", session_id) for _, session_id in waiting]
    results = builders.at_once(*[lambda event=event: builders.deliver(shop, event) for event in events])
    assert not [each for each in results if isinstance(each, Exception)], results
    assert [row.email for row in builders.rows(shop, Customer)] == [email]
    assert set(builders.seen(shop, email)) == {order_id for order_id, _ in waiting}


# -- what a browser sees


def test_an_order_that_was_placed_without_a_browser_is_nobodys_who_has_none(shop: Shop, stripe: FakeStripe) -> None:
    link = checkout.start(shop, builders.a_basket("kit-eur", browser=""))
    stripe.pay(builders.session_id(link))
    builders.deliver(shop, stripe.event("completed", builders.session_id(link)))
    with shop.reading() as session:
        seen = purchases.seen(session, link.order_id, Viewer(), signing_key=shop.signing_key, now=shop.now())
    assert seen is not None
    assert (seen.mine, seen.email, seen.lines, seen.deliveries) == (False, "", (), ())

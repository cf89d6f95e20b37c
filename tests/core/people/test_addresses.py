"""Addresses: what is taken for one, and when two of them are one mailbox."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.foundation import addresses
from core.foundation.errors import AddressUnfit, Unfit
from core.foundation.records import new_id
from core.journeys import checkout, success_page
from core.messages import contents
from core.people import codes, sign_in
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe

UNFIT = {
    Unfit.EMPTY: ["", " "],
    Unfit.NO_AT: ["nora", "nora.lindqvist.com"],
    Unfit.SEVERAL: ["a@b.com, c@d.com", "a@b@c.com", "Nora <nora@b.com>", "a b@c.com"],
    Unfit.NO_ENDING: ["name@gmail", "a@b"],
    Unfit.DOTS: ["x@berg..com", ".x@berg.com", "x.@berg.com", "x..y@berg.com", "x@.berg.com"],
    Unfit.TOO_LONG: ["a" * 250 + "@b.com", "a@" + "b" * 300 + ".com"],
    Unfit.RESERVED: ["a@localhost", "a@shop.localhost", "a@shop.invalid", "a@test"],
    Unfit.CHARACTERS: [
        "no\x00ra@b.com",
        "a@-b.com",
        "a@b_c.com",
        "a@[127.0.0.1]",
        "a@b.1",
        "a@xn--.com",
        "a@\ud800.com",
    ],
}


@pytest.mark.parametrize(("why", "text"), [(why, text) for why, texts in UNFIT.items() for text in texts])
@pytest.mark.parametrize("reachable", [True, False])
def test_what_no_mail_can_be_sent_to_is_no_address(why: Unfit, text: str, reachable: bool) -> None:
    with pytest.raises(AddressUnfit) as refusal:
        addresses.checked(text, reachable=reachable)
    assert refusal.value.why is why


@pytest.mark.parametrize("text", ["a@example.com", "a@shop.example", "a@shop.test", "a@mail.Example.ORG"])
def test_addresses_for_examples_are_for_shops_without_real_money(text: str) -> None:
    assert addresses.checked(text, reachable=False)
    with pytest.raises(AddressUnfit) as refusal:
        addresses.checked(text, reachable=True)
    assert refusal.value.why is Unfit.RESERVED


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" Nora@Berg.COM ", "Nora@berg.com"), ("straße@berg.com", "straße@berg.com"), ("İda@berg.com", "İda@berg.com"),
        ("nora+shop@berg.com", "nora+shop@berg.com"), ("nora@BÜCHER.com", "nora@bücher.com"),
        ("nora@xn--bcher-kva.com", "nora@bücher.com"),
    ],
)  # fmt: skip
def test_an_address_is_kept_as_it_was_given_but_for_what_no_mailbox_tells_apart(text: str, kept: str) -> None:
    assert addresses.checked(text, reachable=True) == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nora@Berg.com", "nora@berg.COM"), ("nora@bücher.com", "nora@xn--bcher-kva.com"), ("nora@BÜCHER.com", "NORA@bücher.com"),
        ("nora@ｂｅｒｇ.com", "nora@berg.com"), (" nora@berg.com", "nora@berg.com"),
        ("jose\u0301@berg.com", "jos\u00e9@berg.com"), ("\u212bsa@berg.com", "\u00c5sa@berg.com"),
        ("J\u030c@berg.com", "\u01f0@berg.com"),
    ],
)  # fmt: skip
def test_one_mailbox_is_one_address(one: str, other: str) -> None:
    assert addresses.fold(one) == addresses.fold(other)
    assert addresses.mark(one) == addresses.mark(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("straße@berg.com", "strasse@berg.com"), ("nora@straße.com", "nora@strasse.com"), ("ıda@berg.com", "ida@berg.com"),
        ("İda@berg.com", "ida@berg.com"), ("ÅSA@berg.com", "åsa@berg.com"), ("ﬁn@berg.com", "fin@berg.com"),
        ("\u212aim@berg.com", "kim@berg.com"), ("no.ra@berg.com", "nora@berg.com"),
    ],
)  # fmt: skip
def test_what_may_be_two_peoples_mailboxes_is_two_addresses(one: str, other: str) -> None:
    assert addresses.fold(one) != addresses.fold(other)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("Nora@Berg.com", {"nora@berg.com"}),
        ("Nora@BÜCHER.com", {"nora@bücher.com", "nora@xn--bcher-kva.com"}),
        ("ÅSA@xn--bcher-kva.com", {"Åsa@bücher.com", "Åsa@xn--bcher-kva.com", "åsa@bücher.com", "åsa@xn--bcher-kva.com"}),
        ("nobody", {"nobody"}), ("nora@no such domain", {"nora@no such domain"}),
    ],
)  # fmt: skip
def test_what_is_kept_as_it_was_typed_is_looked_for_in_each_of_its_spellings(address: str, found: set[str]) -> None:
    assert addresses.spellings(address) == found


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=80))
def test_every_text_has_one_folded_form_also_one_that_stripe_took_and_we_would_not(text: str) -> None:
    once = addresses.fold(text)
    assert addresses.fold(once) == once
    assert addresses.mark(text) == addresses.mark(once)


# -- what hangs on it


def paid_by(shop: Shop, stripe: FakeStripe, email: str, *items: str, cart: str = "") -> str:
    order_id, session_id = builders.opened(shop, *items, cart=cart or new_id("cart"))
    stripe.pay(session_id, email=email)
    builders.deliver(shop, stripe.event("completed", session_id))
    return order_id


def test_two_people_whom_another_alphabet_would_fold_have_their_own_purchases_and_codes(
    shop: Shop, stripe: FakeStripe
) -> None:
    orders = {email: paid_by(shop, stripe, email) for email in ("straße@berg.example", "strasse@berg.example")}
    for email, order_id in orders.items():
        assert builders.seen(shop, email) == [order_id]
        with shop.transaction() as session:
            code = codes.make(session, email, now=shop.now())
        assert code.email == email


def test_a_code_goes_to_the_address_as_it_is_kept_and_never_to_a_folded_form_of_it(
    shop: Shop, stripe: FakeStripe
) -> None:
    known, unknown = f"Nora.{new_id('N')}@Bücher.example", f"Ida.{new_id('I')}@berg.example"
    order_id = paid_by(shop, stripe, known)
    sign_in.request_code(shop, known.upper())
    sign_in.request_code(shop, unknown)
    assert {code.email for code in builders.rows(shop, codes.SignInCode)} == {known, unknown}
    code = next(each for each in builders.rows(shop, codes.SignInCode) if each.email == known)
    ticket = sign_in.by_code(shop, known.lower(), codes.digits_of(code.id, signing_key=shop.signing_key))
    with shop.transaction() as session:
        cookie = sign_in.redeem(session, ticket, ip="", signing_key=shop.signing_key, now=shop.now())
        assert sign_in.who(session, cookie, now=shop.now()) == known
    assert builders.seen(shop, known) == [order_id]
    assert contents.about_order(shop, order_id).email == known


@builders.on_sqlite
def test_a_shop_with_real_money_has_no_use_for_addresses_of_examples(shop: Shop) -> None:
    live = builders.live(shop)
    with pytest.raises(AddressUnfit):
        sign_in.request_code(live, "nora@shop.example")
    with pytest.raises(AddressUnfit):
        checkout.start(live, builders.a_basket(email="nora@example.com"))
    assert builders.rows(shop, builders.Order) == []


@pytest.mark.parametrize("typed", ["nora@lindqvist.exmaple", "", "Nora@lindqvist.example"])
def test_the_address_that_stripe_reports_is_the_orders_whatever_was_typed_before(
    shop: Shop, stripe: FakeStripe, typed: str
) -> None:
    link = checkout.start(shop, builders.a_basket(email=typed))
    assert builders.order(shop, link.order_id).email == typed
    assert builders.seen(shop, typed) == []
    stripe.pay(builders.session_id(link), email="nora@lindqvist.example")
    builders.deliver(shop, stripe.event("completed", builders.session_id(link)))
    assert builders.order(shop, link.order_id).email == "nora@lindqvist.example"
    assert builders.seen(shop, "nora@lindqvist.example") == [link.order_id]
    assert contents.about_order(shop, link.order_id).email == "nora@lindqvist.example"


@pytest.mark.parametrize("first", ["nora@lindqvist.example", "ole@berg.example"])
def test_two_paid_sessions_of_two_people_keep_both_apart(shop: Shop, stripe: FakeStripe, first: str) -> None:
    order_id, opened = builders.opened(shop, "kit-eur")
    stripe.expire(opened)
    people = {"nora@lindqvist.example": stripe.recover(opened)["id"], "ole@berg.example": stripe.recover(opened)["id"]}
    (second,) = set(people) - {first}
    for email in (first, second):
        stripe.pay(people[email], email=email)
        builders.ask_stripe(shop)
        builders.deliver(shop, stripe.event("completed", people[email]))
        builders.ask_stripe(shop)
    assert success_page.confirm(shop, people[second]) == order_id
    assert builders.order(shop, order_id).email == first
    assert (builders.seen(shop, first), builders.seen(shop, second)) == ([order_id], [])
    assert contents.about_order(shop, order_id).email == first
    assert [job for job in builders.jobs(shop) if not job.startswith("ask_stripe:")] == [
        f"owner_notice:{order_id}:paid_twice", f"receipt:{order_id}"
    ]  # fmt: skip
    assert "paid_twice" in builders.log(shop, order_id)

"""The seats of a plan on its buyer's page, and the page of whoever is asked to take one."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1.element_tree import Block

from core.foundation.errors import ShopError, StripeRefused, StripeUnreachable
from core.journeys.billing import plans
from core.kinds.seats import Seat
from core.people import sign_in
from core.people.staff import Role
from core.seats import invitations
from storefront import frame
from tests import builders, colleagues
from tests.conftest import Clock
from tests.core.seats.test_seats import NORA, PEOPLE, a_plan, code_for, joins, seat_of, set_seats, standing
from tests.storefront.conftest import Visitor, labels, left_for, sound, words


def raising(error: ShopError) -> Callable[..., None]:
    def asked(*_: object, **__: object) -> None:
        raise error

    return asked


def places_of(block: Block, kind: str) -> list[int]:
    """Where each block of a kind stands among what is drawn beside it."""
    within = [each for each in block.children.values() if isinstance(each, Block)]
    here = [place for place, each in block.children.items() if each.type == kind]
    return here + [place for each in within for place in places_of(each, kind)]


@builders.on_sqlite
def test_a_buyer_gives_seats_and_takes_them_and_sees_what_more_would_cost(visitor: Visitor, clock: Clock) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    _, subscription, grant = a_plan(shop, stripe, 3)
    visitor.comes_with(colleagues.signed_in(shop, NORA))
    tab = visitor.opens("purchases")
    assert "1 of 3 seats taken" in words(tab)
    sound(next(each for each in tab.form_submit_button if each.label == "Send invitation").click().run())
    assert "Type your full email" in words(tab)
    tab.text_input(key=f"guest-{grant}").set_value(PEOPLE[0])
    sound(next(each for each in tab.form_submit_button if each.label == "Send invitation").click().run())
    assert f"{PEOPLE[0]} gets a letter with a code" in words(tab)
    assert standing(shop) == {PEOPLE[0]: "invited"}
    assert tab.text_input(key=f"guest-{grant}").value == ""
    tab.text_input(key=f"guest-{grant}").set_value(NORA)
    sound(next(each for each in tab.form_submit_button if each.label == "Send invitation").click().run())
    assert "They have a seat of this plan already" in words(tab)
    assert tab.text_input(key=f"guest-{grant}").value == NORA  # what was refused can be mended
    stands = places_of(tab.main, "popover")
    clock.pass_(seconds=2)
    sound(tab.run())
    assert "They have a seat of this plan already" not in words(tab)
    assert places_of(tab.main, "popover") == stands  # one that moves closes under whoever types in it
    joins(shop, grant, PEOPLE[1])
    sound(tab.run())
    assert "3 of 3 seats taken" in words(tab)
    sound(tab.number_input(key=f"wanted-{grant}").set_value(1).run())
    assert f"{PEOPLE[1]} would have no seat any more" in words(tab)
    assert "Send invitation" not in labels(tab)
    sound(tab.number_input(key=f"wanted-{grant}").set_value(5).run())
    assert "for the rest of the period" in words(tab)
    # What was shown before the renewal is not what it costs after it.
    stripe.renew(subscription)
    plans.refresh(shop, subscription)
    sound(tab.button(key=f"change-{grant}").click().run())
    assert "isn't as it was shown any more" in words(tab) + tab.warning[0].value
    assert "change_item" not in stripe.calls
    sound(tab.button(key=f"change-{grant}").click().run())
    assert "The plan has 5 seats now" in words(tab)
    set_seats(shop, stripe, subscription, 1)
    sound(tab.run())
    assert "1 person has no seat" in words(tab)
    sound(tab.button(key=f"remove-{seat_of(shop, PEOPLE[1]).id}").click().run())
    assert standing(shop)[PEOPLE[1]] == "removed"
    assert "The plan costs what it did" in words(tab)


@builders.on_sqlite
def test_a_double_click_sends_one_code(visitor: Visitor, clock: Clock) -> None:
    shop = visitor.shop
    _, _, grant = a_plan(shop, visitor.stripe, 2)
    invitations.invite(shop, NORA, grant, PEOPLE[0])
    seat = seat_of(shop, PEOPLE[0]).id
    visitor.comes_with(colleagues.signed_in(shop, NORA))
    clock.pass_(minutes=5)
    tab = visitor.opens("purchases")
    before = builders.jobs(shop)
    for _click in range(2):
        sound(tab.button(key=f"again-{seat}").click().run())
        assert f"A new code goes to {PEOPLE[0]}." in words(tab)
        assert len(builders.jobs(shop)) == len(before) + 1
        clock.pass_(milliseconds=300)


@builders.on_sqlite
def test_a_seat_is_given_to_whoever_was_typed_just_before_the_click(visitor: Visitor) -> None:
    shop = visitor.shop
    _, _, grant = a_plan(shop, visitor.stripe, 2)
    joins(shop, grant, PEOPLE[0])
    seat = seat_of(shop, PEOPLE[0])
    visitor.comes_with(colleagues.signed_in(shop, NORA))
    tab = visitor.opens("purchases")
    # The field is left by the click itself: both come in the same run.
    tab.text_input(key=f"replace-with-{seat.id}").set_value(PEOPLE[1])
    sound(tab.button(key=f"replace-{seat.id}").click().run())
    assert f"{PEOPLE[1]} is asked to take the seat." in words(tab)
    assert standing(shop) == {PEOPLE[0]: "removed", PEOPLE[1]: "invited"}


@builders.on_sqlite
def test_a_buyer_sees_what_paying_yearly_costs_before_the_plan_is_switched(visitor: Visitor) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    _, _, grant = a_plan(shop, stripe, 2)
    visitor.comes_with(colleagues.signed_in(shop, NORA))
    tab = visitor.opens("purchases")
    assert any("Pay yearly instead: €180" in each for each in labels(tab))
    sound(tab.button(key=f"interval-{grant}").click().run())
    assert "€162" in words(tab)
    assert "every year, without taxes" in words(tab)
    sound(tab.button(key=f"keep-{grant}").click().run())
    assert "change_item" not in stripe.calls
    sound(tab.button(key=f"interval-{grant}").click().run())
    sound(tab.button(key=f"switch-{grant}").click().run())
    assert "You pay yearly from now on" in words(tab)
    assert "each year" in words(tab)
    assert "1 of 2 seats taken" in words(tab)
    sound(tab.button(key=f"interval-{grant}").click().run())
    assert "is taken off what comes next" in words(tab)


@builders.on_sqlite
def test_a_plan_that_stripe_says_nothing_of_speaks_of_no_cart_and_promises_nothing(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    _, _, grant = a_plan(shop, stripe, 2)
    visitor.comes_with(colleagues.signed_in(shop, NORA))
    tab = visitor.opens("purchases")
    stripe.trouble = [StripeUnreachable("timeout")]
    sound(tab.number_input(key=f"wanted-{grant}").set_value(5).run())
    assert "Nothing was changed" in tab.warning[0].value
    for trouble, said in (
        (StripeUnreachable("timeout"), "isn't certain that your plan has changed"),
        (StripeRefused("resource_missing"), "Your plan couldn't be changed, and nothing was charged."),
    ):
        monkeypatch.setattr(stripe, "change_item", raising(trouble))
        sound(tab.run())
        sound(tab.button(key=f"change-{grant}").click().run())
        assert said in tab.warning[0].value


@builders.on_sqlite
def test_whoever_is_asked_takes_the_seat_with_the_code_and_is_signed_in(visitor: Visitor) -> None:
    shop = visitor.shop
    _, _, grant = a_plan(shop, visitor.stripe)
    invitations.invite(shop, NORA, grant, PEOPLE[0])
    seat = seat_of(shop, PEOPLE[0])
    tab = visitor.opens("seat", id=seat.id)
    assert tab.title[0].value == "A seat of Plan"
    assert NORA not in words(tab)
    assert PEOPLE[0] not in words(tab)
    tab.text_input[0].set_value("12345678")
    sound(tab.form_submit_button[0].click().run())
    assert "You have 9 tries left" in words(tab)
    assert standing(shop) == {PEOPLE[0]: "invited"}
    tab.text_input[0].set_value(code_for(shop, PEOPLE[0]))
    assert "/api/sign-in/" in left_for(tab.form_submit_button[0].click().run())
    assert standing(shop) == {PEOPLE[0]: "accepted"}
    assert "taken already" in words(visitor.opens("seat", id=seat.id))
    assert visitor.opens("seat", id="seat_none").title[0].value == "No seat waits here"
    visitor.comes_with(colleagues.signed_in(shop, PEOPLE[0]))
    assert "Plan" in words(visitor.opens("purchases"))
    assert [row.tries for row in builders.rows(shop, Seat)] == [2]


@builders.on_sqlite
def test_many_people_of_one_plan_are_drawn_in_portions(visitor: Visitor) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    _, _, grant = a_plan(shop, stripe, frame.PORTION + 2)
    with shop.transaction() as session:
        for number in range(frame.PORTION + 1):
            email = f"guest{number}@team.example"
            session.add(
                Seat(id=f"seat_{number:03}", grant_id=grant, email=email, since=shop.now(), created_at=shop.now())
            )
    visitor.comes_with(colleagues.signed_in(shop, NORA))
    tab = visitor.opens("purchases")
    assert words(tab).count("@team.example") == frame.PORTION
    [pages] = tab.get("pagination")
    sound(pages.set_value(2).run())
    assert words(tab).count("@team.example") == 1


@builders.on_sqlite
@pytest.mark.parametrize("seats", [0, 1200])
def test_as_many_seats_as_the_seller_set_at_stripe_are_shown_on_both_sides(visitor: Visitor, seats: int) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    order_id, subscription, grant = a_plan(shop, stripe, 3)
    set_seats(shop, stripe, subscription, seats)
    visitor.comes_with(colleagues.signed_in(shop, NORA))
    sound(visitor.opens("purchases"))
    visitor.works_as(Role.OWNER)
    tab = visitor.opens("order", folder="owner_pages", id=order_id)
    for button in [each for each in tab.button if each.key == f"open-seats-{grant}"]:
        sound(button.click().run())


@builders.on_sqlite
def test_a_double_click_gives_a_seat_away_and_does_not_take_it_back(visitor: Visitor, clock: Clock) -> None:
    _, _, grant = a_plan(visitor.shop, visitor.stripe, 3)
    visitor.comes_with(colleagues.signed_in(visitor.shop, NORA))
    tab = visitor.opens("purchases")
    for _click in range(2):
        sound(tab.button(key=f"own-{grant}").click().run())
        assert ("Your seat is free" in words(tab), "0 of 3 seats taken" in words(tab)) == (True, True)
    clock.pass_(seconds=3)
    sound(tab.button(key=f"own-{grant}").click().run())
    assert "1 of 3 seats taken" in words(tab)


@builders.on_sqlite
def test_whoever_was_signed_out_elsewhere_changes_no_plan_from_a_page_that_is_still_open(visitor: Visitor) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    _, _, grant = a_plan(shop, stripe, 3)
    joins(shop, grant, PEOPLE[0])
    visitor.comes_with(colleagues.signed_in(shop, NORA))
    seat = seat_of(shop, PEOPLE[0]).id
    for key in (f"remove-{seat}", f"replace-{seat}", f"own-{grant}", f"change-{grant}", f"switch-{grant}"):
        visitor.comes_with(colleagues.signed_in(shop, NORA))
        tab = visitor.opens("purchases")
        if key.startswith("switch"):
            sound(tab.button(key=f"interval-{grant}").click().run())
        sound(tab.number_input(key=f"wanted-{grant}").set_value(5).run())
        tab.text_input(key=f"replace-with-{seat}").set_value(PEOPLE[1])
        with shop.transaction() as session:
            sign_in.sign_out_everywhere(session, NORA, now=shop.now())
        sound(tab.button(key=key).click().run())
        assert "What you clicked just now was not done" in words(tab)
    assert standing(shop) == {PEOPLE[0]: "accepted"}
    assert "change_item" not in stripe.calls
    # Whoever only comes to sign in clicked nothing.
    assert "was not done" not in words(visitor.opens("purchases"))

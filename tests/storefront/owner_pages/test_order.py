"""One order's page: everything about it, and each dialog to its end."""

from base64 import b64decode
from dataclasses import replace

import pytest
from sqlmodel import update
from streamlit.testing.v1 import AppTest

from core.catalog.products import Product
from core.events import balance_questions, questions
from core.foundation.errors import StripeRefused, StripeUnreachable
from core.foundation.money import Money
from core.journeys import refund
from core.kinds import license_keys
from core.kinds.grants import Grant
from core.kinds.places.attendees import Attendee
from core.kinds.seats import Seat, SeatState
from core.orders.history import FulfillmentLog
from core.orders.orders import Order, OrderLine
from core.orders.refunds import Refund
from core.owner.order_book import detail
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.registers import subscriptions
from core.rights import declarations
from core.rights.declarations import Declaration
from core.seats import invitations
from storefront import frame
from tests import builders
from tests.builders import bought, subscribed
from tests.conftest import Clock
from tests.core.seats.test_seats import PEOPLE, code_for, joins
from tests.storefront.conftest import Visitor, labels, sound, words


@pytest.fixture
def order_id(visitor: Visitor) -> str:
    """An order of two things that was paid, in front of an owner."""
    visitor.works_as(Role.OWNER)
    return bought(visitor.shop, visitor.stripe, "guide-eur", "kit-eur")


def opens(visitor: Visitor, order_id: str) -> AppTest:
    return visitor.opens("order", folder="owner_pages", id=order_id)


def begins(visitor: Visitor, order_id: str, dialog: str) -> AppTest:
    return sound(opens(visitor, order_id).button(key=f"open-{dialog}").click().run())


def test_the_page_says_everything_that_is_known(visitor: Visitor, order_id: str) -> None:
    tab = opens(visitor, order_id)
    said = words(tab) + "".join(each.label for each in tab.expander)
    for text in (
        "SH-1001", "€108.00", "Field Guide", "Template Kit", "Everything was handed over", "Paid", "Went to the payment page",
        "nora@lindqvist.example", "pi_", "Test money", "Stripe's fee is known within minutes",
    ):  # fmt: skip
        assert text in said, text


def test_what_was_settled_with_a_balance_at_stripe_stands_beside_what_was_paid(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    order_id, name = subscribed(visitor.shop, visitor.stripe)
    renewed = visitor.stripe.renew(name)
    renewed.update(amount_due=500, amount_paid=500, starting_balance=-400)
    builders.deliver(visitor.shop, visitor.stripe.tell("invoice.paid", renewed))
    said = words(opens(visitor, order_id))
    assert "Settled with their balance at Stripe" in said
    assert "−€4.00" in said


def test_what_a_credit_note_gave_stands_by_itself_and_has_no_receipt(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    order_id, name = subscribed(visitor.shop, visitor.stripe)
    renewed = visitor.stripe.renew(name)
    builders.deliver(visitor.shop, visitor.stripe.tell("invoice.paid", renewed))
    note = visitor.stripe.credit(renewed["id"], 400, outside=400)
    builders.deliver(visitor.shop, visitor.stripe.tell("credit_note.created", note))
    said = words(opens(visitor, order_id))
    for text in ("€18.00", "Given by credit notes", "−€4.00", "€4.00 credited", f"/owner/receipts/{renewed['id']}"):
        assert text in said, text
    for text in ("€14.00", "Settled with their balance", f"/owner/receipts/{note['id']}"):
        assert text not in said, text


def test_a_dialog_that_was_left_open_is_not_the_next_order_s(visitor: Visitor, order_id: str) -> None:
    other = bought(visitor.shop, visitor.stripe, "guide-eur", cart="cart_2")
    tab = begins(visitor, order_id, "take_back")
    assert "take_back-do" in [each.key for each in tab.button]
    tab.query_params["id"] = other  # by the browser's Back and a click: nothing of it closes a dialog
    assert "take_back-do" not in [each.key for each in sound(tab.run()).button]
    tab.query_params["id"] = order_id
    assert "take_back-do" not in [each.key for each in sound(tab.run()).button]


@builders.on_sqlite
def test_who_comes_and_who_has_a_seat_stands_with_the_ways_to_both(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.works_as(Role.OWNER)
    shop, stripe = visitor.shop, visitor.stripe
    plan_id, _ = subscribed(shop, stripe, ("plan-month", 3))
    clinic_id = bought(shop, stripe, ("clinic-eur", 3), cart="cart_2")
    rows = sorted(builders.rows(shop, Attendee), key=lambda row: row.place)
    with shop.transaction() as session:
        for row in rows:
            session.add(row)
        rows[0].checked_in_at, rows[1].name, rows[1].email = shop.now(), "Ada King", "ada@king.example"
        rows[2].canceled_at, rows[2].holds = shop.now(), False
    tab = opens(visitor, clinic_id)
    said = words(tab)
    for text in (
        "Clinic",
        "Nora Lindqvist",
        "Here since",
        "Ada King",
        "ada@king.example",
        "Expected",
        "Guest 3",
        "Canceled",
    ):
        assert text in said, text
    assert "To the date" in [each.label for each in tab.page_link]
    (grant,) = [row for row in builders.rows(shop, Grant) if row.order_id == plan_id]
    joins(shop, grant.id, PEOPLE[0])
    invitations.invite(shop, "nora@lindqvist.example", grant.id, PEOPLE[1])
    said = words(opens(visitor, plan_id))
    for text in ("2 of 3 seats taken", PEOPLE[0], "Has a seat", PEOPLE[1], "Invited"):
        assert text in said, text
    tab = visitor.opens("subscriptions", folder="owner_pages", order=plan_id)
    assert "3 seats (2 taken, 1 invited)" in words(tab)
    assert "No plan" in words(visitor.opens("subscriptions", folder="owner_pages", order="ord_none"))
    joins(shop, grant.id, PEOPLE[1])
    monkeypatch.setattr(frame, "PORTION", 1)
    assert "1 more person, all of them at the seats below" in words(opens(visitor, plan_id))


@builders.on_sqlite
def test_staff_give_and_take_back_seats_of_a_plan_each_written_down(visitor: Visitor) -> None:
    visitor.works_as(Role.SUPPORT)
    shop, stripe = visitor.shop, visitor.stripe
    order_id, _ = subscribed(shop, stripe, ("plan-month", 2))
    (grant,) = builders.rows(shop, Grant)
    tab = begins(visitor, order_id, f"give-{grant.id}")
    sound(tab.text_input(key="seat-guest").set_value(PEOPLE[0]).run())
    sound(tab.button(key="give-seat-do").click().run())
    (seat,) = builders.rows(shop, Seat)
    assert (seat.email, seat.state) == (PEOPLE[0], SeatState.INVITED)
    invitations.accept(shop, seat.id, code_for(shop, PEOPLE[0]))
    tab, stale = (begins(visitor, order_id, f"take-{seat.id}") for _ in range(2))
    assert "Give a seat" not in labels(tab)  # all are taken
    assert "More or fewer seats" not in labels(tab)  # support bills nobody
    assert f"{PEOPLE[0]}" in words(tab)
    sound(tab.button(key="take-seat-do").click().run())
    assert [row.state for row in builders.rows(shop, Seat)] == [SeatState.REMOVED]
    sound(stale.button(key="take-seat-do").click().run())
    assert "take-seat-do" not in [each.key for each in stale.button]
    told = sorted((each.action, each.subject, each.detail) for each in builders.rows(shop, AuditEntry))
    assert told == [("seats", order_id, "seat_given"), ("seats", order_id, "seat_taken")]
    said = "".join(each.label for each in opens(visitor, order_id).expander)
    assert "A seat of the plan was given" in said
    assert "A seat of the plan was taken away" in said


@builders.on_sqlite
def test_an_owner_changes_how_many_seats_there_are_at_what_was_shown(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    shop, stripe = visitor.shop, visitor.stripe
    order_id, subscription = subscribed(shop, stripe, ("plan-month", 2))
    (grant,) = builders.rows(shop, Grant)
    tab, stale = (begins(visitor, order_id, f"seats-{grant.id}") for _ in range(2))
    assert "What its buyer pays is shown before" in words(tab)
    for each, wanted in ((tab, 4), (stale, 5)):
        sound(each.number_input(key="seats-wanted").set_value(wanted).run())
        assert "Its buyer is billed" in words(each)
        assert "monthly" in words(each)
    sound(tab.button(key="seats-do").click().run())
    assert "The plan has 4 seats now." in words(tab)
    assert stripe.subscriptions[subscription]["items"]["data"][0]["quantity"] == 4
    assert [row.quantity for row in builders.rows(shop, Grant)] == [4]
    sound(stale.button(key="seats-do").click().run())
    assert "has other seats by now" in stale.warning[0].value
    (entry,) = builders.rows(shop, AuditEntry)
    assert (entry.action, entry.subject, entry.detail) == ("change_plan", order_id, "2 to 4")
    tab = begins(visitor, order_id, f"seats-{grant.id}")
    stripe.trouble = [StripeUnreachable("api_connection_error")]
    sound(tab.number_input(key="seats-wanted").set_value(1).run())
    assert "what it costs isn't known" in tab.warning[0].value
    sound(tab.number_input(key="seats-wanted").set_value(3).run())
    assert "taken off what comes next" in words(tab)
    stripe.trouble = [StripeUnreachable("api_connection_error")]
    sound(tab.button(key="seats-do").click().run())
    assert "isn't certain that the plan has changed" in tab.warning[0].value
    # The order's history has what was done, the audit log what was tried.
    told = [row.detail for row in builders.rows(shop, FulfillmentLog) if row.event.startswith("seats_changed:")]
    assert told == ["2 to 4"]
    assert sorted(entry.detail for entry in builders.rows(shop, AuditEntry)) == ["2 to 4", "4 to 3"]


@builders.on_sqlite
def test_a_payment_that_a_bank_took_is_not_offered_to_go_back_and_says_why(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    shop, stripe = visitor.shop, visitor.stripe
    order_id, name = subscribed(shop, stripe)
    first = builders.payment_of(shop, order_id)
    for _ in range(2):
        builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    taken = stripe.dispute(first, status="lost")
    builders.deliver(shop, stripe.tell("charge.dispute.created", taken))
    builders.ask_stripe(shop)
    tab = begins(visitor, order_id, "refund")
    offered = tab.selectbox(key="refund-payment").options
    assert not [each for each in offered if "\\" in each]
    assert len(set(offered)) == 3  # both of one amount and one day: by its name the server is told which is meant
    assert "Not of €9.00 of 23 Nov 2026: a bank took the money in a dispute." in words(tab)
    held = stripe.dispute(builders.payment_of(shop, order_id))
    builders.deliver(shop, stripe.tell("charge.dispute.created", held))
    builders.ask_stripe(shop)
    tab = begins(visitor, order_id, "refund")
    assert "refund-payment" not in [each.key for each in tab.selectbox]  # of one alone there is nothing to choose
    assert "a bank has yet to decide whose the money is." in words(tab)
    assert "**€9.00** of test money goes back" in words(tab) + " ".join(each.value for each in tab.info)


@pytest.mark.parametrize(
    ("status", "badge", "waits", "taken"),
    [
        ("needs_response", "Needs an answer", True, True), ("under_review", "With the bank", False, True),
        ("lost", "Lost", False, True), ("won", "Won", False, False), ("warning_closed", "Closed", False, False),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_a_dispute_says_how_it_stands_and_the_money_adds_up(
    visitor: Visitor, order_id: str, status: str, badge: str, waits: bool, taken: bool
) -> None:
    """An answer is asked for while one can be given, and what a bank has is not what the owner receives."""
    shop, stripe = visitor.shop, visitor.stripe
    payment = builders.payment_of(shop, order_id)
    for stage in dict.fromkeys(
        ["warning_needs_response" if status.startswith("warning") else "needs_response", status]
    ):
        builders.deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(payment, status=stage)))
    for _, ask in balance_questions.due(shop):
        ask()
    said = words(opens(visitor, order_id))
    assert f": {badge}]" in said
    assert ("days left**" in said) is waits
    assert ("Taken by banks" in said and "−€108.00" in said) is taken
    (settled,) = detail.sheet(shop, order_id).settled
    assert settled.net == Money(10800, "eur") - settled.disputed - settled.fee


@builders.on_sqlite
def test_what_was_agreed_to_is_told_by_name_and_an_address_once(visitor: Visitor, order_id: str) -> None:
    with visitor.shop.transaction() as session:
        session.get_one(Order, order_id).name = ""
    said = words(opens(visitor, order_id))
    assert "Field Guide, Template Kit: " in said
    assert said.count("nora@lindqvist.example") == 1


@builders.on_sqlite
def test_an_owner_sees_what_each_subscription_is_for_and_changes_the_seats_of_one(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    shop, stripe = visitor.shop, visitor.stripe
    order_id, names = builders.begun_twice(shop, stripe)
    (grant,) = builders.rows(shop, Grant)
    tab = begins(visitor, order_id, f"seats-{grant.id}")
    assert words(tab).count("Subscription to Plan, 1 seat") == 2
    sound(tab.radio(key="seats-by").set_value(names[1]).run())
    sound(tab.number_input(key="seats-wanted").set_value(4).run())
    assert "Its buyer is billed" in words(tab)
    sound(tab.button(key="seats-do").click().run())
    assert [stripe.subscriptions[name]["items"]["data"][0]["quantity"] for name in names] == [1, 4]
    assert "Subscription to Plan, 4 seats" in words(tab)


@builders.on_sqlite
def test_of_two_subscriptions_each_is_listed_with_its_own_plan_and_people(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    shop, stripe = visitor.shop, visitor.stripe
    order_id, names = builders.two_plans_apart(shop, stripe)
    first = next(row for row in builders.rows(shop, Grant) if row.product_id == "plan")
    stripe.change_seats(names[0], 3)
    questions.ask(shop, names[0])
    joins(shop, first.id, PEOPLE[0])
    with shop.reading() as session:
        found = subscriptions.of_order(session, order_id, livemode=False).rows
    told = {row.id: (row.plans, row.quantity, row.taken) for row in found}
    assert told == {names[0]: (("Plan",), 3, 2), names[1]: (("Bigger Plan",), 1, 1)}
    said = words(visitor.opens("subscriptions", folder="owner_pages", order=order_id))
    for name, seats in (("**Plan**", "3 seats (2 taken)"), ("**Bigger Plan**", "1 seat (1 taken)")):
        assert seats in said.partition(name)[2].partition("sub")[0]


@builders.on_sqlite
def test_seats_whose_cost_was_not_shown_yet_are_not_billed_by_a_click(visitor: Visitor, clock: Clock) -> None:
    visitor.works_as(Role.OWNER)
    order_id, _ = subscribed(visitor.shop, visitor.stripe, ("plan-month", 2))
    (grant,) = builders.rows(visitor.shop, Grant)
    tab = begins(visitor, order_id, f"seats-{grant.id}")
    sound(tab.number_input(key="seats-wanted").set_value(3).run())
    # Another number, typed just before the click, and one that was worked out too long ago.
    tab.number_input(key="seats-wanted").set_value(9)
    for wait in (0, 20):
        clock.pass_(minutes=wait)
        sound(tab.button(key="seats-do").click().run())
        assert "Nothing was billed yet" in tab.info[0].value
        assert "Change to 9 seats" in labels(tab)
    assert "change_item" not in visitor.stripe.calls
    sound(tab.button(key="seats-do").click().run())
    assert "The plan has 9 seats now." in words(tab)


@builders.on_sqlite
@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_nobody_else_changes_a_plan_also_by_a_forged_dialog(visitor: Visitor, role: Role) -> None:
    visitor.works_as(role)
    shop, stripe = visitor.shop, visitor.stripe
    order_id, subscription = subscribed(shop, stripe, ("plan-month", 2))
    (grant,) = builders.rows(shop, Grant)
    tab = opens(visitor, order_id)
    assert ("Give a seat" in labels(tab)) is (role is Role.SUPPORT)
    tab.session_state["dialog"] = f"seats-{grant.id}"
    sound(tab.run())
    sound(tab.number_input(key="seats-wanted").set_value(4).run())
    sound(tab.button(key="seats-do").click().run())
    assert "your role doesn't allow this" in tab.warning[0].value
    assert stripe.subscriptions[subscription]["items"]["data"][0]["quantity"] == 2
    assert builders.rows(shop, AuditEntry) == []


def test_what_its_buyer_agreed_to_and_withdrew_from_is_there(visitor: Visitor, order_id: str) -> None:
    declaration = Declaration("do_1", order_id=order_id, lines=(1,))
    declarations.declare(visitor.shop, declaration, declarations.Visitor(signed_in="nora@lindqvist.example"))
    tab = opens(visitor, order_id)
    seen = words(tab)
    assert "my right of withdrawal ends with that." in seen
    assert "Field Guide, Template Kit: not ticked" in seen
    # What was not ticked stands under no heading that says otherwise.
    assert "Agreed to" not in seen
    assert "To decide" in seen
    assert any("The buyer withdrew from the contract" in each.label for each in tab.expander)


def test_an_order_of_the_season_says_so_and_offers_nothing_that_cannot_be(visitor: Visitor, order_id: str) -> None:
    assert "Made up" not in words(opens(visitor, order_id))
    with visitor.shop.transaction() as session:
        session.get_one(Order, order_id).from_season = True
    tab = opens(visitor, order_id)
    assert "Made up" in words(tab)
    assert "nobody placed it" in words(tab)
    assert not {"open-refund", "open-resend", "open-payment_link"} & {button.key for button in tab.button}


def test_each_payment_leads_to_stripe_s_own_page_of_it(
    visitor: Visitor, order_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = builders.detail(visitor.shop, order_id)["stripe"]["payment_intent"]
    assert "dashboard.stripe.com" not in words(opens(visitor, order_id))  # the sandbox has none
    settings = visitor.shop.settings.model_copy(
        update={"stripe_secret_key": builders.OWN_KEY, "owner_emails": ("owner@example.com",)}
    )
    monkeypatch.setattr("storefront.process.shop", lambda: replace(visitor.shop, settings=settings))
    said = words(opens(visitor, order_id))
    assert f"[`{payment}`](https://dashboard.stripe.com/test/payments/{payment})" in said
    plan, _ = subscribed(visitor.shop, visitor.stripe, cart="cart_2")
    assert "(https://dashboard.stripe.com/test/invoices/in_" in words(opens(visitor, plan))


def test_a_licence_key_is_not_shown_whole(visitor: Visitor, order_id: str) -> None:
    key = next(key.key for each in builders.deliveries(visitor.shop, order_id) for key in each.licenses)
    said = words(opens(visitor, order_id))
    assert f"Key ending {license_keys.hint(key)}" in said
    assert key[:11] not in said


@pytest.mark.parametrize("name", ["number", "payment_intent", "checkout_session"])
def test_an_order_is_opened_by_what_it_is_called_elsewhere(visitor: Visitor, order_id: str, name: str) -> None:
    found = builders.detail(visitor.shop, order_id)
    tab = opens(visitor, found.get(name) or found["stripe"][name])
    assert tab.title[0].value == "SH-1001"


@pytest.mark.parametrize("name", ["", "SH-9", "ord_x", "<b>", "x" * 3000])
def test_what_is_no_order_says_so(visitor: Visitor, order_id: str, name: str) -> None:
    assert opens(visitor, name).title[0].value == "No such order"


def test_everything_goes_back_and_the_page_shows_it(visitor: Visitor, order_id: str) -> None:
    tab = begins(visitor, order_id, "refund")
    assert "**€108.00** of test money goes back" in tab.info[0].value
    assert "**Field Guide**: its buyer keeps it" in words(tab) or "**Field Guide**: its buyer loses access" in words(
        tab
    )
    sound(tab.button(key="refund-do").click().run())
    assert "€108.00 is on its way back" in tab.success[0].value
    assert builders.status(visitor.shop, order_id) == "refunded"
    assert "open-refund" not in {button.key for button in tab.button}


def test_the_buyers_letter_about_exactly_this_refund_is_shown_before_it(visitor: Visitor, order_id: str) -> None:
    tab = begins(visitor, order_id, "refund")
    assert "Your money for order SH-1001 goes back" in tab.expander[-1].label
    sound(tab.button_group(key="refund-how").set_value("Some lines").run())
    sound(tab.multiselect(key="refund-lines").select(2).run())
    assert "Part of your money for order SH-1001 goes back" in tab.expander[-1].label
    [frame] = tab.get("iframe")
    assert "We sent back €79.00 of the €108.00" in b64decode(frame.proto.src.partition("base64,")[2]).decode()


def test_one_line_goes_back_with_its_access(visitor: Visitor, order_id: str) -> None:
    tab = begins(visitor, order_id, "refund")
    sound(tab.button_group(key="refund-how").set_value("Some lines").run())
    assert "Choose at least one line" in tab.info[0].value
    sound(tab.multiselect(key="refund-lines").select(2).run())
    assert "**€79.00**" in tab.info[0].value
    sound(tab.checkbox(key="refund-take-back").check().run())
    sound(tab.selectbox(key="refund-reason").select("duplicate").run())
    sound(tab.button(key="refund-do").click().run())
    (row,) = builders.rows(visitor.shop, Refund)
    assert (row.amount, row.reason, row.actor) == (7900, "duplicate", "owner")
    assert builders.grants(visitor.shop, order_id) == [("guide", "active"), ("kit", "revoked")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("27.00", ""),
        ("0", "Say how much"),
        ("-5", "not clearly an amount"),
        ("999", "€108.00 can still go back"),
        ("1.000", "not clearly an amount"),
    ],
)
def test_an_amount_goes_back_or_is_refused_in_words(visitor: Visitor, order_id: str, text: str, said: str) -> None:
    tab = begins(visitor, order_id, "refund")
    sound(tab.button_group(key="refund-how").set_value("An amount").run())
    sound(tab.text_input(key="refund-amount").set_value(text).run())
    if said:
        assert said in [*tab.warning, *tab.info][0].value
        assert "refund-do" not in {button.key for button in tab.button}
        return
    sound(tab.button(key="refund-do").click().run())
    assert [row.amount for row in builders.rows(visitor.shop, Refund)] == [2700]


def test_an_amount_that_is_left_by_the_click_is_shown_what_it_does_before_it_is_sent(
    visitor: Visitor, order_id: str
) -> None:
    tab = begins(visitor, order_id, "refund")
    sound(tab.button_group(key="refund-how").set_value("An amount").run())
    sound(tab.text_input(key="refund-amount").set_value("27").run())
    tab.text_input(key="refund-amount").set_value("29")
    sound(tab.button(key="refund-do").click().run())
    assert [each.value for each in tab.warning] == []
    assert "Nothing was sent yet: this is what goes back now." in tab.info[-1].value
    sound(tab.button(key="refund-do").click().run())
    assert [row.amount for row in builders.rows(visitor.shop, Refund)] == [2900]


def test_lines_that_are_chosen_anew_by_the_click_are_shown_before_access_is_taken_back(
    visitor: Visitor, order_id: str
) -> None:
    tab = begins(visitor, order_id, "take_back")
    sound(tab.text_input(key="take-back-reason").set_value("Shared its key").run())
    tab.multiselect(key="access-lines").unselect(1)
    sound(tab.button(key="take_back-do").click().run())
    assert "Nothing was changed yet" in tab.warning[0].value
    sound(tab.button(key="take_back-do").click().run())
    assert builders.grants(visitor.shop, order_id) == [("guide", "active"), ("kit", "revoked")]


def test_of_lines_that_are_called_alike_those_that_were_chosen_are_meant(visitor: Visitor, order_id: str) -> None:
    with visitor.shop.transaction() as session:
        session.exec(update(OrderLine).values(name="Clinic", unit_amount=2900))
    tab = begins(visitor, order_id, "refund")
    sound(tab.button_group(key="refund-how").set_value("Some lines").run())
    assert len(set(tab.multiselect(key="refund-lines").options)) == 2
    tab = begins(visitor, order_id, "take_back")
    sound(tab.text_input(key="take-back-reason").set_value("Shared its key").run())
    sound(tab.multiselect(key="access-lines").unselect(2).run())
    sound(tab.button(key="take_back-do").click().run())
    assert builders.grants(visitor.shop, order_id) == [("guide", "revoked"), ("kit", "active")]


def test_what_changed_since_it_was_shown_is_not_sent(visitor: Visitor, order_id: str) -> None:
    tab = begins(visitor, order_id, "refund")
    refund.request(visitor.shop, order_id, 1000, actor="somebody else")
    sound(tab.button(key="refund-do").click().run())
    assert "Something happened to the order meanwhile" in tab.warning[0].value
    assert [row.amount for row in builders.rows(visitor.shop, Refund)] == [1000]


def test_a_refund_clicked_twice_is_one(visitor: Visitor, order_id: str) -> None:
    tab = begins(visitor, order_id, "refund")
    token = tab.session_state["deeds"]["refund"]
    sound(tab.button(key="refund-do").click().run())
    # The second click of a double click: the dialog as it was, with its token.
    tab.session_state["dialog"], tab.session_state["deeds"] = "refund", {"refund": token}
    sound(tab.run())
    assert len(builders.rows(visitor.shop, Refund)) == 1
    assert len(builders.rows(visitor.shop, AuditEntry)) == 1


def test_what_stripe_refuses_is_said_in_its_words(visitor: Visitor, order_id: str) -> None:
    tab = begins(visitor, order_id, "refund")
    visitor.stripe.trouble.append(StripeRefused("charge_disputed", "Charge has been charged back"))
    sound(tab.button(key="refund-do").click().run())
    assert "Stripe refused: Charge has been charged back" in tab.warning[0].value


def test_support_is_told_its_limit(visitor: Visitor) -> None:
    order_id = bought(visitor.shop, visitor.stripe, "guide-eur", "kit-eur")
    visitor.works_as(Role.SUPPORT)
    tab = begins(visitor, order_id, "refund")
    sound(tab.button(key="refund-do").click().run())
    assert "your role may send back €100.00 more" in tab.warning[0].value
    assert builders.rows(visitor.shop, Refund) == []


def test_a_plan_that_goes_back_says_what_becomes_of_its_subscription(visitor: Visitor) -> None:
    order_id = subscribed(visitor.shop, visitor.stripe)[0]
    visitor.works_as(Role.OWNER)
    tab = begins(visitor, order_id, "refund")
    assert "ends now" in words(tab)
    sound(tab.radio(key="refund-subscription").set_value(False).run())
    assert "goes on billing" in words(tab)
    sound(tab.button(key="refund-do").click().run())
    assert [row.ends_subscription for row in builders.rows(visitor.shop, Refund)] == [False]


def test_access_is_taken_back_with_a_reason_and_given_back(visitor: Visitor, order_id: str) -> None:
    tab = begins(visitor, order_id, "take_back")
    sound(tab.button(key="take_back-do").click().run())
    assert [each.value for each in tab.warning] == ["Say why."]
    sound(tab.multiselect(key="access-lines").unselect(1).run())
    tab.text_input(key="take-back-reason").set_value("shared")  # left by the click itself
    sound(tab.button(key="take_back-do").click().run())
    assert builders.grants(visitor.shop, order_id) == [("guide", "active"), ("kit", "revoked")]
    assert "Taken back: shared" in words(tab)
    sound(tab.button(key="open-give_back").click().run())
    sound(tab.button(key="give_back-do").click().run())
    assert builders.grants(visitor.shop, order_id) == [("guide", "active"), ("kit", "active")]
    assert [each.action for each in sorted(builders.rows(visitor.shop, AuditEntry), key=lambda row: row.id)].count(
        "take_back"
    ) == 1


def test_the_receipt_goes_out_again(visitor: Visitor, order_id: str) -> None:
    before = len(builders.jobs(visitor.shop))
    tab = begins(visitor, order_id, "resend")
    sound(tab.button(key="resend-do").click().run())
    assert "again" in tab.success[0].value
    assert len(builders.jobs(visitor.shop)) == before + 1


def test_the_address_is_changed_or_refused_in_words(visitor: Visitor, order_id: str) -> None:
    tab = begins(visitor, order_id, "readdress")
    sound(tab.text_input(key="new-address").set_value("ida").run())
    sound(tab.button(key="readdress-do").click().run())
    assert "full email" in tab.warning[0].value
    sound(tab.text_input(key="new-address").set_value("ida@berg.example").run())
    sound(tab.button(key="readdress-do").click().run())
    assert builders.seen(visitor.shop, "ida@berg.example") == [order_id]
    assert "ida@berg.example" in words(tab)


def test_an_unpaid_order_has_a_page_to_pay_on(visitor: Visitor) -> None:
    order_id, session_id = builders.opened(visitor.shop)
    visitor.works_as(Role.OWNER)
    tab = begins(visitor, order_id, "payment_link")
    sound(tab.button(key="payment-link-do").click().run())
    assert session_id in tab.code[0].value
    assert "open-refund" not in {button.key for button in tab.button}


def test_a_note_is_kept_and_shown(visitor: Visitor, order_id: str) -> None:
    tab = opens(visitor, order_id)
    sound(next(button for button in tab.button if button.label == "Save note").click().run())
    assert "Write the note first." in words(tab)
    tab.text_area(key=f"note-text-{order_id}").set_value("Called: *wants* a gift")
    sound(next(button for button in tab.button if button.label == "Save note").click().run())
    assert r"\*wants\* a gift" in words(tab)
    assert tab.text_area(key=f"note-text-{order_id}").value == ""
    for text in ("Called: *wants* a gift", ""):  # the second click of a double click
        tab.text_area(key=f"note-text-{order_id}").set_value(text)
        sound(next(button for button in tab.button if button.label == "Save note").click().run())
        assert (words(tab).count(r"\*wants\* a gift"), "Write the note first." in words(tab)) == (1, False)


def test_a_note_that_was_begun_on_one_order_is_not_there_on_the_next(visitor: Visitor, order_id: str) -> None:
    other = bought(visitor.shop, visitor.stripe, cart="cart_2")
    tab = opens(visitor, order_id)
    tab.text_area(key=f"note-text-{order_id}").set_value("About the one")
    tab.query_params["id"] = other
    sound(tab.run())
    assert tab.title[0].value == builders.order(visitor.shop, other).number
    assert [each.value for each in tab.text_area] == [""]


def test_what_keeps_an_order_from_being_done_stands_on_its_page(visitor: Visitor) -> None:
    builders.add_date(visitor.shop, "clinic/9", in_days=3, capacity=1)
    order_id = bought(visitor.shop, visitor.stripe)
    with visitor.shop.transaction() as session:
        order = builders.orders.lock(session, order_id)
        assert order
        order.attention = "paid_twice: pi_2"
    visitor.works_as(Role.VIEWER)
    assert "**Paid twice** pi" in opens(visitor, order_id).warning[0].value


@builders.on_sqlite
def test_of_many_keys_and_people_so_many_are_drawn_at_once(visitor: Visitor) -> None:
    visitor.works_as(Role.SUPPORT)
    shop, stripe = visitor.shop, visitor.stripe
    many = frame.PORTION + 2
    builders.change_date(shop, "clinic/1", capacity=many)
    with shop.transaction() as session:
        for product in ("kit", "clinic"):
            session.get_one(Product, product).max_quantity = many
    order_id = builders.bought(shop, stripe, ("kit-eur", many), ("clinic-eur", many))
    tab = opens(visitor, order_id)
    assert words(tab).count("Key ending") == frame.PORTION
    assert "2 more keys, all of them among the licences" in words(tab)
    assert words(tab).count("Expected") == frame.PORTION
    [pages] = tab.get("pagination")
    sound(pages.set_value(2).run())
    assert words(tab).count("Expected") == 2

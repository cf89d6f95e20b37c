"""The customers: found and listed, one with everything they have, and another address on an owner's word."""

import pytest
from streamlit.testing.v1 import AppTest

from core.foundation.jobs.kinds import Job
from core.messages.letters import Letter, LetterState
from core.people.audit import AuditEntry
from core.people.customer_notes import CustomerNote
from core.people.customers import Customer, CustomerAddress
from core.people.staff import Role
from core.registers import customers
from core.rights import declarations
from core.rights.declarations import Declaration
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import bought, deliver, opened
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.storefront.conftest import Visitor, joined, labels, sound, words

NORA, ADA = "nora@lindqvist.example", "ada@lovelace.example"


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, page: str = "customers", **query: str) -> AppTest:
    return visitor.opens(page, folder="owner_pages", **query)


def sells_to(shop: Shop, stripe: FakeStripe, email: str, *items: str, cart: str) -> str:
    """An order that somebody of this address paid; its id."""
    order_id, session_id = opened(shop, *items or ("guide-eur",), cart=cart)
    stripe.pay(session_id, email=email)
    deliver(shop, stripe.event("completed", session_id))
    return order_id


def customer_of(shop: Shop, email: str) -> str:
    with shop.reading() as session:
        return session.get_one(CustomerAddress, email).customer_id


def listed(tab: AppTest) -> list[str]:
    return [joined(link.label.replace("\\", "")) for link in tab.page_link if link.label.startswith("**")]


def test_without_any_the_page_says_so(owner: Visitor) -> None:
    assert "Nobody has bought yet" in words(opens(owner))
    assert "Nobody like that" in words(opens(owner, text="x"))


def test_the_newest_come_first_and_are_found_by_address_name_and_order(owner: Visitor, clock: Clock) -> None:
    sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    clock.pass_(minutes=1)
    sells_to(owner.shop, owner.stripe, ADA, cart="cart_2")
    assert len(listed(opens(owner))) == 2
    assert ADA in words(opens(owner)).partition(NORA)[0]
    for text in ("nora@", NORA.upper(), "SH-1001"):
        said = words(opens(owner, text=text))
        assert NORA in said, text
        assert ADA not in said, text
    tab = opens(owner)
    sound(tab.text_input(key="f-text").set_value("ada").run())
    assert tab.query_params["text"] in ("ada", ["ada"])
    assert len(listed(tab)) == 1


@builders.on_sqlite
def test_what_they_agreed_to_and_withdrew_from_is_said_over_all_orders(owner: Visitor) -> None:
    shop, stripe = owner.shop, owner.stripe
    first, other = (sells_to(shop, stripe, NORA, cart=f"cart_{number}") for number in range(2))
    elsewhere = sells_to(shop, stripe, ADA, cart="cart_9")
    numbers = [builders.order(shop, each).number for each in (first, other, elsewhere)]
    declarations.declare(shop, Declaration("do_1", order_id=first, lines=()), declarations.Visitor(signed_in=NORA))
    declarations.declare(shop, Declaration("do_2", reference="lost", email=NORA.upper()), declarations.Visitor())
    said = words(opens(owner, "customer", id=customer_of(shop, NORA)))
    assert "my right of withdrawal ends with that." in said
    assert all(f"{number}, not ticked" in said for number in numbers[:2])
    assert "Agreed to" not in said
    assert "not known of what" in said
    assert said.count("To decide") == 2
    assert numbers[2] not in said
    assert "Withdrawals" not in words(opens(owner, "customer", id=customer_of(shop, ADA)))


def test_what_was_spent_is_said_per_currency_and_never_added_up(owner: Visitor) -> None:
    sells_to(owner.shop, owner.stripe, NORA, "guide-eur", cart="cart_1")
    sells_to(owner.shop, owner.stripe, NORA, "kit-eur", cart="cart_2")
    with owner.shop.transaction() as session:
        for order in session.exec(builders.select(builders.Order)):
            order.currency = "usd" if order.number == "SH-1002" else "eur"
    with owner.shop.reading() as session:
        [row] = customers.page(session, "", livemode=False, place=customers.Place()).rows
    assert [(each.paid.currency, each.orders) for each in row.spent] == [("eur", 1), ("usd", 1)]
    assert row.first_paid_at
    assert row.last_paid_at


def test_what_was_spent_is_less_by_what_went_back_and_by_disputes_that_were_lost(owner: Visitor) -> None:
    shop, stripe = owner.shop, owner.stripe
    whole, part = (sells_to(shop, stripe, NORA, "kit-eur", cart=f"cart_{number}") for number in range(2))
    sells_to(shop, stripe, NORA, "guide-eur", cart="cart_3")
    deliver(shop, stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, whole), 900)))

    def disputed(order_id: str, status: str, amount: int) -> tuple[int, int, int, int]:
        """Paid, returned, lost and spent, once a dispute about the order stands like this."""
        made = stripe.dispute(builders.payment_of(shop, order_id), status=status, amount=amount)
        deliver(shop, stripe.tell("charge.dispute.updated", made))
        with shop.reading() as session:
            [row] = customers.page(session, "", livemode=False, place=customers.Place()).rows
        [spent] = row.spent
        return spent.paid.amount, spent.returned.amount, spent.lost.amount, spent.kept.amount

    assert disputed(whole, "needs_response", 7000) == (18_700, 900, 0, 17_800)
    assert disputed(whole, "lost", 7000) == (18_700, 900, 7000, 10_800)
    assert disputed(part, "lost", 2000) == (18_700, 900, 9000, 8800)
    assert any("€88.00" in label for label in labels(opens(owner)))
    said = words(opens(owner, "customer", id=customer_of(shop, NORA)))
    assert "Lost in disputes" in said
    assert "**€88.00**" in said


def test_one_customer_has_everything_on_one_page(owner: Visitor) -> None:
    order_id = sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    sells_to(owner.shop, owner.stripe, ADA, cart="cart_2")
    colleagues.signed_in(owner.shop, NORA)
    now = owner.shop.now()
    with owner.shop.transaction() as session:
        session.add(
            Letter(
                id=f"{Job.RECEIPT}:{order_id}", order_id=order_id, state=LetterState.SENT, attempts=1, created_at=now
            )
        )
    tab = opens(owner, "customer", id=customer_of(owner.shop, NORA))
    said = words(tab)
    assert "SH-1001" in "".join(labels(tab))
    assert "SH-1002" not in "".join(labels(tab))
    for each in ("€29.00", "Receipt", "still signed in", "From a payment"):
        assert each in said, each
    assert ADA not in said


def test_a_customer_that_is_not_there(owner: Visitor) -> None:
    assert opens(owner, "customer", id="cus_1").title[0].value == "No such customer"


def test_an_owner_gives_a_customer_another_address_once(owner: Visitor) -> None:
    order_id = sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    tab = sound(
        opens(owner, "customer", id=customer_of(owner.shop, NORA)).button(key=f"open-change-{NORA}").click().run()
    )
    sound(tab.text_input(key="change-new").set_value("n@new.example").run())
    sound(tab.button(key="change-do").click().run())
    assert "is theirs now" in words(tab)
    assert builders.order(owner.shop, order_id).email == "n@new.example"
    [entry] = builders.rows(owner.shop, AuditEntry)
    assert (entry.action, "@" in entry.detail + entry.subject) == ("readdress", False)


def test_an_address_of_somebody_else_is_refused_unless_they_are_one(owner: Visitor) -> None:
    sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    sells_to(owner.shop, owner.stripe, ADA, cart="cart_2")
    tab = sound(
        opens(owner, "customer", id=customer_of(owner.shop, NORA)).button(key=f"open-change-{NORA}").click().run()
    )
    sound(tab.text_input(key="change-new").set_value(ADA).run())
    sound(tab.button(key="change-do").click().run())
    assert "another customer with 1 order" in tab.warning[0].value
    assert builders.rows(owner.shop, AuditEntry) == []
    sound(tab.checkbox(key="change-join").check().run())
    sound(tab.button(key="change-do").click().run())
    assert len(builders.rows(owner.shop, Customer)) == 1


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_nobody_else_changes_an_address_also_by_a_forged_dialog(visitor: Visitor, role: Role) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.works_as(role)
    tab = opens(visitor, "customer", id=customer_of(visitor.shop, NORA))
    assert "Change" not in labels(tab)
    tab.session_state["dialog"] = f"change-{NORA}"
    sound(tab.run())
    sound(tab.text_input(key="change-new").set_value("eve@example.com").run())
    sound(tab.button(key="change-do").click().run())
    assert "your role doesn't allow this" in tab.warning[0].value
    assert builders.order(visitor.shop, order_id).email == NORA
    assert builders.rows(visitor.shop, AuditEntry) == []


def test_long_lists_are_leafed(owner: Visitor, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(customers.page.__kwdefaults__, "size", 1)
    sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    clock.pass_(minutes=1)
    sells_to(owner.shop, owner.stripe, ADA, cart="cart_2")
    tab = opens(owner)
    assert ADA in words(tab)
    sound(tab.button(key="leaf-on").click().run())
    assert NORA in words(tab)
    sound(tab.button(key="leaf-back").click().run())
    assert ADA in words(tab)


def dialog(visitor: Visitor, name: str, email: str = NORA) -> AppTest:
    tab = opens(visitor, "customer", id=customer_of(visitor.shop, email))
    return sound(tab.button(key=f"open-{name}").click().run())


def test_a_note_about_a_customer_stands_there_with_its_author(owner: Visitor) -> None:
    sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    field = f"customer-note-text-{customer_of(owner.shop, NORA)}"
    tab = opens(owner, "customer", id=customer_of(owner.shop, NORA))
    sound(next(button for button in tab.button if button.label == "Save note").click().run())
    assert "Write the note first." in words(tab)
    tab.text_area(key=field).set_value("Likes *paper*.")
    sound(next(button for button in tab.button if button.label == "Save note").click().run())
    said = words(tab)
    assert "Likes \\*paper\\*." in said
    assert tab.text_area(key=field).value == ""
    assert colleagues.OWNER in said.replace("\\", "")
    [entry] = builders.rows(owner.shop, AuditEntry)
    assert (entry.action, entry.subject, entry.detail) == ("note", customer_of(owner.shop, NORA), "")


def test_two_customers_are_merged_once_it_was_shown_what_moves(owner: Visitor) -> None:
    sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    order_id = sells_to(owner.shop, owner.stripe, ADA, cart="cart_2")
    this = customer_of(owner.shop, NORA)
    with owner.shop.transaction() as session:
        other = customer_of(owner.shop, ADA)
        session.add(CustomerNote(id="note_1", customer_id=other, text="Known", who="x", created_at=owner.shop.now()))
    tab = dialog(owner, "merge")
    sound(tab.button(key="merge-do").click().run())
    assert "Say first who the other is" in tab.warning[0].value
    for wrong in (NORA, "SH-1001", "nobody@example.com"):
        sound(tab.text_input(key="merge-text").set_value(wrong).run())
        assert "no other customer" in tab.warning[0].value
        sound(tab.button(key="merge-do").click().run())
        assert "Say first who the other is" in tab.warning[1].value
    # The field is left by the click itself: both come in the same run, and nobody has read yet what moves.
    tab.text_input(key="merge-text").set_value("SH-1002")
    sound(tab.button(key="merge-do").click().run())
    assert "**1 order** and 1 note" in words(tab)
    assert "click once more" in tab.warning[0].value
    assert len(builders.rows(owner.shop, Customer)) == 2
    sound(tab.button(key="merge-do").click().run())
    assert "is theirs now" in words(tab)
    assert [row.id for row in builders.rows(owner.shop, Customer)] == [this]
    assert {row.folded: row.customer_id for row in builders.rows(owner.shop, CustomerAddress)} == {
        NORA: this,
        ADA: this,
    }
    assert [row.customer_id for row in builders.rows(owner.shop, CustomerNote)] == [this]
    # Letters about it go where they went.
    assert (builders.order(owner.shop, order_id).customer_id, builders.order(owner.shop, order_id).email) == (this, ADA)


def test_a_customer_is_erased_once_it_was_shown_what_goes(owner: Visitor) -> None:
    order_id = sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    customer_id = customer_of(owner.shop, NORA)
    tab = dialog(owner, "erase")
    said = words(tab)
    assert "1 address, and their name" in said
    assert "1 order: number, amounts" in said
    assert tab.button(key="erase-do").disabled
    sound(tab.checkbox(key="erase-sure").check().run())
    sound(tab.button(key="erase-do").click().run())
    assert tab.title[0].value == "Somebody who was erased"
    assert "They were erased." in words(tab)
    assert "lindqvist" not in words(tab).lower()
    assert "SH-1001" in "".join(labels(tab))
    assert listed(opens(owner)) == []
    assert "Somebody who was erased" in words(opens(owner, "order", id=order_id))
    assert opens(owner, "customer", id=customer_id).title[0].value == "Somebody who was erased"


def test_what_is_open_is_named_and_nobody_is_erased(owner: Visitor) -> None:
    sells_to(owner.shop, owner.stripe, NORA, "clinic-eur", cart="cart_1")
    tab = dialog(owner, "erase")
    assert "workshop that is still to come" in tab.warning[0].value
    sound(tab.checkbox(key="erase-sure").check().run())
    assert tab.button(key="erase-do").disabled


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
@pytest.mark.parametrize("name", ["merge", "erase"])
def test_nobody_else_merges_or_erases_also_by_a_forged_dialog(visitor: Visitor, role: Role, name: str) -> None:
    bought(visitor.shop, visitor.stripe)
    sells_to(visitor.shop, visitor.stripe, ADA, cart="cart_2")
    visitor.works_as(role)
    tab = opens(visitor, "customer", id=customer_of(visitor.shop, NORA))
    assert f"open-{name}" not in {button.key for button in tab.button}
    assert ("/api/owner/customers/" in words(tab)) is (role is Role.SUPPORT)
    tab.session_state["dialog"] = name
    sound(tab.run())
    if role is Role.SUPPORT:
        if name == "merge":
            sound(tab.text_input(key="merge-text").set_value(ADA).run())
        else:
            sound(tab.checkbox(key="erase-sure").check().run())
        sound(tab.button(key=f"{name}-do").click().run())
        assert "your role doesn't allow this" in tab.warning[0].value
    assert len(builders.rows(visitor.shop, Customer)) == 2
    assert builders.rows(visitor.shop, AuditEntry) == []

"""The customers: found and listed, one with everything they have, and another address on an owner's word."""

import pytest
from streamlit.testing.v1 import AppTest

from core.foundation.outbox import Job
from core.messages.letters import Letter, LetterState
from core.people.audit import AuditEntry
from core.people.customers import Customer, CustomerAddress
from core.people.staff import Role
from core.registers import customers
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import bought, deliver, opened
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.storefront.conftest import Visitor, labels, sound, words

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
    return [
        link.label.replace("\\", "").replace(":color[@]{}", "@")
        for link in tab.page_link
        if link.label.startswith("**")
    ]


def test_without_any_the_page_says_so(owner: Visitor) -> None:
    assert "Nobody has bought yet" in words(opens(owner))
    assert "Nobody like that" in words(opens(owner, text="x"))


def test_the_newest_come_first_and_are_found_by_address_name_and_order(owner: Visitor, clock: Clock) -> None:
    sells_to(owner.shop, owner.stripe, NORA, cart="cart_1")
    clock.pass_(minutes=1)
    sells_to(owner.shop, owner.stripe, ADA, cart="cart_2")
    assert len(listed(opens(owner))) == 2
    assert ADA in words(opens(owner)).partition(NORA)[0]
    for text in ("nora@", NORA.upper(), "PL-1001"):
        said = words(opens(owner, text=text))
        assert NORA in said, text
        assert ADA not in said, text
    tab = opens(owner)
    sound(tab.text_input(key="f-text").set_value("ada").run())
    assert tab.query_params["text"] in ("ada", ["ada"])
    assert len(listed(tab)) == 1


def test_what_was_spent_is_said_per_currency_and_never_added_up(owner: Visitor) -> None:
    sells_to(owner.shop, owner.stripe, NORA, "guide-eur", cart="cart_1")
    sells_to(owner.shop, owner.stripe, NORA, "kit-eur", cart="cart_2")
    with owner.shop.transaction() as session:
        for order in session.exec(builders.select(builders.Order)):
            order.currency = "usd" if order.number == "PL-1002" else "eur"
    with owner.shop.reading() as session:
        [row] = customers.page(session, "", livemode=False, place=customers.Place()).rows
    assert [(each.paid.currency, each.orders) for each in row.spent] == [("eur", 1), ("usd", 1)]
    assert row.first_paid_at
    assert row.last_paid_at


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
    assert "PL-1001" in "".join(labels(tab))
    assert "PL-1002" not in "".join(labels(tab))
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

"""The page of the money: payouts with what is in them, the balance, and the accountant's files for whoever may take them."""

import pytest
from streamlit.testing.v1 import AppTest

from core.events import reconciliation
from core.orders import payments
from core.owner.accounting import payout_list, tax_days
from core.people.staff import Role
from tests import builders
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words


def opens(visitor: Visitor, **query: str) -> AppTest:
    return visitor.opens("money", folder="owner_pages", **query)


def paid_out(visitor: Visitor, clock: Clock, *, by_hand: int = 0) -> None:
    """A sale that was paid out, in two payouts where one was asked for by hand."""
    builders.bought(visitor.shop, visitor.stripe, "kit-eur", "guide-eur")
    clock.pass_(hours=1)
    if by_hand:
        visitor.stripe.pay_out_by_hand(by_hand)
    for made in visitor.stripe.pay_out():
        visitor.stripe.arrive_payout(made["id"])
    clock.pass_(hours=1)
    reconciliation.sweep(visitor.shop, everything=True)


def test_a_payout_stands_with_what_is_in_it(visitor: Visitor, clock: Clock) -> None:
    paid_out(visitor, clock)
    visitor.works_as(Role.OWNER)
    said = words(opens(visitor))
    assert "1 movement: €108.00 less " in said
    assert "Arrived" in said
    assert "is not explained" not in said
    assert "**Received of your orders**" in said
    assert "**No payouts**" in words(opens(visitor, range="own", since="2026-01-01", until="2026-01-31"))


def test_what_does_not_add_up_is_named(visitor: Visitor, clock: Clock) -> None:
    paid_out(visitor, clock, by_hand=1000)
    visitor.works_as(Role.OWNER)
    said = words(opens(visitor))
    assert "It was paid out by hand" in said
    assert "€10.00 of it is not explained." in said


def test_payouts_are_leafed(visitor: Visitor, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(payout_list.page.__kwdefaults__, "size", 1)
    paid_out(visitor, clock, by_hand=1000)
    visitor.works_as(Role.OWNER)
    tab = opens(visitor)
    first = "paid out by hand" in words(tab)
    sound(tab.button(key="leaf-on").click().run())
    assert ("paid out by hand" in words(tab)) is not first
    assert tab.button(key="leaf-on").disabled
    sound(tab.button(key="leaf-first").click().run())
    assert ("paid out by hand" in words(tab)) is first
    assert opens(visitor, after="po_x\0")


@pytest.mark.parametrize("role", Role)
def test_a_viewer_sees_the_money_and_takes_no_file(visitor: Visitor, role: Role) -> None:
    visitor.works_as(role)
    said = words(opens(visitor, range="7"))
    assert "**Nothing moved**" in said
    assert ("/api/owner/accounts/journal.csv?range=7" in said) is (role is not Role.VIEWER)


def test_taxes_stand_by_country_and_rate_and_open_into_their_rows(
    visitor: Visitor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = builders.bought(visitor.shop, visitor.stripe, "kit-eur", "guide-eur")
    with visitor.shop.transaction() as session:
        (payment,) = payments.of_order(session, order_id)
        payment.sqlmodel_update({"amount_tax": 1724, "tax_included": 1724, "country": "DE"})
    visitor.works_as(Role.OWNER)
    tab = opens(visitor)
    said = words(tab)
    assert "Tax by country and rate, in EUR" in said
    assert "**DE · 19% · Licences**" in labels(tab)
    assert "Sold €66.39, tax €12.61. Went back €0.00, tax €0.00. Left €66.39, tax **€12.61**." in said
    assert "€17.24" in said
    key = {"country": "DE", "tax_rate": "19.0", "product_kind": "license", "currency": "eur"}
    found = visitor.opens("taxed", folder="owner_pages", **key)
    assert any("€66.39, tax €12.61" in label for label in labels(found))
    for changed in ({"country": "DK"}, {"tax_rate": "x"}, {"currency": ""}, {"product_kind": "a\0b"}):
        assert "**Nothing here.**" in words(visitor.opens("taxed", folder="owner_pages", **{**key, **changed}))
    monkeypatch.setattr(tax_days, "MOST_COUNTED", 0)
    assert "Not in the taxes yet: " in words(opens(visitor, range="7"))


def test_where_nothing_was_sold_there_is_no_tax(visitor: Visitor) -> None:
    visitor.works_as(Role.VIEWER)
    assert "**Nothing was sold** on these days" in words(opens(visitor))

"""Paying by bank debit: the money is on its way for days, and the page, the mail and the order say so."""

import pytest

from tests.journeys.buyer import ALL_YOURS, DEBIT, Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand


@pytest.fixture
def hugo(arrive: Arrive, stand: Stand) -> Buyer:
    """Somebody who has paid by debit and looks at the page that says it takes a while."""
    hugo = arrive("hugo")
    hugo.puts_in_cart("The Quiet Launch")
    hugo.goes_to_cart()
    hugo.goes_to_payment()
    hugo.pays(DEBIT)
    hugo.returns()
    hugo.sees_heading("Your bank is settling this")
    hugo.sees("You don't need to pay again.")
    assert stand.order(hugo.order_number())["status"] == "processing"
    return hugo


def bank_answers(stand: Stand, buyer: Buyer, *, paid: bool) -> None:
    session = stand.stripe(f"checkout/sessions/{buyer.returns()}")
    stand.tell_sandbox("settle", payment_intent=session["payment_intent"], paid=paid)


def test_a_debit_that_settles_turns_the_page_green_and_sends_the_receipt(hugo: Buyer, stand: Stand) -> None:
    bank_answers(stand, hugo, paid=True)
    number = hugo.sees_everything_delivered()
    order = stand.order(number)
    assert (order["status"], order["amount_total"]) == ("fulfilled", 2900)
    [receipt] = stand.letters(hugo.email)
    assert number in receipt["subject"]


def test_a_debit_that_bounces_is_said_so_on_the_page_and_by_mail_and_the_cart_is_kept(
    hugo: Buyer, stand: Stand
) -> None:
    number = hugo.order_number()
    bank_answers(stand, hugo, paid=False)
    hugo.sees_heading("That payment didn't go through")
    hugo.sees("Nothing was charged.")
    order = stand.order(number)
    assert (order["status"], order["grants"], order["fulfilled_at"]) == ("failed", [], None)
    [letter] = stand.letters(hugo.email)
    assert letter["subject"] == f"The payment for order {number} didn't go through"

    hugo.clicks("Back to your cart", "link")
    hugo.sees_heading("Your cart")
    hugo.goes_to_payment()
    hugo.pays()
    hugo.sees_heading(ALL_YOURS)
    assert stand.order(number)["status"] == "fulfilled"

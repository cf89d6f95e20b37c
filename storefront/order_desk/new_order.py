"""A new order by hand: what an owner gives for nothing, or what was paid outside of this shop."""

from collections.abc import Sequence

import streamlit as st

from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.journeys import given_orders
from core.journeys.checkout import Item
from core.journeys.given_orders import Gift, Givable, Given
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from storefront import process, words
from storefront.amounts import written
from storefront.back_office import dialogs, gate, refusals

NAME = "new-order"
_KINDS = {Given.COMPLIMENTARY: "Complimentary", Given.OUTSIDE: "Paid elsewhere"}


def draw_button(me: Staff) -> None:
    """What opens it, for owners."""
    if me.may(Action.GIVE):
        st.button("New order", icon=":material/add:", key=f"open-{NAME}", on_click=dialogs.opener(NAME))


def draw_open() -> None:
    """The dialog, if it is open."""
    if dialogs.is_open(NAME):
        _draw()


@st.dialog("New order", icon=":material/add:", width="medium", on_dismiss=dialogs.close)
def _draw() -> None:
    gate.me()
    shop = process.shop()
    with shop.reading() as session:
        on_sale = {each.price_id: each for each in given_orders.givable(session)}
    words.quiet(
        "It is delivered at once, with the usual letter, and costs nothing here: no money of it is ever counted as received."
    )
    kind = st.segmented_control(
        "What it is", list(Given), default=Given.COMPLIMENTARY, required=True, key="given-kind",
        format_func=_KINDS.__getitem__,
    )  # fmt: skip
    email = st.text_input("Email", type="email", key="given-email", max_chars=254) or ""
    name = st.text_input("Name, if you know it", key="given-name", max_chars=100) or ""
    chosen = st.multiselect(
        "Products", list(on_sale), key="given-prices",
        format_func=words.apart({each: _label(given) for each, given in on_sale.items()}, str).__getitem__,
        help="Plans are not among them: Stripe bills each of their seats.",
    )  # fmt: skip
    items = tuple(Item(each, _quantity(on_sale[each])) for each in chosen)
    paid = _paid([on_sale[each] for each in chosen]) if kind is Given.OUTSIDE else None
    reason = st.text_input("Why, for your books", key="given-reason", max_chars=200) or ""
    lacking = {
        "Type their email.": not email.strip(),
        "Choose at least one product.": not items,
        "Say what was paid for it.": kind is Given.OUTSIDE and paid is None,
        "Say why.": not reason.strip(),
    }
    if dialogs.button("Give it", "given-do", lacks=" ".join(each for each, lacks in lacking.items() if lacks)):
        gift = Gift(email.strip(), items, reason, kind or Given.COMPLIMENTARY, name, paid)
        dialogs.carry_out(NAME, lambda deed: _given(gift, deed))


def _label(each: Givable) -> str:
    return f"{each.name}, {written(each.cost)}"


def _quantity(each: Givable) -> int:
    label = f"How many of {words.plain(each.name)}"
    return int(st.number_input(label, 1, given_orders.MOST, key=f"given-many-{each.price_id}"))


def _paid(chosen: Sequence[Givable]) -> Money | None:
    """What was paid elsewhere; None until it is an amount."""
    if not chosen:
        return None
    currency = chosen[0].cost.currency
    text = st.text_input(f"What was paid for it, in {currency.upper()}", key="given-paid", max_chars=20) or ""
    if not text.strip():
        return None
    try:
        return Money.parse(text, currency)
    except ShopError as error:
        refusals.draw(error)
        return None


def _given(gift: Gift, deed: Deed) -> str:
    order_id = given_orders.give(process.shop(), gift, deed=deed)
    return f"Given to {words.plain(gift.email)}: the order is on top of this list. ({order_id})"

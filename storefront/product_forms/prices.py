"""The prices of a product: what it costs, with a new price in place of one, or beside it."""

from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

import streamlit as st

from core.catalog.products import Interval, Kind
from core.catalog.tax import EXCLUSIVE, INCLUSIVE
from core.foundation.money import Money
from core.kinds.offers import Offer, PriceTag
from core.owner.shelves import pricing
from core.people.deeds import Deed
from storefront import process, words
from storefront.amounts import price
from storefront.back_office import dialogs, gate

_TAX = {INCLUSIVE: "include tax", EXCLUSIVE: "have tax come on top"}
# How a price that is paid once may be not the same for everybody.
_SAME, _LESS, _OWN = "same", "less", "own"
_WAYS = {_SAME: "The same at all times", _LESS: "Less, until a day", _OWN: "Buyers choose, this at least"}
INTERVALS = {Interval.MONTH: "Monthly", Interval.YEAR: "Yearly"}


def draw(offer: Offer, *, may: bool) -> None:
    """Each price, and what can be done with it."""
    st.header("Prices", anchor=False)
    if not offer.prices:
        words.quiet("It has no price yet.")
    for tag in offer.prices:
        with st.container(horizontal=True, vertical_alignment="center", key=f"listed-price-{tag.id}"):
            with st.container(width="stretch", gap=None):
                st.markdown(f"**{said(tag)}**")
                words.quiet(words.plain(tag.id))
            if may:
                _draw_buttons(tag)
    if offer.prices:
        on_top = any(tag.plus_tax for tag in offer.prices)
        with st.container(horizontal=True, vertical_alignment="center", key="listed-tax"):
            words.quiet("Tax comes on top of them." if on_top else "They include tax.", width="stretch")
            if may:
                st.button("Change", type="tertiary", icon=":material/edit:", key="open-price-tax",
                          on_click=dialogs.opener("price-tax"))  # fmt: skip
    if may:
        st.button("Another price", icon=":material/add:", key="open-price-more", on_click=dialogs.opener("price-more"))


def draw_open(offer: Offer) -> None:
    """The dialog that is open, if it is one of these."""
    if dialogs.is_open("price-more"):
        _add(offer)
    if dialogs.is_open("price-tax"):
        _tax(offer)
    for tag in offer.prices:
        if dialogs.is_open(f"price-new-{tag.id}"):
            _replace(tag)
        if dialogs.is_open(f"price-way-{tag.id}"):
            _choose_way(tag)
        if dialogs.is_open(f"price-end-{tag.id}"):
            _end(tag)


def said(tag: PriceTag) -> str:
    """A price and how often it is billed, or how else it is not the same for everybody."""
    if tag.least is not None:
        return f"Buyers choose, from {price(tag.least)}, {price(tag.amount)} suggested"
    if tag.before and tag.until:
        return (
            f"{price(tag.amount)} instead of {price(tag.before)} until {tag.until.astimezone(_zone()):%d %B %Y, %H:%M}"
        )
    return f"{price(tag.amount)}{f' {words.EACH[tag.interval]}' if tag.interval else ''}"


def _zone() -> ZoneInfo:
    return process.shop().settings.zone


def _draw_buttons(tag: PriceTag) -> None:
    ways = [] if tag.interval else [("way", "Sale", "sell")]
    for name, label, icon in (("new", "New price", "edit"), *ways, ("end", "Archive", "archive")):
        st.button(
            label, type="tertiary", icon=f":material/{icon}:", key=f"open-price-{name}-{tag.id}",
            on_click=dialogs.opener(f"price-{name}-{tag.id}"),
        )  # fmt: skip


@st.dialog("New price", icon=":material/edit:", on_dismiss=dialogs.close)
def _replace(tag: PriceTag) -> None:
    gate.me()
    st.markdown(
        f"Instead of **{said(tag)}**. Orders keep what they were placed at, and plans that run go on at it. The old price is "
        "archived, at Stripe too if it is known there."
    )
    text = st.text_input(f"Amount in {tag.amount.currency.upper()}", key="price-amount", placeholder="29.00")
    if st.button("Set this price", type="primary", key="price-new-do"):

        def act(deed: Deed) -> str:
            costs = Money.parse((text or "").strip(), tag.amount.currency)
            pricing.replace(process.shop(), tag.id, costs, deed=deed)
            return f"It costs {price(costs)} from now on."

        dialogs.carry_out(f"price-new-{tag.id}", act)


@st.dialog("Sale, or a price that buyers choose", icon=":material/sell:", on_dismiss=dialogs.close)
def _choose_way(tag: PriceTag) -> None:
    gate.me()
    ordinary = tag.before or tag.amount
    standing = _OWN if tag.least is not None else _LESS if tag.before else _SAME
    way = st.radio("It costs", list(_WAYS), list(_WAYS).index(standing), format_func=_WAYS.__getitem__, key="price-way")
    text, day = "", None
    if way != _SAME:
        text = (
            st.text_input(f"Amount in {ordinary.currency.upper()}", key="price-way-amount", placeholder="19.00") or ""
        )
    if way == _LESS:
        day = st.date_input("The last day of the sale", key="price-way-day")
        words.quiet("From the day after it costs what it did before, also in carts that were filled earlier.")
    if st.button("Save", type="primary", key="price-way-do"):

        def act(deed: Deed) -> str:
            if way == _SAME:
                pricing.reduce(process.shop(), tag.id, None, deed=deed)
                return f"It costs {price(ordinary)}."
            costs = Money.parse(text.strip(), ordinary.currency)
            if way == _OWN:
                pricing.let_choose(process.shop(), tag.id, costs, deed=deed)
                return f"Buyers choose what they pay, from {price(costs)}."
            assert isinstance(day, date)
            until = datetime.combine(day, time(23, 59, 59), _zone())
            pricing.reduce(process.shop(), tag.id, costs, until=until, deed=deed)
            return f"It costs {price(costs)} until the end of {day:%d %B %Y}."

        dialogs.carry_out(f"price-way-{tag.id}", act)


@st.dialog("Another price", icon=":material/add:", on_dismiss=dialogs.close)
def _add(offer: Offer) -> None:
    gate.me()
    currency, text, interval = draw_amount(offer.kind, "price-more")
    if st.button("Offer it", type="primary", key="price-more-do"):

        def act(deed: Deed) -> str:
            costs = Money.parse(text, currency)
            pricing.offer(process.shop(), offer.id, costs, interval=interval, deed=deed)
            return f"It can be had for {price(costs)} too."

        dialogs.carry_out("price-more", act)


def draw_amount(kind: Kind, key: str, *, keep: Literal["session"] | None = None) -> tuple[str, str, Interval | None]:
    """The fields of a price: its currency, the amount as it was typed, and for plans how often it is billed. `keep` is how what
    stands in them outlives the page."""
    left, right = st.columns(2)
    text = left.text_input("Amount", key=f"{key}-amount", placeholder="29.00", persist_state=keep) or ""
    currency = right.text_input("Currency", "EUR", key=f"{key}-currency", max_chars=3, persist_state=keep) or ""
    interval = None
    if kind is Kind.PLAN:
        options = list(INTERVALS)
        interval = st.segmented_control(
            "Billed",
            options,
            default=Interval.MONTH,
            format_func=INTERVALS.__getitem__,
            required=True,
            key=f"{key}-each",
            persist_state=keep,
        )
    return currency.strip().lower(), text.strip(), interval


@st.dialog("Archive a price", icon=":material/archive:", on_dismiss=dialogs.close)
def _end(tag: PriceTag) -> None:
    gate.me()
    st.markdown(f"Nobody can buy at **{said(tag)}** any more. Plans that run go on at it.")
    if st.button("Archive it", type="primary", key="price-end-do"):

        def act(deed: Deed) -> str:
            pricing.end(process.shop(), tag.id, deed=deed)
            return f"{said(tag)} is archived."

        dialogs.carry_out(f"price-end-{tag.id}", act)


@st.dialog("Tax", icon=":material/percent:", on_dismiss=dialogs.close)
def _tax(offer: Offer) -> None:
    gate.me()
    behavior = st.radio(
        "Its prices", list(_TAX), int(any(tag.plus_tax for tag in offer.prices)), format_func=_TAX.__getitem__, key="price-tax"
    )  # fmt: skip
    words.quiet("Counts where Stripe reckons tax for the shop. Orders keep what they were placed at.")
    if st.button("Keep it so", type="primary", key="price-tax-do"):

        def act(deed: Deed) -> str:
            pricing.tax(process.shop(), offer.id, behavior, deed=deed)
            return f"Its prices {_TAX[behavior]} from now on."

        dialogs.carry_out("price-tax", act)

"""Prices that are not simply what they are: in a sale, changed since they were put in the cart, or for the buyer to say."""

from dataclasses import replace

import streamlit as st

from core.foundation.errors import AmountUnclear
from core.foundation.money import Money
from core.journeys.carts import LineView
from core.kinds.offers import Offer, PriceTag
from core.languages.sentences import _
from storefront import amounts, dates, process, sentences, words


def draw_sale(tag: PriceTag) -> None:
    """Until when it costs less."""
    if tag.before and tag.until:
        ends = tag.until.astimezone(process.shop().settings.zone)
        text = _("Instead of {price}, until {date} at {hour}.").format(
            price=amounts.price(tag.before, short=True), date=dates.day(ends), hour=f"{ends:%H:%M}"
        )
        st.markdown(f":material/sell: {text}")


def draw_change(line: LineView) -> None:
    """That it costs something else than when it was put in the cart."""
    if line.shown:
        text = _("It costs {price} now. When you put it here it was {before}.").format(
            price=amounts.price(line.price.amount, short=True), before=amounts.price(line.shown, short=True)
        )
        st.markdown(f":orange-badge[:material/info: {text}]")


def choose_amount(offer: Offer, tag: PriceTag, chosen: Money | None) -> PriceTag | None:
    """The price with the amount that the buyer says, at first what they have `chosen` before or what is suggested; None, and
    why, while that is none. Any other price as it is."""
    if tag.least is None:
        return tag
    currency = tag.amount.currency
    st.text_input(
        _("What you pay, in {currency}").format(currency=currency.upper()), (chosen or tag.amount).typed(),
        key=_key(offer, tag), autocomplete="off",
    )  # fmt: skip
    words.quiet(
        _("{amount} is suggested, {least} is the least.").format(
            amount=amounts.price(tag.amount, short=True), least=amounts.price(tag.least, short=True)
        )
    )
    try:
        said = said_amount(offer, tag)
    except AmountUnclear as error:
        st.warning(sentences.of(error), icon=":material/error:")
        return None
    if said.amount < tag.least.amount:
        least = amounts.price(tag.least, short=True)
        st.warning(_("{least} is the least that it is had for.").format(least=least), icon=":material/error:")
        return None
    return replace(tag, amount=said)


def said_amount(offer: Offer, tag: PriceTag) -> Money:
    """What the buyer says at this moment that they pay, which in a callback may be another amount than was drawn; what it costs
    or is suggested where they say nothing. Raises AmountUnclear."""
    typed = st.session_state.get(_key(offer, tag))
    if tag.least is None or typed is None:
        return tag.amount
    return Money.parse(str(typed).strip(), tag.amount.currency)


def _key(offer: Offer, tag: PriceTag) -> str:
    return f"amount-{offer.id}-{tag.id}"

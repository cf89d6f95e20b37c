"""How a plan begins, in words: when and what is charged first after a trial, and what an introductory code makes of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import streamlit as st

from core.catalog import products
from core.catalog.prices.introductions import Introduction
from core.foundation.money import Money
from core.journeys import checkout
from core.journeys.carts import LineView
from core.kinds.offers import Offer, PriceTag
from core.languages.sentences import _, ngettext
from storefront import dates, process, visitor, words
from storefront.amounts import price


def draw(
    offer: Offer, tag: PriceTag, total: Money, found: Introduction | None, *, tried: bool = False, now: datetime
) -> None:
    """How it begins at this price, with the code if one was found; nothing where it begins like any other. Who has `tried` it has
    no trial any more."""
    if first := first_charge(offer, tag, total, now=now):
        had = _("You have had its free trial: it is charged from the first day.")
        st.markdown(f":material/hourglass_disabled: {had}" if tried else f":material/hourglass_top: {first}")
    if found and (less := introduction(found, tag, total)):
        st.markdown(f":material/sell: {less}")


def first_charge(offer: Offer, tag: PriceTag, total: Money, *, now: datetime) -> str:
    """What a trial costs, and when what is charged after it; empty without one."""
    days = products.shortest_trial([offer.terms]) if tag.interval else 0
    if not days:
        return ""
    on = dates.day(now + timedelta(days=days))
    said = (
        ngettext(
            "Free for {number} day. **{amount}** is charged first on **{day}**, then every year. Cancel before that and "
            "you pay nothing.",
            "Free for {number} days. **{amount}** is charged first on **{day}**, then every year. Cancel before that and "
            "you pay nothing.",
            days,
        )
        if tag.interval == products.Interval.YEAR
        else ngettext(
            "Free for {number} day. **{amount}** is charged first on **{day}**, then every month. Cancel before that and "
            "you pay nothing.",
            "Free for {number} days. **{amount}** is charged first on **{day}**, then every month. Cancel before that and "
            "you pay nothing.",
            days,
        )
    )
    return said.format(number=days, amount=price(total), day=on)


def has_tried(offers: Iterable[Offer]) -> bool:
    """Whether whoever is here has had the trial of one of these plans: then they are charged from the first day."""
    plans = {offer.id: offer.terms for offer in offers if offer.kind is products.Kind.PLAN}
    if not products.shortest_trial(plans.values()):
        return False
    shop, signed_in = process.shop(), visitor.signed_in() or ""
    with shop.reading() as session:
        used = checkout.tried_before(
            session, plans, signed_in=signed_in, browser_id=visitor.browser_id(), livemode=shop.settings.livemode
        )
    return used is not None


def trial_of(lines: Sequence[LineView]) -> int:
    """For how many days nothing is charged for the plans among these lines."""
    return products.shortest_trial([line.offer.terms for line in lines if line.price.interval])


def introduction(found: Introduction, tag: PriceTag, total: Money) -> str:
    """What a plan costs with the code; empty where it takes nothing off this price."""
    left = found.left_of(total)
    if left is None or left == total:
        return ""
    named = {"less": price(left), "total": price(total), "code": words.plain(found.code)}
    yearly = tag.interval == products.Interval.YEAR
    times = found.payments(tag.interval) or 0
    if found.forever and found.first_time:
        costs = (
            _("**{less}** instead of {total} per year with the code **{code}** if it is your first purchase here.")
            if yearly
            else _(
                "**{less}** instead of {total} per month with the code **{code}** if it is your first purchase here."
            )
        )
    elif found.forever:
        costs = (
            _("**{less}** instead of {total} per year with the code **{code}**.")
            if yearly
            else _("**{less}** instead of {total} per month with the code **{code}**.")
        )
    elif found.first_time:
        costs = (
            ngettext(
                "First year **{less}** instead of {total} with the code **{code}** if it is your first purchase here.",
                "First {number} years **{less}** each instead of {total} with the code **{code}** if it is your first purchase "
                "here.",
                times,
            )
            if yearly
            else ngettext(
                "First month **{less}** instead of {total} with the code **{code}** if it is your first purchase here.",
                "First {number} months **{less}** each instead of {total} with the code **{code}** if it is your first purchase "
                "here.",
                times,
            )
        )
    else:
        costs = (
            ngettext(
                "First year **{less}** instead of {total} with the code **{code}**.",
                "First {number} years **{less}** each instead of {total} with the code **{code}**.",
                times,
            )
            if yearly
            else ngettext(
                "First month **{less}** instead of {total} with the code **{code}**.",
                "First {number} months **{less}** each instead of {total} with the code **{code}**.",
                times,
            )
        )
    return " ".join([costs.format(**named, number=times), _("It is taken off on the payment page.")])

"""Plans as their buyers read them: what is billed, and when next, or until when it runs."""

from collections.abc import Iterator, Sequence
from html import escape

import streamlit as st

from core.kinds.standings import PlanStanding
from core.languages import formats
from core.languages.sentences import _, ngettext
from storefront import amounts, dates, words


def draw(standing: PlanStanding, *, of: Sequence[PlanStanding] = (), is_open: bool) -> None:
    """How it stands, and the way to pay what is owed, in this same tab; above that, where it is one of several, its name and seats,
    and which of those for the same plan it is. What it pays for `is_open` or not, whether it has ended or not."""
    if len(of) > 1:
        st.markdown(
            ", ".join(
                filter(None, [f"**{words.plain(standing.name)}**", _seats(standing.quantity), _place(standing, of)])
            )
        )
    if sentences := list(said(standing, is_open=is_open)):
        st.markdown(" ".join(sentences))
    if standing.owed and standing.pay_url:
        label = _("Pay {amount}").format(amount=amounts.written(standing.owed))
        link = f'<a href="{escape(standing.pay_url)}" target="_self">{escape(label)}</a>'
        st.html(f'<div class="files">{link}</div>')


def said(standing: PlanStanding, *, is_open: bool) -> Iterator[str]:
    """A sentence each."""
    if standing.ended_at and standing.open_until and is_open:
        yield _("It ended on **{day}**, and stays open until **{until}**. Nothing more is charged.").format(
            day=dates.day(standing.ended_at), until=dates.day(standing.open_until)
        )
        return
    if standing.ended_at:
        yield _("It ended on **{day}**. Nothing more is charged.").format(day=dates.day(standing.ended_at))
        return
    if standing.tried_until:
        yield _("Free until **{day}**.").format(day=dates.day(standing.tried_until))
    if standing.price:
        yield _billed(standing.interval, tried=bool(standing.tried_until)).format(price=amounts.price(standing.price))
    if standing.renews_at:
        yield _("It renews on **{day}**.").format(day=dates.day(standing.renews_at))
    if standing.changes_at and standing.changes_to:
        yield _("It changes on **{day}**: {amount} is charged at each payment from then on.").format(
            day=dates.day(standing.changes_at), amount=amounts.price(standing.changes_to)
        )
    elif standing.changes_at:
        yield _("It changes on **{day}**.").format(day=dates.day(standing.changes_at))
    if standing.runs_until:
        yield _("It runs until **{day}** and ends then: nothing more is charged.").format(
            day=dates.day(standing.runs_until)
        )
    if standing.paused and standing.resumes_at:
        yield _("Its billing is paused until **{day}**: nothing is charged before that.").format(
            day=dates.day(standing.resumes_at)
        )
    elif standing.paused:
        yield _("Its billing is paused: nothing is charged until it goes on.")
    if standing.together:
        named = formats.listed([words.plain(each) for each in standing.together])
        yield _("It is billed together with {plans}: to cancel one is to cancel all of it.").format(plans=named)
    if standing.owed:
        yield _("**{amount} of it is not paid yet.**").format(amount=amounts.price(standing.owed))


def _place(standing: PlanStanding, of: Sequence[PlanStanding]) -> str:
    """Which of the subscriptions it is that pay for the same."""
    alike = [each for each in of if each.name == standing.name]
    if len(alike) < 2:
        return ""
    return _("subscription {place} of {number}").format(place=alike.index(standing) + 1, number=len(alike))


def _seats(quantity: int | None) -> str:
    return "" if quantity is None else ngettext("{number} seat", "{number} seats", quantity).format(number=quantity)


def _billed(interval: str | None, *, tried: bool) -> str:
    """What it costs how often, as a sentence with a place for the price."""
    match interval:
        case "day":
            return _("Then {price} each day.") if tried else _("{price} each day.")
        case "week":
            return _("Then {price} each week.") if tried else _("{price} each week.")
        case "month":
            return _("Then {price} each month.") if tried else _("{price} each month.")
        case "year":
            return _("Then {price} each year.") if tried else _("{price} each year.")
        case _other:
            return _("Then {price}.") if tried else _("{price}.")

"""Plans as their buyers read them: what is billed, and when next, or until when it runs."""

from collections.abc import Iterator
from html import escape

import streamlit as st

from core.kinds.standings import PlanStanding
from storefront import amounts, dates

_EACH = {"day": "each day", "week": "each week", "month": "each month", "year": "each year"}


def draw(standing: PlanStanding) -> None:
    """How it stands, and the way to pay what is owed, in this same tab."""
    st.markdown(" ".join(said(standing)))
    if standing.owed and standing.pay_url:
        label = f"Pay {amounts.price(standing.owed)}".replace("\\$", "$")
        link = f'<a href="{escape(standing.pay_url)}" target="_self">{escape(label)}</a>'
        st.html(f'<div class="files">{link}</div>')


def said(standing: PlanStanding) -> Iterator[str]:
    """A sentence each."""
    price = amounts.price(standing.price) if standing.price else ""
    billed = f"{price} {_EACH.get(standing.interval or '', '')}".strip()
    if standing.ended_at:
        yield f"It ended on **{dates.day(standing.ended_at)}**. Nothing more is charged."
    elif standing.runs_until:
        yield f"{billed}. It runs until **{dates.day(standing.runs_until)}** and ends then: nothing more is charged."
    elif standing.tried_until:
        yield f"Free until **{dates.day(standing.tried_until)}**, then {billed}."
    elif standing.renews_at:
        yield f"{billed}. It renews on **{dates.day(standing.renews_at)}**."
    elif billed:
        yield f"{billed}."
    if standing.paused:
        yield "Its billing is paused."
    if standing.owed:
        yield f"**{amounts.price(standing.owed)} of it is not paid yet.**"

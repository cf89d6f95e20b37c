"""Charts: bars in the colours of the theme, and the same numbers as a table behind a switch."""

from collections.abc import Mapping, Sequence
from datetime import date

import altair as alt

# Altair takes it from wherever it is loaded by then: half of it, where another page is loading it at this very moment.
import pandas as pd  # type: ignore[import-untyped]  # noqa: F401
import streamlit as st

from core.foundation.money import Money
from core.owner.figures.days import Step
from storefront.amounts import price

_HEIGHT = 260


def draw(key: str, currency: str, step: Step, points: Sequence[tuple[date, Mapping[str, int]]], *, total: str) -> None:
    """What the parts of each point come to, in minor units, those below zero hanging down; `total` names their sum."""
    if st.toggle("As a table", key=f"table-{key}"):
        _draw_table(currency, step, points, total)
        return
    rows = [
        {"When": label(day, step), "What": name, currency.upper(): float(Money(amount, currency).major),
         "Amount": price(Money(amount, currency)).replace("\\", "")}
        for day, parts in points
        for name, amount in parts.items()
    ]  # fmt: skip
    names = list(points[0][1]) if points else []
    chart = alt.Chart(alt.InlineData(values=rows)).mark_bar().encode(
        x=alt.X("When:N", sort=None, title=None, axis=_axis(step)),
        y=alt.Y(f"{currency.upper()}:Q", title=None, stack="zero"),
        color=alt.Color("What:N", sort=names, title=None, scale=alt.Scale(domain=names), legend=alt.Legend(orient="top")),
        tooltip=["When:N", "What:N", "Amount:N"],
    )  # fmt: skip
    said = f"{total} in {currency.upper()}, {len(points)} bars, one for each {step}. The switch above shows them as a table."
    st.altair_chart(chart.properties(height=_HEIGHT), key=f"chart-{key}", alt=said)


def _draw_table(currency: str, step: Step, points: Sequence[tuple[date, Mapping[str, int]]], total: str) -> None:
    table: dict[str, list[str]] = {step.capitalize(): [label(day, step) for day, _ in points]}
    for name in points[0][1] if points else ():
        table[name] = [_amount(parts[name], currency) for _, parts in points]
    table[total] = [_amount(sum(parts.values()), currency) for _, parts in points]
    st.dataframe(
        table, hide_index=True, height=_HEIGHT + 60, alt=f"{total} in {currency.upper()} by {step}.",
        column_config={name: st.column_config.TextColumn(alignment="right") for name in list(table)[1:]},
    )  # fmt: skip


def _axis(step: Step) -> alt.Axis:
    """Labels short enough that none is cut off: the year stands in what appears at a bar."""
    short = {Step.DAY: "slice(datum.label, 0, -5)", Step.WEEK: "slice(datum.label, 8, -5)", Step.MONTH: "datum.label"}
    return alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False, labelExpr=short[step])


def label(day: date, step: Step) -> str:
    """The day, week or month that begins then."""
    match step:
        case Step.DAY:
            return f"{day.day} {day:%b %Y}"
        case Step.WEEK:
            return f"Week of {day.day} {day:%b %Y}"
        case Step.MONTH:
            return f"{day:%b %Y}"


def _amount(amount: int, currency: str) -> str:
    return price(Money(amount, currency)).replace("\\", "")

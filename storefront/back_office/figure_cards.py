"""Figures as cards: a number, how it has changed, what it means, and the way to the rows that it sums."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import floor

import streamlit as st

from core.foundation.money import Money
from core.owner.figures.definitions import DEFINITIONS, Figure
from core.owner.figures.period import Period
from core.owner.figures.recurring import Recurring
from core.owner.figures.sales import Sales
from storefront import links, words
from storefront.amounts import price

# An amount, a number of things, or a part of a whole.
Value = Money | int | Fraction | None

LABELS: Mapping[Figure, str] = {
    Figure.GROSS: "Gross sales", Figure.DISCOUNTS: "Discounts", Figure.REFUNDS: "Refunds",
    Figure.REFUNDED_TAX: "Refunded tax", Figure.NET: "Net sales", Figure.TAX: "Tax", Figure.ORDERS: "Orders",
    Figure.AVERAGE_ORDER: "Average order", Figure.CONVERSION: "Conversion", Figure.DISPUTED: "Disputed",
    Figure.RECEIVED: "Received", Figure.FEES: "Fees", Figure.DISPUTE_FEES: "Dispute fees",
    Figure.TOP_PRODUCTS: "Sold by product", Figure.MRR: "MRR", Figure.NEW: "New",
    Figure.EXPANSION: "Expansion", Figure.CONTRACTION: "Contraction", Figure.CHURNED: "Churned",
    Figure.CHURNED_INVOLUNTARILY: "Churned involuntarily", Figure.REACTIVATION: "Reactivation", Figure.CHURN: "Churn",
    Figure.TRIAL_CONVERSION: "Trial conversion", Figure.ARPU: "ARPU",
}  # fmt: skip
MOVEMENTS = (
    Figure.NEW, Figure.EXPANSION, Figure.REACTIVATION, Figure.CONTRACTION, Figure.CHURNED, Figure.CHURNED_INVOLUNTARILY,
)  # fmt: skip
_SALES = (
    Figure.NET, Figure.GROSS, Figure.DISCOUNTS, Figure.REFUNDS, Figure.ORDERS, Figure.AVERAGE_ORDER, Figure.CONVERSION,
    Figure.DISPUTED, Figure.TAX, Figure.REFUNDED_TAX,
)  # fmt: skip
# Of which a rise is no good news.
_COSTS = frozenset((Figure.DISCOUNTS, Figure.REFUNDS, Figure.REFUNDED_TAX, Figure.DISPUTED, Figure.CHURN))
# So many characters stand in one line of a card on a phone, such as those of €4,860.00.
_FITS = 9
# Shown only where there is any.
_SELDOM = frozenset((Figure.TAX, Figure.REFUNDED_TAX))


def of_sales(figure: Figure, sold: Sales) -> Value:
    """What a figure of sales is."""
    match figure:
        case Figure.ORDERS:
            return sold.orders
        case Figure.CONVERSION:
            return sold.conversion
        case Figure.AVERAGE_ORDER:
            return _rounded(sold.average_order, sold.currency)
        case Figure.DISPUTED:
            return Money(sold.lost, sold.currency)
        case _:
            return Money(getattr(sold, figure.value), sold.currency)


def of_recurring(figure: Figure, monthly: Recurring) -> Value:
    """What a figure of subscriptions is."""
    match figure:
        case Figure.MRR:
            return Money(monthly.mrr, monthly.currency)
        case Figure.ARPU:
            return _rounded(monthly.per_subscriber, monthly.currency)
        case Figure.CHURN:
            return monthly.churn
        case _:
            return Money(getattr(monthly, figure.value).amount, monthly.currency)


def draw_sales(sold: Sales, before: Sales, wanted: Period, *, comparable: bool) -> None:
    """The cards of the sales in one currency, beside what they were before."""
    with st.grid(4, min_column_width=150, key=f"figures-{sold.currency}"):
        for figure in _SALES:
            now, then = of_sales(figure, sold), of_sales(figure, before)
            if figure in _SELDOM and not now and not then:
                continue
            note = f"{sold.converted} of {sold.opened} opened" if figure is Figure.CONVERSION else ""
            draw(figure, now, sold.currency, wanted, change=change(now, then, percent=comparable), note=note)


def draw(
    figure: Figure, value: Value, currency: str, wanted: Period, *, change: str | None = None, note: str = ""
) -> None:
    """One card. All of it is the link to its rows."""
    # Broken into two lines an amount would be read as another one.
    long = "long-" if len(written(value) or "") > _FITS else ""
    with st.container(border=True, gap=None, height="stretch", key=f"tile-figure-{long}{figure}-{currency}"):
        link(figure, LABELS[figure], currency, wanted)
        st.metric(
            LABELS[figure], written(value), change, label_visibility="collapsed",
            delta_color="inverse" if figure in _COSTS else "normal", delta_description=note if change and note else None,
        )  # fmt: skip
        if note and not change:
            words.quiet(note)


def link(figure: Figure, label: str, currency: str, wanted: Period) -> None:
    """The way to the rows that a figure sums."""
    query = wanted.query(currency=currency, product="", step=None) | {"figure": figure.value}
    st.page_link(links.FIGURE, label=label, query_params=query, help=words.plain(DEFINITIONS[figure].sentence))


def draw_definitions(figures: Iterable[Figure]) -> None:
    """What the figures mean, for whoever cannot point at them."""
    with st.expander("What these numbers mean"):
        for figure in figures:
            st.markdown(words.plain(DEFINITIONS[figure].sentence))


def change(now: Value, then: Value, *, percent: bool) -> str | None:
    """By how much it has changed, in percent where that says something; None where it has not, or cannot be told."""
    if now is None or then is None or now == then:
        return None
    if isinstance(now, Fraction) and isinstance(then, Fraction):
        points = _half_up((now - then) * 100)
        return f"{points:+d} points" if points else None
    before, after = _number(then), _number(now)
    if percent and before:
        rise = _half_up(Fraction((after - before) * 100, abs(before)))
        return f"{rise:+d}%" if rise else None
    sign = "+" if after > before else "-"
    size = abs(after - before)
    return sign + (price(Money(size, now.currency)) if isinstance(now, Money) else str(size))


def written(value: Value) -> str | None:
    """As it is read; None where there is nothing to tell."""
    match value:
        case Money():
            return price(value)
        case Fraction():
            return f"{_half_up(value * 100)}%"
        case None:
            return None
        case _:
            return f"{value:,}"


def _rounded(amount: Fraction | None, currency: str) -> Money | None:
    return None if amount is None else Money(_half_up(amount), currency)


def _number(value: Money | int | Fraction) -> int:
    return value.amount if isinstance(value, Money) else int(value)


def _half_up(number: Fraction) -> int:
    return floor(number + Fraction(1, 2))

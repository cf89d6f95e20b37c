"""The figures of the overview: sales of each currency by itself, their chart, subscriptions, and what is sold best."""

from collections.abc import Mapping, Sequence
from functools import reduce

import streamlit as st

from core.foundation.money import Money
from core.owner.figures.definitions import Figure
from core.owner.figures.overview import InCurrency, Overview
from core.owner.figures.period import Period
from core.owner.figures.products import ProductSales
from core.owner.figures.received import Received
from core.owner.figures.recurring import Recurring, Trials
from storefront import frame, links, words
from storefront.amounts import price
from storefront.back_office import charts, figure_cards, period_fields

_EXPLAINED = (
    Figure.NET, Figure.GROSS, Figure.DISCOUNTS, Figure.REFUNDS, Figure.ORDERS, Figure.AVERAGE_ORDER, Figure.CONVERSION,
    Figure.DISPUTED, Figure.TAX, Figure.RECEIVED, Figure.FEES, Figure.MRR, Figure.ARPU, Figure.CHURN,
    Figure.TRIAL_CONVERSION, *figure_cards.MOVEMENTS, Figure.TOP_PRODUCTS,
)  # fmt: skip


def draw_sales(seen: Overview, wanted: Period, names: Mapping[str, str], *, begun: bool) -> bool:
    """What was sold on which days, in numbers; whether there is more to be drawn of it. `begun` says whether there ever was an
    order."""
    if not begun and not seen.currencies:
        with frame.card("no-figures"):
            st.markdown("**No sales yet.** The numbers of your shop stand here from the first order on.")
        return False
    period_fields.draw_narrower(wanted, seen.days, [each.currency for each in seen.currencies], names)
    period_fields.draw_days_compared(seen.days, seen.before)
    if seen.outdated:
        st.markdown(
            ":orange[:material/history:] **Some of these days are told as an earlier version counted them:** where prices include "
            "tax and a code took something off, gross sales and discounts have its tax in them. Net sales are the same. "
            + ("So they were known then." if seen.known_on else "The worker is counting these days anew.")
        )
    shown = _shown(seen, wanted)
    if not shown:
        words.quiet("Nothing was sold on these days.")
    if not wanted.product:
        for each in shown:
            if len(seen.currencies) > 1:
                st.header(each.currency.upper(), anchor=False)
            figure_cards.draw_sales(each.sales, each.before, wanted, comparable=each.comparable)
    return True


def draw_more(seen: Overview, wanted: Period, names: Mapping[str, str]) -> None:
    """How sales went day by day, what subscriptions bring in, and what came onto the balance at Stripe."""
    for each in _shown(seen, wanted):
        if wanted.product:
            _draw_product(seen, wanted, names, each.currency)
        else:
            _draw_currency(seen, each, wanted)
    if not wanted.product:
        if seen.known_on is None:  # how trials ended is not kept by the day
            draw_trials(seen.trials, wanted)
        _draw_received(seen.received, wanted)
    figure_cards.draw_definitions(_EXPLAINED)


def _shown(seen: Overview, wanted: Period) -> list[InCurrency]:
    return [each for each in seen.currencies if wanted.currency in ("", each.currency)]


def _draw_currency(seen: Overview, each: InCurrency, wanted: Period) -> None:
    with frame.card(f"chart-{each.currency}", gap="small"):
        st.header(f"Net sales in {each.currency.upper()}", anchor=False)
        points = [
            (day, {
                "Purchases": sold.gross - sold.discounts - sold.renewals, "Renewals": sold.renewals,
                "Refunds": -sold.refunds,
            })
            for day, sold in each.series
        ]  # fmt: skip
        charts.draw(each.currency, each.currency, wanted.step_of(seen.days), points, total="Net sales")
    if each.recurring != Recurring(each.currency):
        draw_recurring(each.recurring, wanted)


def draw_recurring(monthly: Recurring, wanted: Period) -> None:
    """What subscriptions of one currency bring in, and how that moved."""
    currency, before = monthly.currency, Money(monthly.before, monthly.currency)
    with st.grid(4, min_column_width=150, key=f"monthly-{currency}"):
        mrr = figure_cards.of_recurring(Figure.MRR, monthly)
        moved = figure_cards.change(mrr, before, percent=False)
        figure_cards.draw(Figure.MRR, mrr, currency, wanted, change=moved)
        note = words.count(monthly.active, "brings in something", "bring in something")
        figure_cards.draw(Figure.ARPU, figure_cards.of_recurring(Figure.ARPU, monthly), currency, wanted, note=note)
        note = f"{monthly.ended} ended, {monthly.active_before} were active before"
        figure_cards.draw(Figure.CHURN, monthly.churn, currency, wanted, note=note)
    with frame.card(f"movements-{currency}", gap="xsmall"):
        st.header(f"How monthly revenue moved, in {currency.upper()}", anchor=False)
        _pair("When these days began", price(before))
        for figure in figure_cards.MOVEMENTS:
            change = monthly.movements[figure.value]
            if change.changes:
                count = words.count(change.changes, "change", "changes")
                label = f"{figure_cards.LABELS[figure]} ({count})"
                with _line(f"moved-{figure}-{currency}"):
                    figure_cards.link(figure, label, currency, wanted)
                    st.markdown(price(Money(change.amount, currency)), width="content")
        _pair("Now, or when they were over", price(Money(monthly.mrr, currency)))


def draw_trials(trials: Trials, wanted: Period) -> None:
    """How trials ended. They bring in nothing, so that they are of no currency."""
    if trials.ended:
        with st.grid(4, min_column_width=150, key="trials"):
            note = f"{trials.converted} of {trials.ended} that ended"
            figure_cards.draw(Figure.TRIAL_CONVERSION, trials.conversion, "", wanted, note=note)


def _draw_received(received: Sequence[Received], wanted: Period) -> None:
    for each in received:
        amounts = {Figure.RECEIVED: each.net, Figure.FEES: each.fees, Figure.DISPUTE_FEES: each.dispute_fees}
        with frame.card(f"received-{each.currency}", gap="xsmall"):
            st.header(f"On the balance at Stripe, in {each.currency.upper()}", anchor=False)
            for figure, amount in amounts.items():
                with _line(f"balance-{figure}-{each.currency}"):
                    figure_cards.link(figure, figure_cards.LABELS[figure], each.currency, wanted)
                    st.markdown(price(Money(amount, each.currency)), width="content")


def _draw_product(seen: Overview, wanted: Period, names: Mapping[str, str], currency: str) -> None:
    """One product's sales, in one currency."""
    points = seen.of_product.get(currency)
    with frame.card(f"product-{currency}", gap="small"):
        st.header(f"{words.plain(names.get(wanted.product, wanted.product))}, in {currency.upper()}", anchor=False)
        if not points:
            st.markdown("None was sold on these days.")
            return
        all_of_it = reduce(_added, (sold for _, sold in points))
        with st.container(horizontal=True, gap="large"):
            st.metric("Sold", price(Money(all_of_it.sold, currency)), width="content")
            st.metric("At list prices", price(Money(all_of_it.gross, currency)), width="content")
            st.metric("Discounts", price(Money(all_of_it.discounts, currency)), width="content")
            st.metric("Pieces", f"{all_of_it.quantity:,}", width="content")
        parts = [(day, {"Sold": sold.sold}) for day, sold in points]
        charts.draw(f"product-{currency}", currency, wanted.step_of(seen.days), parts, total="All")
        _link_orders(wanted.product, "Its orders", seen)


def draw_products(seen: Overview, wanted: Period) -> None:
    """What was sold best, each with its orders of these days."""
    found = [each for each in seen.products if wanted.currency in ("", each.currency)]
    if not found:
        return
    with frame.card("top-products", gap="xsmall"):
        st.header("Top products", anchor=False)
        for each in found:
            with _line(f"top-{each.currency}-{each.product_id or 'none'}"):
                if each.product_id:
                    _link_orders(each.product_id, f"{words.plain(each.name)} × {each.quantity}", seen)
                else:
                    st.markdown("For no product that is known", width="content")
                st.markdown(price(Money(each.sold, each.currency)), width="content")


def _link_orders(product: str, label: str, seen: Overview) -> None:
    days = {"since": seen.days.first.isoformat(), "until": seen.days.last.isoformat()}
    st.page_link(links.ORDERS, label=label, query_params={"product": product, **days}, help="")


def _added(one: ProductSales, other: ProductSales) -> ProductSales:
    return one.with_more(other.quantity, other.gross, other.discounts)


def _line(key: str) -> st.delta_generator.DeltaGenerator:
    return st.container(
        key=key, horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"
    )


def _pair(label: str, value: str) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
        st.markdown(f"**{label}**", width="content")
        st.markdown(f"**{value}**", width="content")

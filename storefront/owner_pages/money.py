from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from core.foundation.money import Money
from core.orders.balance.payouts import Gap
from core.owner.accounting import payout_list, tax, tax_days
from core.owner.accounting.files import File
from core.owner.accounting.payout_list import PayoutPage, PayoutRow
from core.owner.accounting.tax import Taxed, TaxKey
from core.owner.accounting.tax_days import TaxesOfDays
from core.owner.figures import received, sums
from core.owner.figures.definitions import Figure
from core.owner.figures.period import Range
from core.owner.figures.received import Received
from core.people.staff import Action
from storefront import frame, links, process, words
from storefront.amounts import pair, price
from storefront.back_office import figure_cards, gate, lists, period_fields, states

shop = process.shop()
TO_OPEN = "tax-to-open"
# So many rows of taxes are in sight; the table is so tall then, in pixels, and shows the others as it is scrolled.
AT_ONCE, TALL = 12, 460
# So long no bank takes.
AHEAD = timedelta(days=31)
FILES = {
    File.JOURNAL: ("Journal", "every sale, refund, dispute, fee and payout, each in a row with what it came to on the balance"),
    File.TAX: ("Tax", "by quarter, country, rate and kind of product"),
    File.PAYOUTS: ("Payouts", "rows that add up to the lines of the bank, and what does not"),
    File.ORDERS: ("Orders", "all that were placed on these days"),
}  # fmt: skip
GAPS = {
    Gap.BY_HAND: "It was paid out by hand, and of such ones Stripe never says what is in them.",
    Gap.NOT_LISTED: "Stripe has not said yet what is in it.",
    Gap.OTHER_CURRENCY: "Stripe lists something in another currency with it, which is not added.",
    Gap.UNEXPLAINED: "What Stripe says is in it comes to another amount.",
}


def draw_files() -> None:
    """The accountant's files of these days. The sidecar streams them: a button would hold all of one in memory."""
    query = urlencode(wanted.query(currency="", product="", step=None, known=None))
    with frame.card("files", gap="small"):
        st.header("For your accountant", anchor=False)
        for file, (title, what) in FILES.items():
            address = f"/api/owner/accounts/{file}.csv?{query}"
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.html(
                    f'<div class="files plain"><a href="{escape(address)}" download target="_self">{title}</a></div>',
                    width="content",
                )
                words.quiet(what.capitalize(), width="stretch")


def draw_balance(each: Received) -> None:
    """What moved on the balance in one currency, by what it was."""

    def line(label: str, amount: int) -> None:
        pair(label, price(Money(amount, each.currency)))

    with frame.card(f"balance-{each.currency}", gap="xsmall"):
        st.header(f"Balance at Stripe, in {each.currency.upper()}", anchor=False)
        line("Paid, less what went back", each.gross)
        line("Fees that Stripe kept of it", -each.fees)
        if each.disputed or each.dispute_fees:
            words.quiet(
                f"Of this, disputes took {price(Money(each.disputed, each.currency))}, and "
                f"{price(Money(each.dispute_fees, each.currency))} in fees."
            )
        line("**Received of your orders**", each.net)
        for label, amount in (
            ("Stripe's own fees and the like", each.account), ("Another shop's on the same account", each.foreign),
            ("Not told yet whose", each.untold),
        ):  # fmt: skip
            if amount:
                line(label, amount)
        line("Paid out to the bank", -each.paid_out)
        line("**Change of the balance**", each.change)
        with st.container(horizontal=True, gap="small", key=f"flush-rows-{each.currency}"):
            for figure in (Figure.RECEIVED, Figure.FEES, Figure.DISPUTE_FEES):
                figure_cards.link(figure, f"Show {figure_cards.LABELS[figure].lower()}", each.currency, wanted)


def draw_payout(row: PayoutRow) -> None:
    """One payout, what is in it, and what of it that does not explain."""
    amount = price(Money(row.amount, row.currency))
    with st.container(key=f"row-ord-{row.id}", gap="xxsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            day = f"{row.arrives.day} {row.arrives:%b %Y}"
            st.markdown(f"**{amount}** · {day} {states.badge(states.PAYOUT[row.status])}", width="content")
            words.quiet(words.plain(row.id), width="content")
        gross, fee, net = (price(Money(each, row.currency)) for each in (row.gross, row.fee, row.net))
        words.quiet(f"{words.count(row.entries, 'movement', 'movements')}: {gross} less {fee} in fees is {net}.")
        if row.gap is not Gap.NONE:
            off = price(Money(row.difference, row.currency))
            st.markdown(f":orange[:material/error:] {GAPS[row.gap]} {off} of it is not explained.")
        if row.failure:
            words.quiet(words.plain(row.failure))


def draw_payouts(page: PayoutPage) -> None:
    """What Stripe sent to the bank, by the day it arrives there."""
    with frame.card("payouts", gap="small"):
        st.header("Payouts", anchor=False)
        words.quiet("By the day on which they arrive at your bank.")
        if not page.rows:
            st.markdown("**No payouts** arrive on these days.")
        for row in page.rows:
            draw_payout(row)
        lists.draw_onward(page.after, first="To the latest")


def draw_taxes(found: TaxesOfDays) -> None:
    """What was taxed and what tax was in it, by country, rate and kind of product, each currency by itself."""
    by_currency: dict[str, list[tuple[str, TaxKey, Taxed]]] = {}
    for (quarter, key), taxed in found.taxes.items():
        by_currency.setdefault(key.currency, []).append((quarter, key, taxed))
    for currency in sorted(by_currency):
        with frame.card(f"tax-{currency}", gap="small"):
            st.header(f"Tax by country and rate, in {currency.upper()}", anchor=False)
            draw_taxed(currency, by_currency[currency])
    if not by_currency:
        with frame.card("no-tax"):
            st.header("Tax by country and rate", anchor=False)
            st.markdown("**Nothing was sold** on these days, and nothing went back.")
            draw_left_out(found)
    else:
        draw_left_out(found)


def draw_left_out(found: TaxesOfDays) -> None:
    """Of which of the days the taxes are not in it yet."""
    if found.left_out:
        spans = ", ".join(map(period_fields.written, found.left_out))
        st.markdown(
            f":orange[:material/hourglass_top:] **Not in the taxes yet: {spans}.** A day on which much was sold is counted once "
            "it is over. The accountant's file has all of it."
        )


def draw_taxed(currency: str, found: Sequence[tuple[str, TaxKey, Taxed]]) -> None:
    """The rows of one currency, and what they come to."""
    words.quiet(
        "Sales by the day they were paid, refunds by the day they went back, at the rate of what they pay back: as in the tax file "
        "for your accountant. The country is where buyers said they live. What banks took back in disputes is not taken off."
    )
    if wanted.known:
        words.quiet("Taxes are always told as they are known today.")
    whole = total(taxed for *_, taxed in found)
    for label, value in (
        ("Sold, without tax", whole.sales_net), ("Tax in what was sold", whole.sales_tax),
        ("Went back, without tax", whole.refunds_net), ("Tax in what went back", whole.refunds_tax),
        ("**Tax that is left**", whole.tax),
    ):  # fmt: skip
        pair(label, amount(value, currency))
    quarters = len({quarter for quarter, *_ in found}) > 1
    with st.container(key=f"wide-tax-{currency}"):
        draw_tax_table(currency, found, quarters=quarters)
    with st.container(key=f"narrow-tax-{currency}", gap="small"):
        draw_tax_list(currency, found[:AT_ONCE], quarters=quarters)
        if more := found[AT_ONCE:]:
            with st.expander(f"{len(more)} more"), st.container(gap="small"):
                draw_tax_list(currency, more, quarters=quarters, since=AT_ONCE)


def draw_tax_list(currency: str, found: Sequence[tuple[str, TaxKey, Taxed]], *, quarters: bool, since: int = 0) -> None:
    """The same as the table says, where that would be too wide."""
    for place, (quarter, key, taxed) in enumerate(found, since):
        with st.container(key=f"row-tax-{currency}-{place}", gap=None):
            label = f"**{quarter + ' · ' if quarters else ''}{words.plain(states.taxed_like(key))}**"
            st.page_link(links.TAXED, label=label, query_params=rows_of(quarter, key), help="")
            words.quiet(
                f"Sold {amount(taxed.sales_net, currency)}, tax {amount(taxed.sales_tax, currency)}. Went back "
                f"{amount(-taxed.refunds_net, currency)}, tax {amount(-taxed.refunds_tax, currency)}. "
                f"Left {amount(taxed.net, currency)}, tax **{amount(taxed.tax, currency)}**."
            )


def total(found: Iterable[Taxed]) -> Taxed:
    """All of it together."""
    return sum(found, Taxed())


def amount(minor: int, currency: str) -> str:
    """So much in this currency."""
    return price(Money(minor, currency))


def rows_of(quarter: str, key: TaxKey) -> dict[str, str]:
    """The address of the sales and refunds of a quarter's days that are taxed like this."""
    part = tax.days_of(quarter, days)
    own = {} if part == days else {"range": Range.OWN, "since": part.first, "until": part.last}
    return wanted.query(currency="", product="", step=None, known=None, **own) | {
        name: value for name, value in key._asdict().items() if value
    }


def draw_tax_table(currency: str, found: Sequence[tuple[str, TaxKey, Taxed]], *, quarters: bool) -> None:
    """All of them in a table."""

    def open_rows() -> None:
        st.session_state[TO_OPEN] = rows_of(*found[st.session_state[f"open-tax-{currency}"].row][:2])

    def amounts(name: str) -> list[str]:
        return [amount(getattr(taxed, name), currency).replace("\\", "") for *_, taxed in found]

    def money(label: str) -> Any:
        return column.TextColumn(label, width=86, alignment="right")

    column = st.column_config
    st.dataframe(
        {
            **({"quarter": [quarter for quarter, *_ in found]} if quarters else {}),
            "country": [key.country or "None" for _, key, _ in found],
            "rate": [states.rate(key.tax_rate) for _, key, _ in found],
            "kind": [
                " · ".join(filter(None, (states.SOLD.get(key.product_kind, key.product_kind), key.treatment)))
                for _, key, _ in found
            ],
            "open": ["Rows"] * len(found),
            **{name: amounts(name) for name in ("sales_net", "sales_tax", "refunds_net", "refunds_tax", "tax")},
        },
        hide_index=True, height="content" if len(found) <= AT_ONCE else TALL, key=f"tax-rows-{currency}",
        alt="Taxes. The list below says the same.",
        column_config={
            "quarter": column.TextColumn("Quarter", width=68),
            "country": column.TextColumn("Country", width=60),
            "rate": column.TextColumn("Rate", width=46, alignment="right"),
            "kind": column.TextColumn("Kind", width=190),
            "open": column.ButtonColumn(
                "Details", type="tertiary", width=58, key=f"open-tax-{currency}", on_click=open_rows
            ),
            "sales_net": money("Sold"),
            "sales_tax": money("Its tax"),
            "refunds_net": money("Went back"),
            "refunds_tax": money("Its tax"),
            "tax": money("Tax left"),
        },
    )  # fmt: skip


def draw_balances(found: Sequence[Received]) -> None:
    """All currencies, each by itself."""
    if not found:
        with frame.card("no-balance"):
            st.markdown("**Nothing moved** on the balance at Stripe on these days.")
    for each in found:
        draw_balance(each)


me = gate.me()
wanted = period_fields.asked()
days = wanted.days(shop.settings.zone, today=period_fields.today())
after = st.query_params.get("after", "")
# Where the days go on until today, what is on its way belongs to them too.
arriving = days.last + AHEAD if days.last == period_fields.today() else days.last
with shop.reading() as session:
    live = shop.settings.livemode
    moved = received.of_days(session, days, sums.ask(session, days.zone, livemode=live, known_on=wanted.known))
    taxes = tax_days.of_days(session, days, sums.ask(session, days.zone, livemode=live))
    page = payout_list.page(session, days.first, arriving, livemode=live, after=after)

with frame.column(1080):
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Money", anchor=False, width="content")
        period_fields.draw(wanted, days)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        period_fields.draw_days(days)
        period_fields.draw_known(wanted)
    draw_balances(tuple(moved.values()))
    draw_payouts(page)
    draw_taxes(taxes)
    if me.may(Action.EXPORT):
        draw_files()
    figure_cards.draw_definitions((Figure.RECEIVED, Figure.FEES, Figure.DISPUTE_FEES))

if to_open := st.session_state.pop(TO_OPEN, None):
    st.switch_page(links.TAXED, query_params=to_open)

import streamlit as st

from core.foundation.money import Money
from core.owner.accounting import tax_days
from core.owner.accounting.tax import TaxKey
from core.owner.accounting.tax_days import TaxPage, TaxRow
from core.owner.figures import rows, sums
from storefront import frame, links, process, words
from storefront.amounts import price
from storefront.back_office import gate, lists, period_fields, states

shop = process.shop()
TO_OPEN = "taxed-order"


def name(row: TaxRow) -> str:
    """What a row is, with the order that it is of."""
    return f"{row.what.capitalize()} · {row.number}" if row.number else row.what.capitalize()


def amount(minor: int) -> str:
    """So much in the currency of these rows."""
    return price(Money(minor, key.currency))


def draw_list(page: TaxPage) -> None:
    """Each as a link to its order, on phones."""
    for place, row in enumerate(page.rows):
        with st.container(key=f"row-ord-{place}", gap=None):
            label = f"**{name(row)}** · {amount(row.net)}, tax {amount(row.tax)}"
            st.page_link(links.ORDER, label=label, query_params={"id": row.order_id}, help="")
            words.quiet(f"{states.moment(row.at)} · {words.plain(row.id)}")


def draw_table(page: TaxPage) -> None:
    """All of them in a table."""

    def open_order() -> None:
        st.session_state[TO_OPEN] = page.rows[st.session_state["open-taxed-order"].row].order_id

    column = st.column_config
    st.dataframe(
        {
            "at": [states.moment(row.at) for row in page.rows],
            "what": [row.what.capitalize() for row in page.rows],
            "order": [row.number for row in page.rows],
            "open": ["Open"] * len(page.rows),
            "net": [amount(row.net).replace("\\", "") for row in page.rows],
            "tax": [amount(row.tax).replace("\\", "") for row in page.rows],
            "id": [row.id for row in page.rows],
        },
        hide_index=True, height="content", alt="The sales and refunds. The list below says the same.", key="taxed-rows",
        column_config={
            "at": column.TextColumn("When", width=150),
            "what": column.TextColumn("What", width=100),
            "order": column.TextColumn("Order", width=100),
            "open": column.ButtonColumn("Details", type="tertiary", width=72, key="open-taxed-order", on_click=open_order),
            "net": column.TextColumn("Without tax", width=110, alignment="right"),
            "tax": column.TextColumn("Tax", width=110, alignment="right"),
            "id": column.TextColumn("Id", width=280),
        },
    )  # fmt: skip


me = gate.me()
wanted = period_fields.asked()
key = TaxKey(*(lists.asked(field) for field in TaxKey._fields))
key = key._replace(currency=wanted.currency)
days = wanted.days(shop.settings.zone, today=period_fields.today())
after = rows.place_of(st.query_params.get("after", ""))
with shop.reading() as session:
    asked = sums.ask(session, days.zone, livemode=shop.settings.livemode)
    page = tax_days.rows(session, days, asked, key, after=after)

with frame.column(1080):
    with st.container(key="flush-back"):
        query = wanted.query(currency="", product="", step=None)
        st.page_link(links.MONEY, label="Money", icon=":material/arrow_back:", query_params=query, help="")
    st.title("Tax", anchor=False)
    st.markdown(f"What was sold, and what went back, of **{words.plain(states.taxed_like(key))}**.")
    period_fields.draw_days(days)
    if not page.rows:
        with frame.card("no-rows"):
            st.markdown(
                "**Nothing here.** On these days nothing was sold that is taxed like this, and nothing went back."
            )
    else:
        with st.container(key="wide-orders"):
            draw_table(page)
        with st.container(key="narrow-orders", gap="small"):
            draw_list(page)
        if to_open := st.session_state.pop(TO_OPEN, None):
            st.switch_page(links.ORDER, query_params={"id": to_open})
    lists.draw_onward(str(page.next or ""))

import streamlit as st

from core.foundation.money import Money
from core.owner.figures import rows
from core.owner.figures.definitions import DEFINITIONS, Figure
from core.owner.figures.rows import FigureRow, Page
from storefront import frame, links, process, words
from storefront.amounts import price
from storefront.back_office import figure_cards, gate, lists, period_fields, states

shop = process.shop()
TO_OPEN = "figure-order"
# What these figures sum is things, and no money.
PIECES = frozenset((Figure.ORDERS, Figure.CONVERSION, Figure.CHURN, Figure.TRIAL_CONVERSION))


def added(row: FigureRow) -> str:
    """What a row adds to the figure."""
    return str(row.amount) if figure in PIECES else price(Money(row.amount, row.currency))


def name(row: FigureRow) -> str:
    """What a row is, with the order that it is of."""
    return f"{row.what.capitalize()} · {row.number}" if row.number else row.what.capitalize()


def draw_list(page: Page) -> None:
    """Each as a link to its order, on phones."""
    for place, row in enumerate(page.rows):
        with st.container(key=f"row-ord-{place}", gap=None):
            if row.order_id:
                label = f"**{name(row)}** · {added(row)}"
                st.page_link(links.ORDER, label=label, query_params={"id": row.order_id}, help="")
            else:
                st.markdown(f"**{name(row)}** · {added(row)}")
            words.quiet(f"{states.moment(row.at)} · {words.plain(row.id)}")


def draw_table(page: Page) -> None:
    """All of them in a table."""

    def open_order() -> None:
        st.session_state[TO_OPEN] = page.rows[st.session_state["open-figure-order"].row].order_id

    column = st.column_config
    st.dataframe(
        {
            "at": [states.moment(row.at) for row in page.rows],
            "what": [row.what.capitalize() for row in page.rows],
            "order": [row.number for row in page.rows],
            "open": ["Open" if row.order_id else None for row in page.rows],
            "amount": [added(row).replace("\\", "") for row in page.rows],
            "currency": [row.currency.upper() for row in page.rows],
            "id": [row.id for row in page.rows],
        },
        hide_index=True, height="content", alt="The rows of the figure. The list below says the same.", key="figure-rows",
        column_config={
            "at": column.TextColumn("When", width=150),
            "what": column.TextColumn("What", width=140),
            "order": column.TextColumn("Order", width=100),
            "open": column.ButtonColumn("Details", type="tertiary", width=72, key="open-figure-order", on_click=open_order),
            "amount": column.TextColumn("Adds", width=110, alignment="right"),
            "currency": column.TextColumn("In", width=56),
            "id": column.TextColumn("Id", width=280),
        },
    )  # fmt: skip


me = gate.me()
figure = next((each for each in Figure if each == st.query_params.get("figure")), Figure.GROSS)
wanted = period_fields.asked()
days = wanted.days(shop.settings.zone, today=period_fields.today())
after = rows.place_of(st.query_params.get("after", ""))
with shop.reading() as session:
    page = rows.of_figure(
        session, figure, days, livemode=shop.settings.livemode, now=shop.now(), currency=wanted.currency, after=after
    )  # fmt: skip

with frame.column(1080):
    with st.container(key="flush-back"):
        query = wanted.query(step=None)
        st.page_link(
            links.OVERVIEW, label="Overview", icon=":material/arrow_back:", query_params=query, help=""
        )  # fmt: skip
    st.title(figure_cards.LABELS[figure], anchor=False)
    st.markdown(words.plain(DEFINITIONS[figure].sentence))
    if DEFINITIONS[figure].since_ever:
        words.quiet("These are all changes that there ever were up to the last of these days.")
    period_fields.draw_days(days)
    if wanted.known:
        words.quiet("The number is as it was known on a past day; these are the rows as they are known today.")
    if not page.rows:
        with frame.card("no-rows"):
            st.markdown("**Nothing here.** On these days nothing happened that this figure sums.")
    else:
        with st.container(key="wide-orders"):
            draw_table(page)
        with st.container(key="narrow-orders", gap="small"):
            draw_list(page)
        if to_open := st.session_state.pop(TO_OPEN, None):
            st.switch_page(links.ORDER, query_params={"id": to_open})
    lists.draw_onward(str(page.next or ""))

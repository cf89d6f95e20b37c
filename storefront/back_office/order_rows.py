"""Orders as rows: a table on wide screens, in which rows can be chosen, and the same as a list of links on phones."""

from collections.abc import Sequence

import streamlit as st

from core.orders.status import Status
from core.owner.order_book.listing import OrderRow
from storefront import links, process, words
from storefront.amounts import price
from storefront.back_office import states

_TO_OPEN = "order-to-open"
_UNPAID = (Status.PENDING, Status.PROCESSING, Status.FAILED, Status.CANCELED)


def draw(rows: Sequence[OrderRow]) -> tuple[OrderRow, ...]:
    """All of them; returns those that are chosen in the table."""
    with st.container(key="wide-orders"):
        chosen = _draw_table(rows)
    with st.container(key="narrow-orders", gap="small"):
        draw_list(rows)
    if to_open := st.session_state.pop(_TO_OPEN, None):
        st.switch_page(links.ORDER, query_params={"id": to_open})
    return chosen


def draw_list(rows: Sequence[OrderRow]) -> None:
    """Each as a link with what it is about below it."""
    for row in rows:
        with st.container(key=f"row-{row.id}", gap=None):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.page_link(
                    links.ORDER, label=f"**{row.number}** · {price(row.total)}", query_params={"id": row.id}, help=""
                )
                st.markdown(states.badge(states.STATUS[row.status]) + _handed(row), width="content")
            words.quiet(f"{words.plain(who(row))} · {states.moment(row.placed_at)}")


def who(row: OrderRow) -> str:
    """Whose it is: by name, else by address."""
    return row.name or row.email or ("Nobody yet" if row.status in _UNPAID else "Somebody who was erased")


def _handed(row: OrderRow) -> str:
    """How far it was handed over, where the state of its money does not say it."""
    said = states.HANDED[row.handed]
    return f" {states.badge(said)}" if said[1] in ("red", "orange") else ""


def _draw_table(rows: Sequence[OrderRow]) -> tuple[OrderRow, ...]:
    def open_order() -> None:
        st.session_state[_TO_OPEN] = rows[st.session_state["open-order"].row].id

    column = st.column_config
    statuses, handed = states.STATUS.values(), states.HANDED.values()
    found = st.dataframe(
        {
            "number": [row.number for row in rows],
            "open": ["Open"] * len(rows),
            "placed": [states.moment(row.placed_at) for row in rows],
            "total": [price(row.total).replace("\\", "") for row in rows],
            "status": [[states.STATUS[row.status][0]] for row in rows],
            "handed": [[states.HANDED[row.handed][0]] for row in rows],
            "who": [who(row) for row in rows],
            "refunded": [price(row.refunded).replace("\\", "") if row.refunded.amount else "" for row in rows],
            "products": [", ".join(row.products) for row in rows],
            "country": [row.country for row in rows],
            "mode": ["Live" if row.livemode else "Test" for row in rows],
        },
        key="orders-table", hide_index=True, height="content", row_height=40, alt="Orders. The list below says the same.",
        on_select="rerun", selection_mode="multi-row",
        column_config={
            "number": column.TextColumn("Order", pinned=True, width=88),
            "open": column.ButtonColumn("Details", pinned=True, type="tertiary", width=68, key="open-order", on_click=open_order),
            "placed": column.TextColumn("Placed", width=132, help=f"By the clock of {process.shop().settings.zone.key}"),
            "total": column.TextColumn("Total", width=84, alignment="right"),
            "status": column.MultiselectColumn(
                "Money", width=140, options=[each[0] for each in statuses], color=[each[1] for each in statuses]
            ),
            "handed": column.MultiselectColumn(
                "Delivery", width=118, options=[each[0] for each in handed], color=[each[1] for each in handed]
            ),
            "who": column.TextColumn("Buyer", width=160),
            "refunded": column.TextColumn("Refunded", width=80, alignment="right"),
            "products": column.TextColumn("Products", width=200),
            "country": column.TextColumn("From", width=52),
            "mode": column.TextColumn("Mode", width=56),
        },
    )  # fmt: skip
    return tuple(rows[index] for index in found.selection.rows if index < len(rows))

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

import streamlit as st

from core.catalog import products
from core.orders.status import Handed, Status
from core.owner.order_book import filters, listing, views
from core.owner.order_book.filters import Filters, Mode, Sort
from core.owner.order_book.listing import OrderPage
from core.owner.order_book.views import View
from core.people.staff import Action
from storefront import frame, process, words
from storefront.back_office import dialogs, gate, order_rows, states
from storefront.order_desk import chosen_orders, new_order, saved_views

shop = process.shop()
state = st.session_state
WIDGETS = ("text", "status", "handed", "country", "currency", "product", "days", "mode", "sort")


def ask(wanted: Filters) -> None:
    """Let the address say what is asked for; the page begins with the first of these."""
    st.query_params.from_dict(wanted.query())


def chosen(name: str) -> str:
    """What a field holds, as an address has it."""
    return str(state.get(f"f-{name}") or "")


def apply() -> None:
    """Bring what the fields say into the address."""
    days = state.get("f-days") or ()
    since, until = (*days, None, None)[:2]
    said = {name: chosen(name) for name in ("text", "handed", "country", "currency", "product", "mode", "sort")}
    said |= {"status": ",".join(state.get("f-status") or ())}
    said |= {"since": str(since or ""), "until": str(until or "")}
    ask(filters.read(said))


def clear() -> None:
    """Ask for nothing any more."""
    for name in WIDGETS:
        state.pop(f"f-{name}", None)
    ask(Filters())


def fill_fields(wanted: Filters) -> None:
    """What the address says stands in the fields."""
    frame.follow("f-text", wanted.text)
    frame.follow("f-status", list(wanted.status))
    # Of two days the first may be chosen alone, until the second is.
    frame.follow("f-days", tuple(day for day in (wanted.since, wanted.since and wanted.until) if day))
    frame.follow("f-handed", wanted.handed)
    frame.follow("f-country", wanted.country)
    frame.follow("f-currency", wanted.currency)
    frame.follow("f-product", wanted.product)
    frame.follow("f-mode", wanted.mode)
    frame.follow("f-sort", wanted.sort)


def draw_filters(wanted: Filters, names: dict[str, str], mine: Sequence[View]) -> None:
    """The fields, of which those that are seldom asked for fold away."""
    told_apart = words.apart({"": "Any"} | names, str)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Search", type="search", key="f-text", label_visibility="collapsed", width=300, on_change=apply,
            placeholder="Number, email or name", max_chars=100,
        )  # fmt: skip
        with st.popover("More filters", icon=":material/tune:", width="content"):
            st.date_input(
                f"Placed between ({shop.settings.zone.key})", key="f-days", on_change=apply, format="YYYY-MM-DD"
            )
            st.selectbox(
                "Delivery", [None, *Handed], key="f-handed", on_change=apply, placeholder="Any",
                format_func=lambda each: states.HANDED[each][0] if each else "Any",
            )  # fmt: skip
            st.selectbox(
                "Product",
                ["", *names],
                key="f-product",
                on_change=apply,
                format_func=lambda each: told_apart.get(each, "Any"),
            )
            st.text_input("Country, as two letters", key="f-country", max_chars=2, on_change=apply)
            st.text_input("Currency, as three letters", key="f-currency", max_chars=3, on_change=apply)
            live = shop.settings.livemode
            st.selectbox(
                "Money", list(Mode), key="f-mode", on_change=apply,
                format_func=lambda mode: "Live" if (mode is Mode.OURS) is live else "Test",
            )  # fmt: skip
            st.selectbox(
                "First come the", list(Sort), key="f-sort", on_change=apply,
                format_func=lambda sort: "newest" if sort is Sort.NEWEST else "oldest",
            )  # fmt: skip
        saved_views.draw(wanted, mine)
        if wanted.narrow:
            st.button("Clear filters", type="tertiary", on_click=clear, key="clear-filters")
    st.pills(
        "Money", list(Status), selection_mode="multi", key="f-status", on_change=apply, label_visibility="collapsed",
        format_func=lambda status: states.STATUS[status][0],
    )  # fmt: skip


def draw_export(wanted: Filters) -> None:
    """The list as a file. The sidecar streams it: a button would hold all of it in memory."""
    address = f"/api/owner/orders.csv?{urlencode(wanted.query())}"
    st.html(
        f'<div class="files plain"><a href="{escape(address)}" download target="_self">Export as CSV</a></div>',
        width="content",
    )


def draw_nothing(wanted: Filters) -> None:
    """No rows, and what to do about it."""
    with st.container(border=True, horizontal_alignment="center", key="box-no-orders"):
        if wanted.narrow:
            st.markdown("**No orders match.** Nothing fits what is asked for.")
            st.button("Clear filters", on_click=clear, key="clear-all")
        else:
            st.markdown("**No orders yet.** The first one appears here the moment somebody goes to pay.")


def leaf(**where: str) -> None:
    """On to a neighbouring page."""
    st.query_params.from_dict(wanted.query() | where)


def draw_paging(page: OrderPage) -> None:
    """To the rows before and after these."""
    if not (page.before or page.after):
        return
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.button(
            "Previous", icon=":material/arrow_back:", key="leaf-back", disabled=not page.before,
            on_click=leaf, kwargs={"before": page.before},
        )  # fmt: skip
        st.button(
            "Next", icon=":material/arrow_forward:", icon_position="right", key="leaf-on", disabled=not page.after,
            on_click=leaf, kwargs={"after": page.after},
        )  # fmt: skip


me = gate.me()
wanted = filters.read(st.query_params.to_dict())
fill_fields(wanted)
with shop.reading() as session:
    page = listing.page(
        session, wanted, shop.settings.zone, livemode=shop.settings.livemode, after=st.query_params.get("after", ""),
        before=st.query_params.get("before", ""),
    )  # fmt: skip
    names = products.names(session)
    mine = views.of(session, me.email)

with frame.column(1180):
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Orders", anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small", key="orders-do"):
            new_order.draw_button(me)
            if me.may(Action.EXPORT):
                draw_export(wanted)
    dialogs.draw_said()
    draw_filters(wanted, names, mine)
    if page.rows:
        rows = order_rows.draw(page.rows)
        chosen_orders.draw(rows, me)
        draw_paging(page)
    else:
        draw_nothing(wanted)
    new_order.draw_open()

"""The bar on top of every owner's page: one field that finds any order, and how much needs a person; and the page's title below."""

import streamlit as st

from core.owner.needs import set_aside
from core.owner.needs.items import Item
from core.owner.order_book import lookup
from storefront import frame, links, process

# Where the overview lists it.
NEEDS = "needs-you"


def needs() -> list[Item]:
    """What needs a person and was not set aside."""
    return set_aside.needs(process.shop())


def draw(waiting: int, *, listed: bool) -> None:
    """The field and the count, above whatever page follows. Where all of it is `listed`, the count leads down to it."""
    with (
        frame.column(1180),
        st.container(key="office-bar", horizontal=True, vertical_alignment="center", gap="small"),
    ):
        _draw_search()
        said = f"{waiting} {'needs' if waiting == 1 else 'need'} you"
        if waiting and listed:
            st.markdown(f":material/error: [{said}](#{NEEDS})", width="content")
        elif waiting:
            st.page_link(links.OVERVIEW, label=said, icon=":material/error:")


def draw_title(title: str) -> None:
    """What a page is called, as high as where buttons stand beside it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(title, anchor=False, width="content")


def _draw_search() -> None:
    with st.form("find", border=False, clear_on_submit=True), st.container(horizontal=True, gap="xsmall"):
        text = st.text_input(
            "Find an order", key="find-text", label_visibility="collapsed", width="stretch", max_chars=254,
            placeholder="Order number, email, name, licence key or Stripe id",
        )  # fmt: skip
        asked = st.form_submit_button("Find", icon=":material/search:")
    if asked and text.strip():
        _go_to(text.strip())


def _go_to(text: str) -> None:
    """To the one order that is meant, or to the list of those that may be."""
    with process.shop().reading() as session:
        found = lookup.matching(session, text)
    if len(found) == 1:
        st.switch_page(links.ORDER, query_params={"id": found[0]})
    st.switch_page(links.ORDERS, query_params={"text": text})

"""Saved views: the lists of orders that somebody comes back to, and the field that keeps the one that is shown."""

from collections.abc import Sequence

import streamlit as st

from core.foundation.errors import BadInput, ShopError
from core.owner.order_book import views
from core.owner.order_book.filters import Filters
from core.owner.order_book.views import View
from storefront import process, visitor, words
from storefront.back_office import refusals

_TROUBLE = "view-trouble"


def draw(wanted: Filters, mine: Sequence[View]) -> None:
    """The views, and what keeps or forgets one."""
    shown = next((each for each in mine if each.filters == wanted), None)
    label = words.plain(shown.name) if shown else "Saved views"
    with st.popover(label, icon=":material/bookmark:", width="content", key="saved-views"):
        if not mine:
            words.quiet("None yet. Filter the list, give it a name, and it is here from then on, for you alone.")
        for each in mine:
            _draw_view(each)
        if wanted.narrow and shown is None:
            replaced = "A view of yours that has this name already is replaced."
            st.text_input("Name of this view", key="view-name", max_chars=40, help=replaced)
            st.button("Keep this view", key="view-keep", on_click=_keep, args=(wanted,))
        if trouble := st.session_state.pop(_TROUBLE, None):
            st.warning(trouble, icon=":material/error:")


def _draw_view(view: View) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
        # A link would list it, but it leads from this page to this page, and so the address would stay as it was.
        st.button(words.plain(view.name), type="tertiary", key=f"view-{view.id}", on_click=_show, args=(view,))
        st.button(
            f"Forget {words.plain(view.name)}", type="tertiary", icon=":material/close:", key=f"forget-{view.id}",
            on_click=_forget, args=(view,),
        )  # fmt: skip


def _show(view: View) -> None:
    st.query_params.from_dict(view.filters.query())


def _keep(wanted: Filters) -> None:
    name = str(st.session_state.get("view-name") or "")
    try:
        views.save(process.shop(), name, wanted, sign_in_id=visitor.sign_in_id())
    except BadInput:
        st.session_state[_TROUBLE] = f"It needs a name, and you can keep {views.MOST} views."
    except ShopError as error:
        st.session_state[_TROUBLE] = refusals.of(error)
    else:
        st.session_state["view-name"] = ""


def _forget(view: View) -> None:
    try:
        views.remove(process.shop(), view.id, sign_in_id=visitor.sign_in_id())
    except ShopError as error:
        st.session_state[_TROUBLE] = refusals.of(error)

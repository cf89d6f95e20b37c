from collections.abc import Sequence

import streamlit as st

from core.kinds import offers, shelf_pages
from core.kinds.offers import Offer
from core.languages.sentences import _, ngettext
from storefront import frame, pictures, process, visitor, words
from storefront.goods import tiles
from storefront.sign_in import sign_in_form

ALL = "All"

shop = process.shop()
with shop.reading() as session:
    everything = offers.shelf(session, now=shop.now())
    drafts = offers.drafts(session, now=shop.now()) if visitor.works_here() else ()
texts = frame.texts()


def begin_at_first() -> None:
    """What is looked for now is not on the page that was looked at."""
    st.session_state.pop("page", None)
    st.query_params.pop("page", None)


def show_everything() -> None:
    """Look for nothing any more."""
    st.session_state["q"] = ""
    st.session_state["show"] = ALL
    begin_at_first()


def draw_search() -> str:
    """The field, where there is much to look through; what is looked for."""
    if not shelf_pages.is_searchable(len(everything)):
        return ""
    return str(
        st.text_input(
            _("Search the shop"), type="search", key="q", bind="query-params", icon=":material/search:", max_chars=100,
            placeholder=_("Search the shop"), label_visibility="collapsed", on_change=begin_at_first,
        )
        or ""
    )  # fmt: skip


def choose_shelf() -> str:
    """Which of the shelves is looked at, where there are several."""
    shelves = list(dict.fromkeys([ALL, *(offer.shelf for offer in everything if offer.shelf)]))
    if len(shelves) <= 2:
        return ALL
    # What a seller calls a shelf is shown as it is, and one that is called "All" is another.
    named = words.apart({each: _("All") if each == ALL else words.plain(each) for each in shelves}, lambda each: "")
    return st.pills(
        _("Show"), shelves, default=ALL, required=True, key="show", bind="query-params", label_visibility="collapsed",
        on_change=begin_at_first, format_func=named.__getitem__,
    )  # fmt: skip


def draw_found(found: Sequence[Offer], sought: str) -> None:
    """So many tiles as a page has, and the way to the others."""
    if sought:
        count = len(found)
        words.quiet(ngettext("{number} product matches.", "{number} products match.", count).format(number=count))
    if not found:
        st.markdown(_("Nothing here is called so. Look for fewer letters, or for another word."))
        st.button(_("Show everything"), on_click=show_everything, key="show-everything")
        return
    shelf = st.container()
    pages = shelf_pages.page_of(found, 1).pages
    number = 1
    if pages > 1:
        st.space("small")
        with st.container(horizontal_alignment="center"):
            number = st.pagination(pages, key="page", bind="query-params")
    with shelf, st.grid(3, min_column_width=250, gap=(44, 32)):
        for offer in shelf_pages.page_of(found, number).offers:
            tiles.tile(offer)


with frame.column(1120):
    pictures.trim()
    frame.phone_links()
    st.title(words.plain(texts.get("headline") or frame.brand().name), anchor=False)
    if intro := texts.get("intro"):
        st.markdown(words.plain(intro))
    sought = draw_search()
    chosen = choose_shelf()
    if everything:
        on_shelf = [offer for offer in everything if chosen in (ALL, offer.shelf)]
        draw_found(shelf_pages.searched(on_shelf, sought), sought)
    else:
        st.markdown(_("The shelves are empty right now."))
    if drafts:
        st.header(_("Drafts, which you alone see"), anchor=False)
        with st.grid(3, min_column_width=250, gap=(44, 32)):
            for offer in drafts:
                tiles.tile(offer)
    if shop.settings.demo:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="demo"):
            words.quiet(_("This is a demo: nothing costs real money."), width="content")
            sign_in_form.draw_demo_button()
    frame.footer()

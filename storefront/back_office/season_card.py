"""The season of sales, as a demo offers it to its owner: to fill an empty shop with it, and to take it out again."""

import streamlit as st

from core.foundation.errors import ShopError
from core.owner.season import making, removal, seasons
from core.owner.season.seasons import Offer
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from storefront import frame, process, words
from storefront.back_office import dialogs, gate, refusals

_FILL, _REMOVE = "season-fill", "season-remove"


def draw(me: Staff) -> None:
    """The card, where there is something to offer to whoever this is."""
    shop = process.shop()
    if not me.may(Action.SEASON):
        return
    with shop.reading() as session:
        offer = seasons.offer(session, shop.settings)
    if offer is Offer.NOTHING:
        return
    with frame.card("season", gap="small"):
        st.header("A season of sales", anchor=False)
        if offer is Offer.REMOVE:
            words.quiet(
                "Orders of it are in the shop. They are made up: nobody placed them, and no letter goes out for them."
            )
        else:
            words.quiet(
                "Some 400 made-up orders over four months show this side of the shop at work: renewals, refunds, disputes"
                " and a bad week. No letter goes out, and you can take them out again."
            )
            draw_filling(offer)
        if offer is not Offer.FILL:
            st.button(
                "Remove the season", type="tertiary", icon=":material/delete:", key="season-remove",
                on_click=dialogs.opener(_REMOVE),
            )  # fmt: skip
    if dialogs.is_open(_REMOVE):
        remove()


def draw_filling(offer: Offer) -> None:
    """The button that fills the shop, and how far that has come."""
    label = "Fill with a season of sales" if offer is Offer.FILL else "Make the rest of it"
    if not st.button(label, type="primary", icon=":material/auto_awesome:", key="season-fill"):
        return
    bar = st.progress(0.0, "Orders are being placed")

    def show(done: int, of: int) -> None:
        bar.progress(done / of, f"{done} of {of} orders")

    try:
        made = making.fill(process.shop(), progress=show, deed=gate.deed(_FILL))
    except ShopError as error:
        gate.open_token(_FILL)
        refusals.draw(error)
        return
    gate.open_token(_FILL)
    st.session_state["said"] = f"{made} orders are in the shop."
    st.rerun()


@st.dialog("Remove the season", icon=":material/delete:", on_dismiss=dialogs.close)
def remove() -> None:
    """Asks once more."""
    gate.me()
    st.markdown("All orders of the season go, with everything that belongs to them. Your own orders stay as they are.")
    if st.button("Remove", type="primary", key="season-remove-do"):

        def act(deed: Deed) -> str:
            return f"{removal.remove(process.shop(), deed=deed)} orders were removed."

        dialogs.carry_out(_REMOVE, act)

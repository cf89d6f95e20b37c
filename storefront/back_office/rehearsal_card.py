"""What could happen to an order of a demo, as buttons: so an owner learns before it is real."""

import streamlit as st

from core.foundation.errors import ShopError, StripeUnreachable
from core.journeys import rehearsal
from core.journeys.rehearsal import Turn
from core.owner.order_book.detail import Sheet
from core.people.staff import Action, Staff
from storefront import frame, process, words
from storefront.back_office import gate, refusals

_SAID = "rehearsed"
_LABELS = {
    Turn.DISPUTE: ("Its buyer disputes it", "gavel"),
    Turn.WARN: ("The bank warns of fraud", "warning"),
    Turn.REFUND: ("Refunded in Stripe's dashboard", "undo"),
    Turn.REFUND_FAILS: ("The refund comes back", "error"),
    Turn.WIN: ("The dispute is won", "check"),
    Turn.LOSE: ("The dispute is lost", "close"),
    Turn.RENEW: ("The plan renews", "autorenew"),
    Turn.RENEWAL_FAILS: ("The renewal fails", "credit_card_off"),
    Turn.END: ("The plan ends now", "block"),
}


def draw(sheet: Sheet, me: Staff) -> None:
    """The card, where there is something to rehearse for whoever this is."""
    shop = process.shop()
    if not shop.settings.demo or not me.may(Action.REHEARSE):
        return
    with shop.reading() as session:
        turns = rehearsal.possible(session, shop.settings, sheet.row.id)
    if not turns:
        return
    st.header("Rehearse", anchor=False)
    with frame.card("rehearse", gap="small"):
        words.quiet(
            "This is the demo: let happen what could happen to this order. The sandbox tells the shop as Stripe would."
        )
        draw_outcome()
        for turn in turns:
            label, icon = _LABELS[turn]
            st.button(
                label, type="tertiary", icon=f":material/{icon}:", key=f"rehearse-{turn}", on_click=let_happen,
                args=(sheet.row.id, turn),
            )  # fmt: skip


def let_happen(order_id: str, turn: Turn) -> None:
    """Let it happen, and keep what to say about it for the page that follows."""
    name = f"rehearse-{turn}"
    try:
        rehearsal.play(process.shop(), order_id, turn, deed=gate.deed(name))
    except StripeUnreachable:
        st.session_state[_SAID] = (False, "Nothing has happened: the sandbox didn't answer. Is it running?")
    except ShopError as error:
        st.session_state[_SAID] = (False, refusals.of(error))
    else:
        st.session_state[_SAID] = (True, "It has happened. The event is here within a moment: reload the page.")
    gate.open_token(name)


def draw_outcome() -> None:
    """What the last click came to."""
    worked, said = st.session_state.pop(_SAID, (True, ""))
    if said and worked:
        st.success(said, icon=":material/check_circle:")
    elif said:
        st.warning(said, icon=":material/error:")

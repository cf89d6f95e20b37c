"""What could happen to a test order: so an owner learns before it is real. A demo has buttons for it, and Stripe has steps."""

from collections.abc import Iterable, Mapping

import streamlit as st

from core.foundation.errors import ShopError, StripeUnreachable
from core.journeys import rehearsal
from core.journeys.rehearsal import Subject, Turn
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

# A payment that stands cannot be disputed afterwards: Stripe's test cards are what such a thing begins with.
_STEPS = {
    Turn.DISPUTE: "Buy the same again with the card 4000 0000 0000 0259: its payment is disputed at once.",
    Turn.WARN: "Buy the same again with the card 4000 0000 0000 5423: its bank warns of fraud.",
    Turn.REFUND: (
        "Find {id} in Stripe's dashboard and refund it there. If it is a PaymentIntent: "
        "`stripe refunds create --payment-intent={id}`"
    ),
    Turn.REFUND_FAILS: (
        "{id} has gone through and stays so. Buy the same again with the card 4000 0000 0000 5126 and refund that: the money "
        "comes back a while later."
    ),
    Turn.WIN: ('`stripe disputes update {id} -d "evidence[uncategorized_text]=winning_evidence" -d submit=true`'),
    Turn.LOSE: ('`stripe disputes update {id} -d "evidence[uncategorized_text]=losing_evidence" -d submit=true`'),
    Turn.RENEW: (
        "`stripe subscriptions update {id} -d billing_cycle_anchor=now -d proration_behavior=none` begins the next period now."
    ),
    Turn.RENEWAL_FAILS: (
        "In Stripe's dashboard, give the customer of {id} the card 4000 0000 0000 0341 as the one to charge, then "
        "`stripe subscriptions update {id} -d billing_cycle_anchor=now -d proration_behavior=none`"
    ),
    Turn.END: "`stripe subscriptions cancel {id}`, or cancel it in Stripe's dashboard.",
}


def draw(sheet: Sheet, me: Staff) -> None:
    """The card, where there is something to rehearse for whoever this is."""
    shop = process.shop()
    if shop.settings.livemode or not me.may(Action.REHEARSE):
        return
    with shop.reading() as session:
        turns = rehearsal.possible(session, shop.settings, sheet.row.id)
    if not turns:
        return
    st.header("Rehearse", anchor=False)
    with frame.card("rehearse", gap="small"):
        if shop.settings.demo:
            draw_buttons(sheet, turns)
        else:
            draw_steps(turns)


def draw_buttons(sheet: Sheet, turns: Iterable[Turn]) -> None:
    """A button for each thing, as the sandbox can be told to let it happen."""
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


def draw_steps(turns: Mapping[Turn, Subject]) -> None:
    """What to do at Stripe for each thing: nothing there lets it happen at a click of ours."""
    words.quiet(
        "This is test money: do one of these at Stripe, in the same test mode or sandbox, and its event comes here as it "
        "would in earnest. Commands are those of Stripe's own command line."
    )
    for turn, subject in turns.items():
        label, icon = _LABELS[turn]
        with st.expander(label, icon=f":material/{icon}:", key=f"rehearse-step-{turn}"):
            st.markdown(words.told(_STEPS[turn].format(id=subject.id or subject.invoice)))


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
    worked, said = frame.told(_SAID) or (True, "")
    if said and worked:
        st.success(said, icon=":material/check_circle:")
    elif said:
        st.warning(said, icon=":material/error:")

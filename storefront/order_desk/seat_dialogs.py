"""The dialogs of a plan's seats: one is given or taken back, or there are to be more or fewer, which its buyer is billed for."""

from datetime import timedelta

import streamlit as st

from core.catalog.products import Interval
from core.foundation.errors import ShopError, StripeUnreachable
from core.foundation.money import Money
from core.journeys.billing import seat_quantity
from core.journeys.billing.seat_quantity import Change
from core.owner.order_book.people import SeatedView, SeatsView
from core.people.deeds import Deed
from core.seats import seat_desk
from storefront import process, words
from storefront.amounts import price
from storefront.back_office import dialogs, gate, refusals

_SHOWN = "seats-shown"
# For so long what was worked out stands.
_HOLDS = timedelta(minutes=15)


def draw_open(seats: tuple[SeatsView, ...]) -> None:
    """The dialog that is open, if one of these is."""
    for plan in seats:
        if dialogs.is_open(f"give-{plan.grant_id}"):
            _give(plan)
        if dialogs.is_open(f"seats-{plan.grant_id}"):
            _change(plan)
        for each in plan.people:
            if dialogs.is_open(f"take-{each.seat_id}"):
                _take(each)


@st.dialog("Give a seat", icon=":material/person_add:", on_dismiss=dialogs.close)
def _give(plan: SeatsView) -> None:
    gate.me()
    st.markdown("They get a letter with a code, with which they take the seat.")
    guest = (st.text_input("Their email", type="email", key="seat-guest", max_chars=254) or "").strip()
    if dialogs.button("Send invitation", "give-seat-do", lacks="" if guest else "Type their email."):

        def act(deed: Deed) -> str:
            asked = seat_desk.give(process.shop(), plan.grant_id, guest, deed=deed)
            return f"{words.plain(guest)} " + ("is asked to take a seat." if asked else "has a seat.")

        dialogs.carry_out(f"give-{plan.grant_id}", act)


@st.dialog("Take back a seat", icon=":material/person_remove:", on_dismiss=dialogs.close)
def _take(each: SeatedView) -> None:
    gate.me()
    st.markdown(
        f"**{words.plain(each.email)}** can't use {words.plain(each.product)} any more. The seat is free for somebody else."
    )
    words.quiet("The plan costs what it did: fewer seats are another matter.")
    if st.button("Take back the seat", type="primary", key="take-seat-do"):

        def act(deed: Deed) -> str:
            seat_desk.take(process.shop(), each.seat_id, deed=deed)
            return f"{words.plain(each.email)} has no seat any more."

        dialogs.carry_out(f"take-{each.seat_id}", act)


@st.dialog("More or fewer seats", icon=":material/group:", on_dismiss=dialogs.close)
def _change(plan: SeatsView) -> None:
    gate.me()
    # At Stripe they may have been set to any number, none as well.
    least, most = min(1, plan.quantity), max(999, plan.quantity)
    wanted = int(st.number_input("Seats", least, most, plan.quantity, key="seats-wanted"))
    if wanted == plan.quantity:
        words.quiet("What its buyer pays is shown before anything is billed.")
        return
    shown = st.session_state.get(_SHOWN)
    try:
        change = _worked_out(plan, wanted)
    except StripeUnreachable:
        st.warning(
            "Stripe didn't answer, so what it costs isn't known. Try again in a minute.", icon=":material/error:"
        )
        return
    except ShopError as error:
        refusals.draw(error)
        return
    st.markdown(_cost(change))
    if losing := plan.losing(wanted):
        people = ", ".join(words.plain(each) for each in losing)
        st.warning(f"{people} would have no seat any more, having taken theirs last.", icon=":material/error:")
    sure = st.button(f"Change to {words.count(wanted, 'seat', 'seats')}", type="primary", key="seats-do")
    if sure and change != shown:
        st.info("Nothing was billed yet: this is what it costs now. Click again to do it.", icon=":material/info:")
    elif sure:

        def act(deed: Deed) -> str:
            st.session_state.pop(_SHOWN, None)
            seat_quantity.carry_out_by_staff(process.shop(), change, deed=deed)
            return f"The plan has {words.count(wanted, 'seat', 'seats')} now."

        dialogs.carry_out(f"seats-{plan.grant_id}", act)


def _worked_out(plan: SeatsView, wanted: int) -> Change:
    """What so many seats come to: what is shown already, so that a click does what was shown, unless that was long ago."""
    shop = process.shop()
    shown: Change | None = st.session_state.get(_SHOWN)
    is_this = shown is not None and (shown.grant_id, shown.after) == (plan.grant_id, wanted)
    if shown and is_this and shop.now().timestamp() - shown.at < _HOLDS.total_seconds():
        return shown
    change = seat_quantity.preview_for_staff(shop, plan.grant_id, wanted)
    st.session_state[_SHOWN] = change
    return change


def _cost(change: Change) -> str:
    """What its buyer pays for it, now and from the next period on."""
    due = change.due
    now = (
        f"Its buyer is billed **{price(due)}** now, for the rest of the period."
        if due.amount > 0
        else f"Nothing now. {price(Money(-due.amount, due.currency))} is taken off what comes next."
        if due.amount < 0
        else "Nothing now."
    )
    return f"{now}  \nThen {price(change.then)} {words.EACH[Interval(change.interval)]}, without taxes and discounts."

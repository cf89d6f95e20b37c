"""The dialogs of a plan's seats: one is given or taken back, or there are to be more or fewer, which its buyer is billed for."""

from datetime import timedelta

import streamlit as st

from core.catalog.products import Interval
from core.foundation.errors import ShopError, StripeUnreachable
from core.foundation.money import Money
from core.journeys.billing import seat_quantity
from core.journeys.billing.seat_quantity import Change
from core.kinds.standings import PlanStanding
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
    by = _choose_subscription(plan)
    there = plan.quantity if by is None or by.quantity is None else by.quantity
    # At Stripe they may have been set to any number, none as well.
    wanted = int(st.number_input("Seats", min(1, there), max(999, there), there, key="seats-wanted"))
    if wanted == there:
        words.quiet("What its buyer pays is shown before anything is billed.")
        return
    shown = st.session_state.get(_SHOWN)
    try:
        change = _worked_out(plan, wanted, by.subscription if by else "")
    except StripeUnreachable:
        st.warning(
            "Stripe didn't answer, so what it costs isn't known. Try again in a minute.", icon=":material/error:"
        )
        return
    except ShopError as error:
        refusals.draw(error)
        return
    st.markdown(_cost(change))
    others = [each.quantity or 0 for each in plan.billed if each is not by]
    if losing := plan.losing(max([wanted, *others] if by else [wanted])):
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


def _choose_subscription(plan: SeatsView) -> PlanStanding | None:
    """By which of several subscriptions for the plan its buyer is to have more or fewer; None where there are not several."""
    if len(plan.billed) < 2:
        return None
    named = {
        each.subscription: f"{words.count(each.quantity or 0, 'seat', 'seats')}, {each.subscription}"
        for each in plan.billed
    }
    chosen = st.radio("The buyer pays by", list(named), format_func=named.__getitem__, key="seats-by")
    return next(each for each in plan.billed if each.subscription == chosen)


def _worked_out(plan: SeatsView, wanted: int, subscription: str) -> Change:
    """What so many seats come to: what is shown already, so that a click does what was shown, unless that was long ago."""
    shop = process.shop()
    shown: Change | None = st.session_state.get(_SHOWN)
    named = (plan.grant_id, wanted, subscription or (shown.subscription if shown else ""))
    is_this = shown is not None and (shown.grant_id, shown.after, shown.subscription) == named
    if shown and is_this and shop.now().timestamp() - shown.at < _HOLDS.total_seconds():
        return shown
    change = seat_quantity.preview_for_staff(shop, plan.grant_id, wanted, subscription=subscription)
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

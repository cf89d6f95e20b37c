"""Who comes by an order and who has its seats, with the ways to the date and to the plan."""

from itertools import groupby

import streamlit as st

from core.kinds.seats import SeatState
from core.owner.order_book.people import PlaceView, SeatedView, SeatsView
from core.people.staff import Action, Staff
from storefront import dates, frame, links, words
from storefront.back_office import dialogs, states

_SEAT = {
    SeatState.ACCEPTED: ":green-badge[:material/check: Has a seat]",
    SeatState.INVITED: ":orange-badge[:material/schedule: Invited]",
    SeatState.SUSPENDED: ":gray-badge[:material/pause: No seat left]",
}


def draw_places(places: tuple[PlaceView, ...]) -> None:
    """Its tickets by date: whose each is, and whether they were checked in."""
    if places:
        st.header("Tickets", anchor=False)
    for (date_id, product), theirs in groupby(places, key=lambda each: (each.date_id, each.product)):
        mine = list(theirs)
        with frame.card(f"tickets-{date_id}", gap="small"):
            st.markdown(f"**{words.plain(product)}**, {dates.of(mine[0].times)[0]}")
            with frame.portion(mine, f"tickets-{date_id}") as some:
                for each in some:
                    _draw_ticket(each)
            links.to(links.WORKSHOP, "To the date", "event", where=f"date-{date_id}", id=date_id)


def _draw_ticket(each: PlaceView) -> None:
    with st.container(gap=None, key=f"ticket-{each.attendee_id}"):
        st.markdown(f"{words.plain(each.name)} &nbsp; {_came(each)}")
        if each.email != each.name:
            words.quiet(words.plain(each.email))


def draw_seats(seats: tuple[SeatsView, ...], order_id: str, me: Staff) -> None:
    """The seats of an order's plans: who has one, who is asked to take one, and what this person may do about them."""
    if seats:
        st.header("Seats", anchor=False)
    for number, plan in enumerate(seats):
        with frame.card(f"seats-{number}", gap="small"):
            sitting = sum(each.state is SeatState.ACCEPTED for each in plan.people) + plan.buyer_sits
            closed = "" if plan.active else " &nbsp; :gray-badge[:material/block: Closed]"
            st.markdown(
                f"**{words.plain(plan.product)}**, {sitting} of {words.count(plan.quantity, 'seat', 'seats')} taken{closed}"
            )
            seat = _SEAT[SeatState.ACCEPTED] if plan.active else ""
            st.markdown(f"The buyer &nbsp; {seat if plan.buyer_sits else ':gray-badge[No seat]'}")
            with frame.portion(plan.people, f"seats-{plan.grant_id}") as some:
                for each in some:
                    _draw_seated(each, me)
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"seat-actions-{number}"):
                if plan.active and plan.free and me.may(Action.SEATS):
                    _opener("Give a seat", "person_add", f"give-{plan.grant_id}")
                if plan.active and me.may(Action.CHANGE_PLAN):
                    _opener("More or fewer seats", "group", f"seats-{plan.grant_id}")
                links.to(links.SUBSCRIPTIONS, "To the plans", "autorenew", where=f"plan-{number}", order=order_id)


def _draw_seated(each: SeatedView, me: Staff) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"seated-{each.seat_id}"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"{words.plain(each.email)} &nbsp; {_SEAT[each.state]}")
            words.quiet(f"Since {states.moment(each.since)}")
        if me.may(Action.SEATS):
            _opener("Take back", "person_remove", f"take-{each.seat_id}")


def _opener(label: str, icon: str, name: str) -> None:
    st.button(label, type="tertiary", icon=f":material/{icon}:", key=f"open-{name}", on_click=dialogs.opener(name))


def _came(place: PlaceView) -> str:
    if place.canceled:
        return ":gray-badge[Canceled]"
    if place.checked_in_at:
        return f":green-badge[:material/check: Here since {states.moment(place.checked_in_at)}]"
    return ":blue-badge[Expected]" if place.open else ":orange-badge[Closed]"

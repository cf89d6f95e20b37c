"""The dates of a workshop: how many places are taken on each, another date, more or fewer places, and an end to one."""

from datetime import date as Day
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from core.catalog import wall_times
from core.catalog.catalog_file import MOST
from core.foundation import settings
from core.kinds.offers import Offer
from core.kinds.workshops import DateView
from core.languages import decimals
from core.owner.shelves import checking, dates
from core.people.deeds import Deed
from storefront import process, words
from storefront.back_office import dialogs, gate
from storefront.dates import of

# What a button says where a time was chosen that no clock shows.
NO_TIME = "Choose another time first."


def draw(offer: Offer, *, may: bool) -> None:
    """The dates that are offered and have not begun."""
    st.header("Dates", anchor=False)
    if not offer.dates:
        words.quiet("No date is offered.")
    for date in offer.dates:
        with st.container(horizontal=True, vertical_alignment="center", key=f"listed-date-{date.id}"):
            with st.container(width="stretch", gap=None):
                day, hours = of(date)
                st.markdown(f"**{words.plain(day)}**")
                taken = date.capacity - date.left
                words.quiet(f"{words.plain(hours)} · {taken} of {words.count(date.capacity, 'place', 'places')} taken")
            if may:
                _draw_buttons(date)
    if may:
        st.button("Another date", icon=":material/add:", key="open-date-more", on_click=dialogs.opener("date-more"))


def choose_beginning(zone: str, day: Day, begins: time, key: str) -> datetime | None:
    """When something begins, by the clocks of this zone: asks which one is meant of a time that they show twice; None for one
    that they never show."""
    left, right = st.columns(2)
    chosen = left.date_input("Day", day, key=f"{key}-day")
    hour = right.time_input("Begins at", begins, key=f"{key}-time")
    found = wall_times.moments(datetime.combine(chosen, hour), zone)
    if not found:
        st.warning("No clock there shows this time: clocks go forward in that hour.", icon=":material/update:")
        return None
    if len(found) == 1:
        return found[0]
    which = st.radio(
        "Clocks go back that night, so this time comes twice", range(len(found)), key=f"{key}-fold",
        format_func=lambda place: f"The {('first', 'second')[place]} time, {found[place]:%H:%M} {found[place].tzname()}",
    )  # fmt: skip
    return found[which]


def choose_length(where: Any, hours: float, key: str) -> str:
    """For how many hours something takes place, as it was typed; a course may go on for days, and a file may say minutes."""
    return where.text_input("Hours", decimals.typed(hours), key=key, max_chars=12) or ""


def draw_open(offer: Offer) -> None:
    """The dialog that is open, if it is one of these."""
    if dialogs.is_open("date-more"):
        add(offer)
    for date in offer.dates:
        if dialogs.is_open(f"date-places-{date.id}"):
            _resize(date)
        if dialogs.is_open(f"date-end-{date.id}"):
            _take_off(date)


def _draw_buttons(date: DateView) -> None:
    buttons = [("places", "Places", "event_seat")]
    if date.left == date.capacity:
        buttons.append(("end", "Take off", "event_busy"))
    for name, label, icon in buttons:
        st.button(
            label, type="tertiary", icon=f":material/{icon}:", key=f"open-date-{name}-{date.id}",
            on_click=dialogs.opener(f"date-{name}-{date.id}"),
        )  # fmt: skip


@st.dialog("Another date", icon=":material/event:", on_dismiss=dialogs.close)
def add(offer: Offer, *, name: str = "date-more") -> None:
    """Asks when it takes place, for how long, and for how many; `name` is the dialog's."""
    gate.me()
    shop = process.shop()
    last = max((date.starts_at for date in offer.dates), default=shop.now())
    zones = sorted(settings.zones())
    usual = offer.dates[-1].timezone if offer.dates else shop.settings.zone.key
    zone = st.selectbox("Time zone", zones, zones.index(usual), key="date-zone") or usual
    starts = choose_beginning(zone, (last.astimezone(ZoneInfo(zone)) + timedelta(days=7)).date(), time(17), "date")
    left, right = st.columns(2)
    hours = choose_length(left, 2.0, "date-hours")
    capacity = right.number_input(
        "Places", 1, MOST, offer.dates[-1].capacity if offer.dates else 12, key="date-capacity"
    )
    address = st.text_input("Where it takes place", key="date-url", placeholder="https://… for those who have a place")
    if dialogs.button("Offer it", "date-more-do", lacks="" if starts else NO_TIME) and starts:

        def act(deed: Deed) -> str:
            said = {
                "starts_at": starts, "hours": checking.hours(hours), "timezone": zone, "capacity": capacity,
                "join_url": address or "",
            }  # fmt: skip
            dates.add(shop, offer.id, checking.date(said), deed=deed)
            return f"The date is offered: {starts:%-d %b %Y, %H:%M}."

        dialogs.carry_out(name, act)


@st.dialog("Places", icon=":material/event_seat:", on_dismiss=dialogs.close)
def _resize(date: DateView) -> None:
    gate.me()
    taken = date.capacity - date.left
    st.markdown(
        f"{taken} of {words.count(date.capacity, 'place', 'places')} are taken, or held by somebody who is paying."
    )
    capacity = st.number_input("Places from now on", max(taken, 1), MOST, date.capacity, key=f"places-{date.id}")
    if st.button("Set it", type="primary", key="date-places-do"):

        def act(deed: Deed) -> str:
            dates.resize(process.shop(), date.id, int(capacity), deed=deed)
            return f"{words.count(int(capacity), 'place', 'places')} on {of(date)[0]}."

        dialogs.carry_out(f"date-places-{date.id}", act)


@st.dialog("Take a date off", icon=":material/event_busy:", on_dismiss=dialogs.close)
def _take_off(date: DateView) -> None:
    gate.me()
    st.markdown(f"**{of(date)[0]}** is offered no more. Nobody has a place on it.")
    if st.button("Take it off", type="primary", key="date-end-do"):

        def act(deed: Deed) -> str:
            dates.take_off(process.shop(), date.id, deed=deed)
            return f"{of(date)[0]} is not offered any more."

        dialogs.carry_out(f"date-end-{date.id}", act)

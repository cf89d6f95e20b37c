from datetime import timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import streamlit as st

from core.attendance import dates as changes
from core.attendance import waiting
from core.attendance.dates import Concerned
from core.foundation import settings
from core.kinds.places.waiting_list import Waiting
from core.kinds.workshops import Times
from core.owner.shelves import checking
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import workshops
from core.registers.workshops import DateRow, DateSheet, PersonRow, WaitingRow
from storefront import dates, frame, links, process, unsaved, words
from storefront.back_office import dialogs, gate, lists
from storefront.product_forms.dates import NO_TIME, choose_beginning, choose_length
from storefront.workshops import places_bar

shop = process.shop()
STATES = {
    Waiting.WAITING: ":gray-badge[Waits]", Waiting.OFFERED: ":orange-badge[Offered]", Waiting.PAYING: ":blue-badge[Pays]",
    Waiting.LAPSED: ":gray-badge[Offer ran out]",
}  # fmt: skip


def told(about: Concerned) -> str:
    """Whom a change concerns, in a sentence."""
    people = f"**{words.count(about.people, 'person', 'people')}** from {words.count(about.orders, 'order', 'orders')}"
    found = [f"{people} {'is' if about.people == 1 else 'are'} told by a letter with the change for their calendar"]
    if about.waiting:
        found.append(f"{words.count(about.waiting, 'entry', 'entries')} on the waiting list")
    if about.paying:
        found.append(f"{words.count(about.paying, 'place is', 'places are')} held by somebody who is paying right now")
    return "; ".join(found) + "."


@st.dialog("Move the date", icon=":material/event_repeat:", on_dismiss=dialogs.close)
def move(sheet: DateSheet) -> None:
    """When instead, and who is told."""
    gate.me()
    times = sheet.row.times
    zones = sorted(settings.zones())
    zone = st.selectbox("Time zone", zones, zones.index(times.timezone), key="move-zone") or times.timezone
    there = times.starts_at.astimezone(ZoneInfo(zone))
    starts = choose_beginning(zone, there.date(), there.time(), "move")
    length = (times.ends_at - times.starts_at) / timedelta(hours=1)
    hours = choose_length(st, length, "move-hours")
    st.markdown(told(sheet.concerned))
    if dialogs.button("Move it and tell them", "move-do", lacks="" if starts else NO_TIME) and starts:

        def act(deed: Deed) -> str:
            ends = starts + timedelta(seconds=round(checking.hours(hours) * 3600))
            new = Times(sheet.row.id, starts, ends, zone)
            changes.move(shop, sheet.row.id, new, agreed=sheet.concerned, deed=deed)
            return f"It takes place on {dates.of(new)[0]} now. Letters to all of them are on their way."

        dialogs.carry_out("move", act)


@st.dialog("Cancel the date", icon=":material/event_busy:", on_dismiss=dialogs.close)
def cancel(sheet: DateSheet) -> None:
    """Who is told, and what goes back."""
    gate.me()
    st.markdown(told(sheet.concerned))
    st.markdown(
        "All that was paid for these places goes back, order by order. **This can't be undone.**"
        if sheet.concerned.people
        else "Nobody has a place on it."
    )
    if st.button("Cancel it and pay back", type="primary", key="cancel-do"):

        def act(deed: Deed) -> str:
            changes.cancel(shop, sheet.row.id, agreed=sheet.concerned, deed=deed)
            return "The date is canceled. Letters and refunds are on their way; how far they are stands here."

        dialogs.carry_out("cancel", act)


@st.dialog("Write to everybody", icon=":material/mail:", on_dismiss=dialogs.close)
def write(sheet: DateSheet) -> None:
    """A letter to all who have a place."""
    gate.me()
    date_id = sheet.row.id
    form = unsaved.Form(
        f"letter:{date_id}", f"Letter to everybody, {sheet.row.product}", links.WORKSHOP, date_id, in_dialog=True
    )
    keys = f"write-subject-{date_id}", f"write-text-{date_id}"
    with unsaved.fields(form):
        subject = st.text_input("Subject", key=keys[0], max_chars=200, persist_state=unsaved.KEPT) or ""
        text = st.text_area(
            "Text", key=keys[1], height=180, max_chars=changes.MOST_LETTERS, persist_state=unsaved.KEPT
        ) or ""  # fmt: skip
    unsaved.note(form, bool(subject.strip() or text.strip()))
    words.quiet(
        f"Goes to {words.count(sheet.concerned.people, 'person', 'people')} who have a place, each by a letter of their own."
    )
    if st.button("Send it", type="primary", key="write-do"):

        def act(deed: Deed) -> str:
            number = changes.write(shop, sheet.row.id, subject, text, deed=deed)
            frame.kept(*keys)
            unsaved.note(form, False)
            return f"The letter is on its way to {words.count(number, 'person', 'people')}."

        dialogs.carry_out("write", act)
    unsaved.draw(form, lambda: unsaved.empty(form, *keys))


def draw_buttons(row: DateRow, me: Staff) -> None:
    """What can be done with the date."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.page_link(
            links.CHECK_IN, label="Check-in", icon=":material/how_to_reg:", query_params={"id": row.id}, help=""
        )
        if me.may(Action.EXPORT):
            address = f"/api/owner/attendees.csv?date={quote(row.id, safe='')}"
            st.link_button("Export as CSV", address, icon=":material/download:", type="tertiary")
        if row.canceled_at:
            return
        buttons = [("write", "Write to everybody", "mail", Action.ATTENDEES)]
        if row.times.starts_at > shop.now():
            buttons += [
                ("move", "Move the date", "event_repeat", Action.DATES),
                ("cancel", "Cancel and pay back", "event_busy", Action.DATES),
            ]
        for name, label, icon, action in buttons:
            if me.may(action):
                st.button(
                    label, type="tertiary", icon=f":material/{icon}:", key=f"open-{name}", on_click=dialogs.opener(name)
                )


def draw_person(row: PersonRow) -> None:
    """Somebody who has a place, or had one."""
    state = (
        ":gray-badge[Canceled]" if row.canceled
        else ":green-badge[:material/check: Here]" if row.checked_in_at
        else "" if row.open else ":orange-badge[Closed]"
    )  # fmt: skip
    with lists.row(row.attendee_id, f"**{words.plain(row.name)}** &nbsp; {state}", row.order):
        if row.email != row.name:
            words.quiet(words.plain(row.email))


def draw_waiting(row: WaitingRow, me: Staff, free: int) -> None:
    """Somebody who waits, and the offer that can be made."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"waits-{row.id}"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{words.plain(row.email)}** &nbsp; {STATES.get(row.state, '')}")
            until = (
                f", held until {row.offer_until:%-d %b, %H:%M} UTC"
                if row.state is Waiting.OFFERED and row.offer_until
                else ""
            )
            words.quiet(f"{words.count(row.places, 'place', 'places')}, since {dates.day(row.since)}{until}")
        waits = row.state in (Waiting.WAITING, Waiting.LAPSED)
        if waits and row.places <= free and me.may(Action.ATTENDEES):
            st.button(
                "Offer it", type="tertiary", icon=":material/redeem:", key=f"offer-{row.id}",
                on_click=lists.click, args=(f"offer-{row.id}-{row.state}", lambda deed: offer(row, deed)),
            )  # fmt: skip


def offer(row: WaitingRow, deed: Deed) -> str:
    """Offer free places to this one."""
    waiting.offer(shop, row.id, deed=deed)
    return f"Held for {words.plain(row.email)}, who gets a letter."


def draw(sheet: DateSheet, me: Staff) -> None:
    """The whole page of a date."""
    row = sheet.row
    day, hours = dates.of(row.times)
    links.back(links.WORKSHOPS, "Workshops")
    st.title(words.plain(row.product), anchor=False)
    st.markdown(f":material/event: **{words.plain(day)}**  \n:material/schedule: {words.plain(hours)}")
    lists.draw_said()
    places_bar.draw(row)
    draw_buttons(row, me)
    st.header("People", anchor=False)
    text = lists.search("Search people", "Name, email or order")
    with shop.reading() as session:
        people = workshops.people(session, row.id, text, canceled=True)
    if not people:
        lists.draw_nothing("people", "**Nobody here.** Whoever has a place on this date stands here.")
    for each in people:
        draw_person(each)
    if len(people) == workshops.MOST_PEOPLE:
        words.quiet(f"The first {workshops.MOST_PEOPLE}. Type a name to find somebody else.")
    if sheet.waiting:
        st.header("Waiting list", anchor=False)
    with frame.portion(sheet.waiting, "waiting") as some:
        for entry in some:
            draw_waiting(entry, me, row.free)
    if sheet.messages:
        st.header("Letters to everybody", anchor=False)
    for message in sheet.messages:
        with st.expander(words.plain(f"{message.subject}, {dates.day(message.created_at)}")):
            st.text(message.text)
            words.quiet(f"By {words.plain(message.sent_by)}, to {words.count(message.receivers, 'person', 'people')}")


me = gate.me()
with frame.column(1180):
    with shop.reading() as session:
        found = workshops.sheet(session, lists.asked("id"))
    if found is None:
        st.title("No such date", anchor=False)
        links.to(links.WORKSHOPS, "All workshops", "arrow_back")
        st.stop()
    draw(found, me)
    for name, dialog in (("move", move), ("cancel", cancel), ("write", write)):
        if dialogs.is_open(name):
            dialog(found)

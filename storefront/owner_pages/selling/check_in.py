from collections.abc import Callable
from datetime import timedelta

import streamlit as st

from core.attendance import check_in
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import workshops
from core.registers.workshops import DateRow, PersonRow
from storefront import dates, frame, links, process, words
from storefront.back_office import gate, lists

shop = process.shop()
# As many as a thumb scrolls through: whoever looks for somebody else types a name.
MOST = 60


def tick(row: PersonRow, deed: Deed) -> str:
    """They are here."""
    check_in.check_in(shop, row.attendee_id, deed=deed)
    return f"{words.plain(row.name)} is here."


def undo(row: PersonRow, deed: Deed) -> str:
    """They are not here after all."""
    check_in.undo(shop, row.attendee_id, deed=deed)
    return f"{words.plain(row.name)} is not checked in any more."


def draw_person(row: PersonRow, me: Staff) -> None:
    """Somebody who may come, with one large button."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"listed-guest-{row.attendee_id}"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{words.plain(row.name)}**")
            words.quiet(f"{words.plain(row.email)} · {row.order.number}")
        if not row.open:
            st.markdown(":orange-badge[Don't let in]")
        elif row.checked_in_at:
            st.markdown(":green-badge[:material/check: Here]")
            if me.may(Action.ATTENDEES):
                draw_button(row, "Undo", "undo", undo)
        elif me.may(Action.ATTENDEES):
            draw_button(row, "Check in", "check", tick)


def draw_button(row: PersonRow, label: str, icon: str, act: Callable[[PersonRow, Deed], str]) -> None:
    """A button that does it at once: here a dialog would be one tap too many."""
    name = f"{label}-{row.attendee_id}-{row.checked_in_at}"
    st.button(
        label, type="primary" if label == "Check in" else "tertiary", icon=f":material/{icon}:",
        key=f"{label.lower().replace(' ', '-')}-{row.attendee_id}", on_click=lists.click,
        args=(name, lambda deed: act(row, deed)),
    )  # fmt: skip


def draw(row: DateRow, me: Staff) -> None:
    """The list of a date, those who are still to come first."""
    links.back(links.WORKSHOPS, "Workshops")
    st.title("Check-in", anchor=False)
    words.quiet(f"{words.plain(row.product)}, {words.plain(dates.of(row.times)[0])}")
    if row.canceled_at:
        st.warning("This date is canceled.", icon=":material/event_busy:")
        return
    st.progress(row.checked_in / row.sold if row.sold else 0.0, text=f"**{row.checked_in} of {row.sold}** are here.")
    lists.draw_said()
    text = lists.search("Search people", "Name, email or order")
    with shop.reading() as session:
        people = workshops.people(session, row.id, text)
    if not people:
        more = "Type less of the name." if text else "No place is sold here yet."
        lists.draw_nothing("people", f"**Nobody here.** {more}")
    for each in sorted(people, key=lambda each: each.checked_in_at is not None)[:MOST]:
        draw_person(each, me)
    if len(people) > MOST:
        words.quiet(f"{MOST} of {len(people)}. Type a name to find somebody else.")
    if me.may(Action.ATTENDEES):
        words.quiet("Or scan the code of a ticket with your camera: while you are signed in here, that checks it in.")


@st.fragment(run_every=timedelta(seconds=20))
def keep_up(drawn: DateRow) -> None:
    """Draw the page anew when somebody else has checked people in at the same door."""
    with shop.reading() as session:
        newest = workshops.sheet(session, drawn.id)
    if newest and newest.row != drawn:
        st.rerun()


me = gate.me()
with frame.column(640):
    with shop.reading() as session:
        found = workshops.sheet(session, lists.asked("id"))
    if found is None:
        st.title("No such date", anchor=False)
        links.to(links.WORKSHOPS, "All workshops", "arrow_back")
        st.stop()
    draw(found.row, me)
    keep_up(found.row)

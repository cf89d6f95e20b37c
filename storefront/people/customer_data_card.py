"""What is held about a customer: handed out as a file, joined with another's, or erased, each shown before it is done."""

from html import escape

import streamlit as st

from core.foundation.errors import CustomerNotFound
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.privacy import erasure
from core.privacy.erasure import Erased
from core.registers import customers
from core.registers.customers import CustomerSheet, Merging
from storefront import frame, process, words
from storefront.back_office import dialogs, gate, refusals

_MERGE, _ERASE, _SHOWN = "merge", "erase", "merge-shown"


def draw(sheet: CustomerSheet, me: Staff) -> None:
    """The ways to it, as far as whoever is here may."""
    if not (me.may(Action.EXPORT) or me.may(Action.ERASE)):
        return
    with frame.card("data", gap="xsmall"):
        st.header("Their data", anchor=False)
        if me.may(Action.EXPORT):
            address = f"/api/owner/customers/{escape(sheet.row.id)}.json"
            said = f'<a href="{address}" download target="_self">Download all you hold about them</a>'
            st.html(f'<div class="files plain">{said}</div>')
        if me.may(Action.READDRESS):
            st.button(
                "Merge with another customer", type="tertiary", icon=":material/merge:", key="open-merge",
                on_click=dialogs.opener(_MERGE),
            )  # fmt: skip
        if me.may(Action.ERASE):
            st.button(
                "Erase", type="tertiary", icon=":material/person_off:", key="open-erase",
                on_click=dialogs.opener(_ERASE),
            )  # fmt: skip
    if dialogs.is_open(_MERGE):
        merge(sheet)
    if dialogs.is_open(_ERASE):
        erase(sheet)


@st.dialog("Merge with another customer", icon=":material/merge:", on_dismiss=dialogs.close)
def merge(sheet: CustomerSheet) -> None:
    """Who is meant, what moves, and then it is done."""
    gate.me()
    st.markdown(f"Everything of the other becomes **{words.plain(sheet.row.email)}**'s. That can't be undone.")
    text = (st.text_input("The other's email, or the number of an order", key="merge-text") or "").strip()
    other = find(sheet, text) if text else None
    if other:
        draw_moving(other)
    # What was typed just before the click comes with it: nobody has read then what would move.
    meant, shown = (sheet.row.id, other), st.session_state.get(_SHOWN)
    st.session_state[_SHOWN] = meant
    unread = "This is what moves. If that is meant, click once more." if meant != shown else ""
    if dialogs.button("Merge", "merge-do", lacks=unread if other else "Say first who the other is.") and other:

        def act(deed: Deed) -> str:
            customers.merge(process.shop(), sheet.row.id, other.customer_id, deed=deed)
            return f"{words.plain(other.address)} is theirs now, with all that belonged to it."

        dialogs.carry_out(_MERGE, act)


def find(sheet: CustomerSheet, text: str) -> Merging | None:
    """Who is meant; says so if it is nobody."""
    try:
        return customers.merging(process.shop(), sheet.row.id, text)
    except CustomerNotFound:
        st.warning("That is no other customer's address, nor the number of an order of one.", icon=":material/error:")
        return None


def draw_moving(other: Merging) -> None:
    """What moves."""
    addresses = ", ".join(words.plain(each) for each in other.addresses)
    notes = f" and {words.count(other.notes, 'note', 'notes')}" if other.notes else ""
    st.markdown(f"Moves: **{words.count(other.orders, 'order', 'orders')}**{notes}, and what goes to {addresses}.")
    if other.seats:
        st.markdown(f"Both have a seat of the same plan: **{words.count(other.seats, 'seat', 'seats')}** become free.")


@st.dialog("Erase a customer", icon=":material/person_off:", on_dismiss=dialogs.close)
def erase(sheet: CustomerSheet) -> None:
    """What goes, what the books keep, and what is still open."""
    gate.me()
    foreseen = erasure.preview(process.shop(), sheet.row.id)
    st.markdown(f"**{words.plain(sheet.row.name or sheet.row.email)}** will be forgotten. That can't be undone.")
    draw_taken(foreseen.takes)
    for each in foreseen.holds:
        st.warning(f"Not yet: {refusals.held(each.why, each.number)}", icon=":material/hourglass_top:")
    sure = st.checkbox("They asked for it, or there is no more reason to know them", key="erase-sure")
    if st.button("Erase for good", type="primary", key="erase-do", disabled=bool(foreseen.holds) or not sure):

        def act(deed: Deed) -> str:
            erasure.by_staff(process.shop(), sheet.row.id, deed=deed)
            return "They were erased."

        dialogs.carry_out(_ERASE, act)


def draw_taken(takes: Erased) -> None:
    """Both lists."""
    goes = {
        words.count(takes.addresses, "address", "addresses") + ", and their name wherever it stands": takes.addresses,
        words.count(takes.sign_ins, "sign-in", "sign-ins") + " and the codes for them": takes.sign_ins,
        words.count(takes.notes, "note", "notes") + " of your team": takes.notes,
        f"from where {words.count(takes.downloads, 'file was', 'files were')} taken": takes.downloads,
        f"who they are in {words.count(takes.events, 'event', 'events')} of Stripe's": takes.events,
        "who has their seats": takes.orders,
    }
    stays = [
        f"{words.count(takes.orders, 'order', 'orders')}: number, amounts, taxes, country and tax id, for the books",
        "licence keys that were bought, which go on working",
        "what Stripe itself knows: erase them in Stripe's dashboard too",
    ]
    for title, lines in (("Goes", [line for line, count in goes.items() if count]), ("Stays", stays)):
        st.markdown(f"**{title}**\n" + "\n".join(f"- {line}" for line in lines))

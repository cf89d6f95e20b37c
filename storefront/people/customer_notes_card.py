"""Notes about a customer, as the staff keep them for each other."""

import streamlit as st

from core.foundation.errors import ShopError
from core.people import customer_notes
from core.people.staff import Action, Staff
from core.registers.customers import CustomerSheet
from storefront import frame, process, words
from storefront.back_office import gate, refusals, states


def draw(sheet: CustomerSheet, me: Staff) -> None:
    """What was noted, with who and when, and a field for whoever may note something."""
    with frame.card("notes", gap="small"):
        st.header("Notes", anchor=False)
        if me.may(Action.NOTE):
            draw_form(sheet)
        for note in sheet.notes:
            with st.container(gap=None):
                st.markdown(words.plain(note.text))
                words.quiet(f"{words.plain(note.who)}, {states.moment(note.at)}")
        if not sheet.notes and not me.may(Action.NOTE):
            words.quiet("No notes.")


def draw_form(sheet: CustomerSheet) -> None:
    """The field."""
    with st.form("customer-note", border=False):
        text = st.text_area(
            "Note", key=f"customer-note-text-{sheet.row.id}", height=80, max_chars=2000, label_visibility="collapsed",
            placeholder="For your team. It is in what they are given if they ask what you hold about them.",
        )  # fmt: skip
        written = st.form_submit_button("Keep note") and not frame.is_kept(f"customer-note-text-{sheet.row.id}")
    if written and text.strip():
        keep(sheet, text)
    elif written:
        st.warning("Write the note first.", icon=":material/edit:")


def keep(sheet: CustomerSheet, text: str) -> None:
    """Keep it, and begin another."""
    try:
        customer_notes.write(process.shop(), sheet.row.id, text, deed=gate.deed("customer-note"))
    except ShopError as error:
        refusals.draw(error)
        return
    gate.open_token("customer-note")
    frame.kept(f"customer-note-text-{sheet.row.id}")
    st.rerun()

"""Notes about a customer, as the staff keep them for each other."""

import streamlit as st

from core.foundation.errors import ShopError
from core.people import customer_notes
from core.people.staff import Action, Staff
from core.registers.customers import CustomerSheet
from storefront import frame, links, process, unsaved, words
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
    key = f"customer-note-text-{sheet.row.id}"
    form = unsaved.Form(key, f"Note on {sheet.row.email}", links.CUSTOMER, sheet.row.id)
    with unsaved.fields(form):
        text = st.text_area(
            "Note", key=key, height=80, max_chars=2000, label_visibility="collapsed", persist_state=unsaved.KEPT,
            placeholder="For your team. It is in what they are given if they ask what you hold about them.",
        )  # fmt: skip
    unsaved.note(form, bool(text.strip()))
    written = st.button("Save note", key="customer-note-do") and not frame.is_kept(key)
    unsaved.draw(form, lambda: unsaved.empty(form, key))
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

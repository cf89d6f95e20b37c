"""Dialogs: which one is open, and the click that it stands for. A double click or a rerun finds the same click, done already."""

from collections.abc import Callable

import streamlit as st

from core.foundation.errors import ShopError
from core.people.deeds import Deed
from storefront import frame
from storefront.back_office import gate, refusals

_OPEN, SAID = "dialog", "said"
_PLACE = "dialog-place"


def opener(name: str) -> Callable[[], None]:
    """A callback that opens a dialog, which is a click of its own from then on."""

    def open_it() -> None:
        st.session_state[_OPEN] = name
        gate.open_token(name)

    return open_it


def is_open(name: str) -> bool:
    """Whether this dialog is to be drawn."""
    return bool(st.session_state.get(_OPEN) == name)


def close() -> None:
    """Draw none any more."""
    st.session_state.pop(_OPEN, None)


def keep_to(place: str) -> None:
    """Close what was left open elsewhere, as by the browser's Back: on the next order or date it would open by itself, and be about
    that one."""
    if st.session_state.get(_PLACE) != place:
        close()
        frame.tell_no_more()
    st.session_state[_PLACE] = place


def button(label: str, key: str, *, lacks: str = "") -> bool:
    """The button that does it, and whether it was pressed while nothing `lacks`; else what does is said.

    It is there from the beginning: one that waits for a field to be left would lose the click by which it is left.
    """
    pressed = st.button(label, type="primary", key=key)
    if pressed and lacks:
        st.warning(lacks, icon=":material/edit:")
    return pressed and not lacks


def carry_out(name: str, act: Callable[[Deed], str]) -> None:
    """Do it, close the dialog and say what was done; or say in the dialog why not."""
    try:
        said = act(gate.deed(name))
    except ShopError as error:
        refusals.draw(error)
        return
    st.session_state[SAID] = said
    close()
    st.rerun()


def draw_said() -> None:
    """What the last dialog came to."""
    if said := frame.told(SAID):
        st.success(said, icon=":material/check_circle:")

"""Clicks of somebody who is signed in: done for whoever that is at this moment, and told on the page that follows."""

from collections.abc import Callable

import streamlit as st

from core.foundation.errors import ShopError
from core.languages.sentences import _
from storefront import frame, sentences, visitor

_SAID = "library-said"


def carry_out(where: str, act: Callable[[str], str]) -> None:
    """Do it and draw the page anew, with what `act` returns or why it was not done, to be read at this place of it. The second of
    two clicks there does nothing: what came of the first one is said."""
    if frame.is_second(where):
        st.rerun()
    email = visitor.signed_in()
    try:
        said = (True, act(email)) if email else (False, _(sentences.SIGNED_OUT))
    except ShopError as error:
        said = False, sentences.of(error)
    st.session_state[f"{_SAID}-{where}"] = said
    st.rerun()


def draw_said(where: str) -> None:
    """What the last click at this place came to."""
    if said := frame.told(f"{_SAID}-{where}"):
        draw = st.success if said[0] else st.warning
        draw(said[1], icon=":material/check_circle:" if said[0] else ":material/error:")

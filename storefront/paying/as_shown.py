"""What a page showed of what is to be paid: whoever clicks means that, and not what it has become since the page was drawn."""

from collections.abc import Hashable

import streamlit as st

from core.languages.sentences import _, marked

CHANGED = marked("This is not as you saw it any more: it has changed meanwhile. Look at it, and click once more.")
_SHOWN = "shown-to-pay"


def is_another(place: str, shown: Hashable) -> bool:
    """Whether this place of a page showed something else when it was drawn last. Remembers what it shows now."""
    places: dict[str, Hashable] = st.session_state.setdefault(_SHOWN, {})
    before = places.get(place, shown)
    places[place] = shown
    return before != shown


def let_change(place: str) -> None:
    """Take what this place shows next for what is meant: it is changed here."""
    st.session_state.get(_SHOWN, {}).pop(place, None)


def explain() -> None:
    """Say that the click did nothing, and why."""
    st.warning(_(CHANGED), icon=":material/sync_problem:")

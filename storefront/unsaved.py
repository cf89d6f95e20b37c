"""What was typed on the owner's side and is not saved yet: it stands in its form still when one comes back from another page, and
the browser asks before it is lost with the tab.

Streamlit lets go of what stands in the fields of a page that is left, unless they are drawn with `persist_state="session"`, as all
of such a form are. What has been typed is known to a form once its fields are drawn: it says so here, each time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from storefront import frame, words

_NUMBERS, _BEGUN, _TYPED, _PLACE, _ARRIVED = "form-numbers", "form-begun", "form-typed", "form-place", "form-arrived"
# How the fields of such a form are drawn.
KEPT: Literal["session"] = "session"


@dataclass(frozen=True)
class Form:
    """A form, by a name that no other one has: its `title` is what one comes back to, by the page and the id in its address.
    One that stands in a dialog is out of sight also on its page."""

    name: str
    title: str
    page: str
    id: str = ""
    in_dialog: bool = False

    @property
    def key(self) -> str:
        """What the keys of its fields end with: another one once they begin anew, or they would go on holding what they held."""
        numbers: dict[str, int] = st.session_state.get(_NUMBERS, {})
        return f"{self.name}-{numbers.get(self.name, 0)}"


def arrive(place: str) -> None:
    """Take notice of the page that is about to be drawn, by its address."""
    state = st.session_state
    state[_ARRIVED] = state.get(_PLACE) != place
    state[_PLACE] = place


def has_arrived() -> bool:
    """Whether the page is drawn because somebody has come to it, not by what they do on it."""
    return bool(st.session_state.get(_ARRIVED))


def fields(form: Form) -> Any:
    """Where its fields are drawn: also what is being typed there, and has not come to the server yet, is asked about."""
    return st.container(key=f"typed-{form.name}")


def is_typed(form: Form) -> bool:
    """Whether anything in it was not saved when it was last drawn."""
    return form.name in _typed()


def note(form: Form, typed: bool) -> None:
    """Remember whether anything in it is not saved."""
    if typed:
        _typed()[form.name] = form, "" if form.in_dialog else str(st.session_state.get(_PLACE, ""))
    else:
        _typed().pop(form.name, None)


def note_fields(form: Form, *more: str) -> None:
    """Remember whether its fields, and those of these keys as well, hold anything but what they did when they were drawn first."""
    state = st.session_state
    began: dict[str, object] = state.setdefault(_BEGUN, {}).setdefault(form.name, {})
    held = {str(key): state[key] for key in (*_keys(form), *(each for each in more if each in state))}
    for key, value in held.items():
        began.setdefault(key, value)
    note(form, any(began[key] != value for key, value in held.items()))


def begin_anew(form: Form) -> None:
    """Let go of what was typed: from the next run on its fields hold what they are drawn with."""
    state = st.session_state
    for key in _keys(form):
        del state[key]
    state.get(_BEGUN, {}).pop(form.name, None)
    numbers: dict[str, int] = state.setdefault(_NUMBERS, {})
    numbers[form.name] = numbers.get(form.name, 0) + 1
    note(form, False)


def empty(form: Form, *keys: str) -> None:
    """Let go of what was typed in the fields of these keys. For a callback, before they are drawn."""
    st.session_state.update(dict.fromkeys(keys, ""))
    note(form, False)


def draw(form: Form, discard: Callable[[], None]) -> None:
    """Say that something is not saved yet, if so, with the button that lets go of it."""
    if is_typed(form):
        with st.container(key="unsaved", horizontal=True, vertical_alignment="center", gap="small"):
            words.quiet("What you typed is not saved yet.", width="content")
            st.button(
                "Discard it", type="tertiary", icon=":material/undo:", key=f"discard-{form.name}", on_click=discard
            )


def draw_elsewhere() -> None:
    """The way back to what was typed on other pages."""
    here = st.session_state.get(_PLACE)
    elsewhere = [form for form, place in _typed().values() if place != here]
    if elsewhere:
        with (
            frame.column(1180),
            st.container(key="unsaved-elsewhere", horizontal=True, vertical_alignment="center", gap="small"),
        ):
            words.quiet("Not saved yet:", width="content")
            for each in elsewhere:
                st.page_link(
                    each.page, label=words.plain(each.title), icon=":material/edit_note:",
                    query_params={"id": each.id} if each.id else {},
                )  # fmt: skip


def _typed() -> dict[str, tuple[Form, str]]:
    found: dict[str, tuple[Form, str]] = st.session_state.setdefault(_TYPED, {})
    return found


def _keys(form: Form) -> Iterable[str]:
    return [str(key) for key in st.session_state if str(key).endswith(f"-{form.key}")]

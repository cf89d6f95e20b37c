"""Lists of the owner's side: a filter that stands in the address, the way to the rows before and after, and clicks on a row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import streamlit as st

from core.foundation.errors import ShopError
from core.people.deeds import Deed
from core.registers.order_names import OrderName
from core.registers.paging import Place
from storefront import frame, links, words
from storefront.back_office import dialogs, gate, refusals

_TROUBLE = "not-done"


def asked(name: str) -> str:
    """What the address says under this name, without the one character that PostgreSQL takes in no text."""
    return str(st.query_params.get(name, "")).replace("\0", "")


def place() -> Place:
    """Where in the list one is, as the address says it."""
    return Place(after=asked("after"), before=asked("before"))


def choice(label: str, options: Sequence[str], names: Mapping[Any, str], *, name: str) -> str:
    """One of these options, or none, as the address says it and as it is chosen here; nonsense is none."""
    key = f"f-{name}"
    frame.follow(key, asked(name) if asked(name) in options else None)
    chosen = st.pills(
        label, options, key=key, format_func=lambda option: names[option], label_visibility="collapsed",
        on_change=_say, args=(name,),
    )  # fmt: skip
    return chosen or ""


def switch(label: str, views: Mapping[str, str], *, name: str) -> str:
    """One of these views, the first unless the address says another; to choose one begins anew."""
    key, first = f"f-{name}", next(iter(views))
    frame.follow(key, asked(name) if asked(name) in views else first)
    chosen = st.segmented_control(
        label, list(views), key=key, format_func=views.__getitem__, label_visibility="collapsed", required=True,
        on_change=lambda: st.query_params.from_dict({name: st.session_state[key]}),
    )  # fmt: skip
    return chosen or first


def search(label: str, placeholder: str, *, name: str = "text") -> str:
    """What is looked for, as the address says it and as it is typed here."""
    key = f"f-{name}"
    frame.follow(key, asked(name)[:100])
    typed = st.text_input(
        label, type="search", key=key, placeholder=placeholder, label_visibility="collapsed", max_chars=100, width=360,
        on_change=_say, args=(name,),
    )  # fmt: skip
    return (typed or "").strip()


def _say(name: str) -> None:
    """Bring what a field holds into the address; the list then begins anew."""
    value = str(st.session_state.get(f"f-{name}") or "").strip()
    begin_anew(name, value)


def begin_anew(name: str, value: str = "") -> None:
    """Let the address say this under this name, or nothing, and the list begin with its first rows."""
    said = {key: value for key, value in st.query_params.to_dict().items() if key not in (name, "after", "before")}
    st.query_params.from_dict(said | ({name: value} if value else {}))


def draw_paging(before: str, after: str) -> None:
    """To the rows before and after these, where there are any."""
    if not (before or after):
        return
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.button(
            "Previous", icon=":material/arrow_back:", key="leaf-back", disabled=not before,
            on_click=_leaf, kwargs={"before": before},
        )  # fmt: skip
        st.button(
            "Next", icon=":material/arrow_forward:", icon_position="right", key="leaf-on", disabled=not after,
            on_click=_leaf, kwargs={"after": after},
        )  # fmt: skip


def draw_onward(following: str, *, first: str = "To the newest") -> None:
    """To the rows that follow in a list which is read one way, as far as there are any, and back to where it begins."""
    here = asked("after")
    if not (here or following):
        return
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.button(first, icon=":material/first_page:", key="leaf-first", disabled=not here, on_click=_leaf)
        st.button(
            "Next", icon=":material/arrow_forward:", icon_position="right", key="leaf-on", disabled=not following,
            on_click=_leaf, kwargs={"after": following},
        )  # fmt: skip


def _leaf(**where: str) -> None:
    said = {key: value for key, value in st.query_params.to_dict().items() if key not in ("after", "before")}
    st.query_params.from_dict(said | where)


@contextmanager
def row(row_id: str, title: str, order: OrderName | None) -> Iterator[None]:
    """A row with its order on the right, which is below it on phones."""
    with st.container(key=f"row-{row_id}", horizontal=True, horizontal_alignment="distribute", gap="small"):
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(title)
            yield
        if order:
            with st.container(width="content", gap=None, horizontal_alignment="right"):
                st.page_link(links.ORDER, label=f"**{order.number}**", query_params={"id": order.id}, help="")
                words.quiet(words.plain(order.name or order.email))


def draw_nothing(key: str, text: str) -> None:
    """No rows, and what that means."""
    with st.container(border=True, horizontal_alignment="center", key=f"box-no-{key}"):
        st.markdown(text)


def click(name: str, act: Callable[[Deed], str]) -> None:
    """Do what a button beside a row stands for, and keep what came of it for the page that follows.

    The name is that of the row as it stands: once it stands otherwise, a click is another one.
    """
    try:
        st.session_state[dialogs.SAID] = act(gate.deed(name))
    except ShopError as error:
        st.session_state[_TROUBLE] = refusals.of(error)
        gate.open_token(name)


def switch_over(key: str, name: str, act: Callable[[Deed], str]) -> None:
    """The same for a button of this key that switches something on and off: two clicks in a row are one."""
    if not frame.is_second(key):
        click(name, act)


def draw_said() -> None:
    """What the last click came to."""
    dialogs.draw_said()
    if trouble := st.session_state.pop(_TROUBLE, None):
        st.warning(trouble, icon=":material/error:")

"""The form by which people sign in: an address, then the six digits that were sent to it. Buyers and staff use the same."""

from dataclasses import dataclass
from urllib.parse import quote

import streamlit as st

from core.foundation.errors import LinkExpired, LinkInvalid, ShopError
from core.people import codes, sign_in
from storefront import links, process, sentences, visitor, words

_CODE_FOR, _TROUBLE = "code_for", "trouble"


@dataclass(frozen=True)
class Entrance:
    """What somebody signs in to: the address of its page, and what the link to it is called."""

    path: str
    label: str


def draw(entrance: Entrance, *, intro: str, prefilled: str = "") -> None:
    """The field for the address or, once a code is on its way, the one for its digits."""
    if email := st.session_state.get(_CODE_FOR):
        _draw_code_form(entrance, email)
    else:
        st.markdown(intro)
        _draw_email_form(prefilled)


def enter(entrance: Entrance, ticket: str) -> None:
    """Let the sidecar set the cookie, which a page cannot, and go on to the page."""
    links.redirect(f"/api/sign-in/{quote(ticket)}?next={entrance.path}", entrance.label)
    st.stop()


OFFICE = Entrance("/owner", "Open the back office")


def draw_demo_button() -> None:
    """Shows the demo as its owner sees it. Core refuses wherever real money could move."""
    if st.button("See it as the owner", icon=":material/monitoring:", key="as-owner"):
        enter(OFFICE, sign_in.as_demo_owner(process.shop()))


def awaits_code() -> bool:
    """Whether a code was sent and is still to be typed."""
    return bool(st.session_state.get(_CODE_FOR))


def forget() -> None:
    """Begin with the address again the next time."""
    st.session_state.pop(_CODE_FOR, None)


def _draw_email_form(prefilled: str) -> None:
    with st.form("ask-for-code", border=False):
        st.text_input("Email", prefilled, type="email", autocomplete="email", required=True, key="email")
        st.form_submit_button("Send code", type="primary", width="stretch", on_click=_send_code)
    _draw_trouble()


def _draw_code_form(entrance: Entrance, email: str) -> None:
    st.markdown(f"We sent a code to **{words.plain(email)}**. It works for {codes.CODE_MINUTES} minutes.")
    with st.form("enter-code", border=False, clear_on_submit=True):
        digits = st.text_input(
            "Six-digit code", max_chars=6, required=True, autocomplete="one-time-code", placeholder="000000",
            validate=(r"^\d{6}$", "Type the six digits from the email."),
        )  # fmt: skip
        submitted = st.form_submit_button("Sign in", type="primary", width="stretch")
    if submitted and digits:
        _try_code(entrance, email, digits)
    _draw_trouble()
    with st.container(horizontal=True):
        st.button("Use another email", type="tertiary", icon=":material/arrow_back:", on_click=forget)
        st.button("Send a new code", type="tertiary", icon=":material/refresh:", on_click=_send_code)


def _send_code() -> None:
    state = st.session_state
    email = state.get("email") or state.get(_CODE_FOR) or ""
    try:
        sign_in.request_code(process.shop(), email, visitor.sender())
    except ShopError as error:
        state[_TROUBLE] = sentences.of(error)
    else:
        state[_CODE_FOR] = email.strip()


def _try_code(entrance: Entrance, email: str, digits: str) -> None:
    try:
        ticket = sign_in.by_code(process.shop(), email, digits, visitor.sender())
    except LinkInvalid:
        st.session_state[_TROUBLE] = "That isn't the code. Check the six digits in the newest email."
    except LinkExpired:
        st.session_state[_TROUBLE] = "That code has run out. Send a new one."
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        enter(entrance, ticket)


def _draw_trouble() -> None:
    """What went wrong with the last click."""
    if trouble := st.session_state.pop(_TROUBLE, None):
        st.warning(words.plain(trouble), icon=":material/error:")

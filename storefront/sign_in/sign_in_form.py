"""The form by which people sign in: an address, then the six digits that were sent to it. Buyers and staff use the same."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from urllib.parse import quote

import streamlit as st

from core.foundation import addresses
from core.foundation.errors import LinkExpired, LinkInvalid, ShopError
from core.languages.sentences import _, marked, ngettext
from core.people import codes, sign_in
from core.people.codes import Awaited
from storefront import links, process, sentences, visitor, words

_WAITS, _FORGOTTEN, _TROUBLE = "code_for", "code_forgotten", "trouble"


@dataclass(frozen=True)
class Entrance:
    """What somebody signs in to: the address of its page, and what the link to it is called."""

    path: str
    label: str


def draw(entrance: Entrance, *, intro: str, known: str = "") -> None:
    """The field for the address or, once a code is on its way, the one for its digits, also after the page was loaded anew.

    Somebody may have come by a link that was sent to a `known` address: it is not shown in full, and needs no typing.
    """
    if found := awaited():
        _draw_code_form(entrance, found)
        return
    # The gate of the owner's side says so itself.
    if entrance.label != OFFICE.label and visitor.was_signed_out():
        st.warning(_(sentences.SIGNED_OUT), icon=":material/logout:")
    st.markdown(intro)
    if known and not st.session_state.get(_FORGOTTEN):
        _draw_known(known)
    else:
        _draw_email_form()
    _draw_trouble()


def enter(entrance: Entrance, ticket: str) -> None:
    """Let the sidecar set the cookie, which a page cannot, and go on to the page."""
    handed = sign_in.handed_to(process.shop(), ticket, visitor.browser_id())
    links.redirect(f"/api/sign-in/{quote(handed)}?next={quote(entrance.path)}", _(entrance.label))
    st.stop()


OFFICE = Entrance("/owner", marked("Open the back office"))


def draw_demo_button(entrance: Entrance = OFFICE) -> None:
    """Shows the demo as its owner sees it. Core refuses wherever real money could move."""
    if st.button(_("See it as the owner"), icon=":material/monitoring:", key="as-owner"):
        enter(entrance, sign_in.as_demo_owner(process.shop()))


def awaited() -> Awaited | None:
    """The code that was sent and is still to be typed on this browser, or None."""
    state, shop = st.session_state, process.shop()
    if _WAITS not in state:
        with shop.reading() as session:
            state[_WAITS] = codes.awaited(session, visitor.browser_id(), now=shop.now())
    found: Awaited | None = state[_WAITS]
    return found


def forget() -> None:
    """Begin with the address again the next time."""
    st.session_state[_WAITS] = None


def _use_another() -> None:
    """Wait for no code on this browser any more, also after the page was loaded anew."""
    forget()
    st.session_state[_FORGOTTEN] = True
    shop = process.shop()
    with shop.transaction() as session:
        codes.await_no_more(session, visitor.browser_id())


def _draw_known(address: str) -> None:
    shown = words.plain(addresses.veiled(address))
    label = _("Send a code to {address}").format(address=shown)
    st.button(label, type="primary", width="stretch", key="send-known", on_click=_send_to, args=(address,))
    st.button(_("Use another email"), type="tertiary", icon=":material/arrow_back:", on_click=_use_another)


def _draw_email_form() -> None:
    with st.form("ask-for-code", border=False):
        st.text_input(_("Email"), type="email", autocomplete="email", key="email", validate=words.email_rule())
        st.form_submit_button(_("Send code"), type="primary", width="stretch", on_click=_send_code)
        st.form_submit_button(_("I have a code"), type="tertiary", width="stretch", on_click=_have_code)


def _draw_code_form(entrance: Entrance, found: Awaited) -> None:
    left = ceil((found.until - process.shop().now()).total_seconds() / 60)
    shown = addresses.veiled(found.address) if found.veiled else found.address
    told = (
        ngettext(
            "We sent a code to **{address}**. It works for {minutes} more minute.",
            "We sent a code to **{address}**. It works for {minutes} minutes.",
            left,
        )
        if left > 0
        else _("The code that we sent to **{address}** has run out. Send a new one.")
    )
    st.markdown(told.format(address=words.plain(shown), minutes=left))
    with st.form("enter-code", border=False, clear_on_submit=True):
        digits = st.text_input(
            _("Six-digit code"), max_chars=codes.MOST_TYPED, autocomplete="one-time-code", placeholder="000000",
            validate=(r"^\s*(\d\s*){6}$|^(.*\D)?\d{6}(\D.*)?$", _("Type the six digits from the email.")),
        )  # fmt: skip
        submitted = st.form_submit_button(_("Sign in"), type="primary", width="stretch")
    if submitted and digits:
        _try_code(entrance, found.address, digits)
    elif submitted:
        st.session_state[_TROUBLE] = _("Type the six digits from the email.")
    _draw_trouble()
    with st.container(horizontal=True):
        st.button(_("Use another email"), type="tertiary", icon=":material/arrow_back:", on_click=_use_another)
        st.button(_("Send a new code"), type="tertiary", icon=":material/refresh:", on_click=_send_again)


def _send_code() -> None:
    _send_to(str(st.session_state.get("email") or "").strip(), veiled=False)


def _send_again() -> None:
    found = awaited()
    if found:
        _send_to(found.address, veiled=found.veiled)


def _send_to(address: str, *, veiled: bool = True) -> None:
    try:
        sign_in.request_code(process.shop(), address, visitor.sender(), veiled=veiled)
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        _wait_for(address, veiled=veiled)


def _have_code() -> None:
    """Type a code that was asked for somewhere else, or on a browser that keeps no cookies."""
    try:
        address = addresses.checked(str(st.session_state.get("email") or ""), reachable=False)
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        _wait_for(address, veiled=False)


def _wait_for(address: str, *, veiled: bool) -> None:
    until = process.shop().now() + timedelta(minutes=codes.CODE_MINUTES)
    st.session_state[_WAITS] = Awaited(address, until, veiled)


def _try_code(entrance: Entrance, email: str, digits: str) -> None:
    try:
        ticket = sign_in.by_code(process.shop(), email, digits, visitor.sender())
    except LinkInvalid:
        st.session_state[_TROUBLE] = _("That isn't the code. Check the six digits in the email.")
    except LinkExpired:
        st.session_state[_TROUBLE] = _("That code has run out. Send a new one.")
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        enter(entrance, ticket)


def _draw_trouble() -> None:
    """What went wrong with the last click."""
    if trouble := st.session_state.pop(_TROUBLE, None):
        st.warning(words.plain(trouble), icon=":material/error:")

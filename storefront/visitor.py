"""The visitor whose page is being drawn: which browser it is, and who is signed in on it."""

import re

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.foundation import signing
from core.languages import catalogs
from core.people import sign_in, staff
from core.people.purchases import Viewer
from core.traffic import senders
from core.traffic.counting import Sender
from storefront import process

_KEPT, _CAME_IN = "external-id", "came-in"
# As `POST /checkout` takes it.
_REFERENCE = re.compile(r"[!-~]{1,200}")


def browser_id() -> str:
    """Which browser this is, or an empty string when it keeps no cookies."""
    return _in_cookie(signing.BROWSER_COOKIE, signing.BROWSER)


def sign_in_id() -> str:
    """The sign-in that this browser's cookie names, whether or not it still counts."""
    return _in_cookie(signing.SIGN_IN_COOKIE, signing.SIGN_IN)


def signed_in() -> str | None:
    """The address that is signed in here, or None. The database is asked each time: a cookie alone proves nothing."""
    claimed = sign_in_id()
    if not claimed:
        return None
    with process.shop().reading() as session:
        found = sign_in.who(session, claimed, now=process.shop().now())
    if found:
        st.session_state[_CAME_IN] = True
    return found


def was_signed_out() -> bool:
    """Whether somebody was signed in on this open page and is not any more, since they left in another tab, or it was long ago."""
    return bool(st.session_state.get(_CAME_IN)) and signed_in() is None


def viewer() -> Viewer:
    """Who looks at an order here. The database is asked who is signed in."""
    return Viewer(browser_id(), signed_in() or "", st.context.cookies.get(signing.ORDERS_COOKIE))


def works_here() -> bool:
    """Whether somebody who works here is signed in. Without a cookie nothing is asked."""
    shop, claimed = process.shop(), sign_in_id()
    if not claimed:
        return False
    with shop.reading() as session:
        return staff.of_sign_in(session, claimed, owners=shop.settings.owners, now=shop.now()) is not None


def household() -> str:
    """Where this visitor is on the network, for limits to count by."""
    # The server has looked through the proxies of TRUSTED_PROXIES. Streamlit does not name this machine itself.
    return senders.household_of(st.context.ip_address or "127.0.0.1")


def sender() -> Sender:
    """Who this visitor is to limits."""
    return Sender(household(), browser_id())


def remember_reference() -> None:
    """Keep the id that a page's address says this visitor has in the seller's own programs, until this tab is closed."""
    said = str(st.query_params.get("external_id", ""))
    if _REFERENCE.fullmatch(said):
        st.session_state[_KEPT] = said


def reference() -> str:
    """That id, or an empty string."""
    return str(st.session_state.get(_KEPT, ""))


def language() -> str:
    """What the page that is being drawn speaks: the browser's language if the shop has it, and English for who runs the shop.
    Empty where no page is drawn."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ""
    if st.session_state.get("in_office"):
        return catalogs.ENGLISH
    return catalogs.nearest(st.context.locale or "") or catalogs.default()


def _in_cookie(name: str, purpose: str) -> str:
    return signing.in_cookie(process.shop().signing_key, purpose, st.context.cookies.get(name))

"""Identity providers: those that `.streamlit/secrets.toml` names under `[auth]`, and what one has said of this visitor."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from core.foundation.errors import IdentityRefused, WhyRefused
from core.people import identity
from storefront import process
from storefront.sign_in import sign_in_form
from storefront.sign_in.sign_in_form import OFFICE

# One that is too old, or was used, is mostly what is left of an earlier sign-in.
_REFUSED = {
    WhyRefused.UNVERIFIED: "Your identity provider doesn't say that your email is verified. Sign in by a code instead.",
    WhyRefused.STRANGER: "The email of your identity provider is of nobody who works here.",
}


def offered() -> dict[str, str]:
    """The providers one may sign in by: what the button says, by the name that Streamlit knows. Most shops have none."""
    section = _section()
    named = {name: each for name, each in section.items() if isinstance(each, Mapping) and each.get("client_id")}
    found = {name: f"Sign in with {name.capitalize()}" for name in named}
    if section.get("client_id"):
        found["default"] = f"Sign in by {urlsplit(str(section.get('server_metadata_url') or '')).hostname}"
    return found


def draw_buttons() -> None:
    """A button for each."""
    for name, label in offered().items():
        if st.button(label, icon=":material/passkey:", width="stretch", key=f"login-{name}"):
            st.login(None if name == "default" else name)


def enter() -> str:
    """Go on to the owner's side, if a provider has let this visitor come back just now; else say why not, if there is a reason.

    What it said stays in a cookie of Streamlit's for weeks. Only its first minutes count, and only once.
    """
    claims = _claims()
    if not claims or not identity.is_fresh(process.shop(), claims):
        return ""
    try:
        ticket = identity.enter(process.shop(), claims)
    except IdentityRefused as refused:
        return _REFUSED.get(refused.why, "")
    sign_in_form.enter(OFFICE, ticket)
    return ""


def _claims() -> dict[str, Any]:
    return dict(st.user) if _section() and st.user.get("is_logged_in") else {}


def _section() -> Mapping[str, Any]:
    """What `[auth]` says, if there is such a file and the library that it needs."""
    if not st.secrets.load_if_toml_exists() or find_spec("authlib") is None:
        return {}
    found = st.secrets.get("auth")
    return found if isinstance(found, Mapping) else {}

"""Identity providers: those that `.streamlit/secrets.toml` names under `[auth]`, and what one has said of this visitor."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from core.foundation.errors import IdentityRefused, WhyRefused
from core.foundation.settings import Mistake
from core.people import identity
from storefront import process
from storefront.sign_in import sign_in_form
from storefront.sign_in.sign_in_form import OFFICE

# One that is too old, or was used, is mostly what is left of an earlier sign-in.
_REFUSED = {
    WhyRefused.UNVERIFIED: "Your identity provider doesn't say that your email is verified. Sign in by a code instead.",
    WhyRefused.STRANGER: "The email of your identity provider is of nobody who works here.",
}
_FAILED = "Your identity provider did not let you in, or did not answer. Try again, or sign in by a code."

# What each provider must be known by, and what stood in the documentation as a secret.
_OF_EACH = ("client_id", "client_secret", "server_metadata_url")
_KNOWN_TO_ALL = ("a long random text",)
# As short as SECRET_KEY may be: whoever guesses it signs in as anybody.
_SHORTEST_SECRET = 16


def mistakes(public_url: str) -> list[Mistake]:
    """What of `[auth]` keeps its providers from letting anybody in: Streamlit says it at the click, or leaves the button out."""
    return [
        Mistake(str(path), sentence)
        for path in map(Path, st.get_option("secrets.files"))
        if os.path.isfile(path)  # one in a home that this user may not look into is none, to Streamlit as well
        for sentence in _mistakes(path, public_url)
    ]


def _mistakes(path: Path, public_url: str) -> Iterator[str]:
    try:
        section = tomllib.loads(path.read_text(encoding="utf-8")).get("auth")
    except (OSError, ValueError) as error:
        yield f"can't be read: {getattr(error, 'strerror', None) or error}"
        return
    if section is not None:
        yield from _of_auth(section, public_url) if isinstance(section, Mapping) else ["auth must be a section, [auth]"]


def _of_auth(section: Mapping[str, Any], public_url: str) -> Iterator[str]:
    if find_spec("authlib") is None:
        yield "[auth] needs what `uv sync --inexact --no-default-groups --extra oidc` brings"
    back = str(section.get("redirect_uri") or "").replace("{port}", str(st.get_option("server.port")))
    if back != (there := f"{public_url}/oauth2callback"):
        yield f"redirect_uri must be {there}, below APP_URL"
    secret = str(section.get("cookie_secret") or "")
    if len(secret) < _SHORTEST_SECRET or secret in _KNOWN_TO_ALL:
        yield f"cookie_secret must be {_SHORTEST_SECRET} characters or more that nobody guesses"
    providers = {name: each for name, each in section.items() if isinstance(each, Mapping) and name != "client_kwargs"}
    yield from _of_providers({**({"": section} if "client_id" in section else {}), **providers})


def _of_providers(providers: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not providers:
        yield "[auth] names no provider: add a section for one, such as [auth.google]"
    for name, each in providers.items():
        if missing := [word for word in _OF_EACH if not each.get(word)]:
            yield f"[{f'auth.{name}'.rstrip('.')}] lacks {', '.join(missing)}"
        if "_" in name:
            yield f"[auth.{name}]: a provider's name has no underscore"


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
        return _FAILED if st.query_params.get("provider") == "failed" else ""
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

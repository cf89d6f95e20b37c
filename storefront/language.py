"""The language of a page: the browser's if the shop has it, and English for whoever runs the shop."""

import streamlit as st
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.languages import asked, catalogs, sentences


def of_page() -> str:
    """What the page that is being drawn speaks; empty where none is."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ""
    if st.session_state.get("in_office"):
        return catalogs.ENGLISH
    return catalogs.nearest(st.context.locale or "") or catalogs.default()


class SpeakAsAsked:
    """Answers each request in the language that its browser asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with sentences.spoken(asked.of_request(scope)):
            await self._app(scope, receive, send)

"""The language of what is served: the one that a browser asks for."""

from starlette.types import ASGIApp, Receive, Scope, Send

from core.languages import asked, sentences


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

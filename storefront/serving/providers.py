"""Back from an identity provider that let nobody in, or that did not answer: to the form for those who work here, which says so."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Where Streamlit sends whoever signs in, and where the provider sends them back to.
_THERE, _BACK = "/auth/login", "/oauth2callback"
# What it knows somebody by from then on.
_COOKIE = "_streamlit_user="
_FORM = "/owner?provider=failed"


class BackFromProvider:
    """ASGI middleware. Streamlit itself would answer with two words, or leave them at the shop's first page without any."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in (_THERE, _BACK):
            await self._app(scope, receive, send)
            return
        failed = False

        async def answer(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start" and _let_nobody_in(scope["path"], message):
                failed = True
                message["status"] = 303
                headers = MutableHeaders(scope=message)
                headers["location"], headers["content-length"] = _FORM, "0"
            elif message["type"] == "http.response.body" and failed:
                message["body"] = b""
            await send(message)

        await self._app(scope, receive, answer)


def _let_nobody_in(path: str, start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    if start["status"] >= 400 or path == _THERE:
        return start["status"] >= 400 or headers.get("location") == "/"
    cookies = [each for each in headers.getlist("set-cookie") if each.startswith(_COOKIE)]
    return all("Max-Age=0" in each for each in cookies)

"""Flash messages: what a page says once after something was done, and no more when it is loaded again."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from fastapi import Request
from fastapi.responses import RedirectResponse
from markupsafe import Markup, escape

from sandbox.ground import ids

# A browser that was told to come back and did not leaves its message here.
KEPT = 50
PARAMETER = "said"


@dataclass(frozen=True)
class Message:
    """A sentence, with links in it. `good` is false for what could not be done."""

    text: Markup
    good: bool = True


class Messages:
    """Kept by the application under a number that the address carries, so that no other tab shows them."""

    def __init__(self) -> None:
        self._kept: dict[str, Message] = {}

    def keep(self, message: Message) -> str:
        """Returns the number it is kept under."""
        token = ids.chance(12)
        self._kept[token] = message
        for old in list(self._kept)[:-KEPT]:
            del self._kept[old]
        return token

    def take(self, token: str) -> Message | None:
        """What was kept under a number, once."""
        return self._kept.pop(token, None)


def redirect(request: Request, where: str, text: str, *, good: bool = True) -> RedirectResponse:
    """Back to a page of the sandbox, which says this. Other addresses lead to the panel."""
    token = _messages(request).keep(Message(escape(text), good))
    address = urlsplit(where if where.startswith("/") and not where.startswith(("//", "/\\")) else "/")
    query = "&".join(part for part in (address.query, urlencode({PARAMETER: token})) if part)
    return RedirectResponse(urlunsplit(("", "", address.path, query, address.fragment)), 303)


def take(request: Request) -> Message | None:
    """What this page has to say, if it has not been said yet."""
    return _messages(request).take(request.query_params.get(PARAMETER, ""))


def _messages(request: Request) -> Messages:
    messages: Messages = request.app.state.messages
    return messages

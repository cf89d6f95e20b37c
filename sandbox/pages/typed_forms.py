"""What a buyer has typed so far, while the cart is changed: a form that was posted is answered with a redirect, so that
neither Back nor Reload asks to send it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import RedirectResponse

from sandbox.ground import ids

if TYPE_CHECKING:
    from fastapi import Request

# The oldest are forgotten: their page is then shown as if nothing had been typed.
KEPT = 200
PARAMETER = "form"


class TypedForms:
    """Kept here, and not in the address, which only carries a token: part of it is a card number."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], dict[str, str]] = {}

    def redirect(self, session: str, typed: dict[str, str]) -> RedirectResponse:
        """To the payment page of a session, filled in with this."""
        token = ids.chance(16)
        self._kept[session, token] = typed
        for old in list(self._kept)[:-KEPT]:
            del self._kept[old]
        return RedirectResponse(f"/c/pay/{session}?{PARAMETER}={token}", 303)

    def find(self, session: str, request: Request) -> dict[str, str]:
        """What was typed, as often as the page is looked at; nothing without a token, or when it is forgotten."""
        return self._kept.get((session, request.query_params.get(PARAMETER, "")), {})

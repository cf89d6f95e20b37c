"""The address by which a buyer comes back to a session that expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from sandbox.checkout import recoveries
from sandbox.pages import rendering

if TYPE_CHECKING:
    from sandbox.account.account import Account


class RecoveryPage:
    """The pages under /r."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def open(self, request: Request) -> Response:
        """GET /r/{token}: leads to the payment page of a new session, a copy of the one that expired."""
        url = f"{self.account.settings.base_url}/r/{request.path_params['token']}"
        session = recoveries.find(self.account, url)
        if session is None:
            text = "There is no such payment. The address may be incomplete."
            return rendering.render("closed", status=404, title="Nothing to pay here", text=text, link=None)
        if recoveries.completed(self.account, session):
            text = "This payment has been made. You don't need to pay again."
            return rendering.render("closed", title="Already paid", text=text, link=None)
        if recoveries.is_over(self.account, session):
            text = "Nothing was charged. Go back to the shop to start again."
            merchant = (session.get("branding_settings") or {}).get("display_name") or self.account.settings.shop_name
            link = (session["cancel_url"], f"Back to {merchant}")
            link_if_known = link if session["cancel_url"] else None
            return rendering.render("closed", title="This link has expired", text=text, link=link_if_known)
        copy = recoveries.recover(self.account, session)
        self.account.commit()
        return RedirectResponse(copy["url"], 303)

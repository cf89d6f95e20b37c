"""The control panel: what has happened, and buttons to make more happen."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from sandbox import deliveries, early_fraud_warnings, events, pages, rows, scenarios
from sandbox.acts import CannotDo
from sandbox.errors import StripeError

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.spec import Object

ROWS = 30


class Panel:
    """The page at / and those under /panel."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def show(self, request: Request) -> Response:
        """GET /"""
        settings = self.account.settings
        return pages.render(
            "panel",
            endpoint=settings.webhook_url,
            shop_url=settings.shop_url,
            clock=self.account.clock.moved(),
            ahead=rows.ahead(self.account.clock.ahead),
            scenarios=scenarios.SCENARIOS,
            armed=self._armed(),
            sessions=[rows.session(s) for s in self._newest("checkout.session")],
            payments=[rows.payment(self.account, p) for p in self._newest("payment_intent")],
            subscriptions=[rows.subscription(self.account, s) for s in self._newest("subscription")],
            disputes=[rows.dispute(d) for d in self._newest("dispute")],
            warnings=[rows.warning(w) for w in self._newest(early_fraud_warnings.KIND)],
            deliveries=[rows.delivery(d) for d in self._newest(deliveries.KIND)],
            letters=self.account.store.count("mail"),
            problem=request.query_params.get("problem"),
        )

    async def act(self, request: Request) -> Response:
        """POST /panel/act/{name}, then back to where the button was."""
        form = await pages.form(request)
        try:
            known = scenarios.press(self.account, request.path_params["name"], form.get("id", ""))
        except (StripeError, CannotDo) as refused:
            self.account.commit()
            return RedirectResponse(str(request.url_for("panel").include_query_params(problem=str(refused))), 303)
        self.account.commit()
        if not known:
            return Response("No such button", 404)
        return RedirectResponse(f"/#{form.get('back', 'scenarios')}", 303)

    async def event(self, request: Request) -> Response:
        """GET /panel/events/{id}: what was sent, how often, and what came back."""
        event = self.account.store.get("event", request.path_params["id"])
        if event is None:
            link = ("/", "Control panel")
            return pages.render("closed", status=404, title="No such event", text="It may have been reset.", link=link)
        sent = self.account.deliveries.of_event(event["id"])
        return pages.render(
            "event",
            event=event,
            payload=events.body(events.rendered(self.account, event)).decode(),
            deliveries=[
                {**rows.delivery(d), "url": self._address(d["endpoint"]), "attempts": d["attempts"]} for d in sent
            ],
        )

    def _armed(self) -> set[str]:
        return {
            name
            for group in scenarios.SCENARIOS.values()
            for name, button in group.items()
            if isinstance(button, scenarios.Switch) and button.armed(self.account)
        }

    def _newest(self, kind: str) -> list[Object]:
        return list(itertools.islice(self.account.store.all(kind), ROWS))

    def _address(self, endpoint: str) -> str:
        target = self.account.deliveries.target(endpoint)
        return target[0] if target else f"{endpoint} (gone)"

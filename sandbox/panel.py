"""The control panel: what has happened, and buttons to make more happen."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from sandbox import charges, deliveries, events, pages, scenarios
from sandbox.control import BadRequest
from sandbox.errors import StripeError

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.spec import Object

ROWS = 30
SESSION_STATES = {
    ("open", "unpaid"): ("Open", "warn"),
    ("complete", "paid"): ("Paid", "ok"),
    ("complete", "unpaid"): ("Not settled", "warn"),
    ("complete", "no_payment_required"): ("Free", "ok"),
    ("expired", "unpaid"): ("Expired", ""),
}
INTENT_STATES = {
    "succeeded": ("Paid", "ok"),
    "processing": ("Settling", "warn"),
    "requires_action": ("At the bank", "warn"),
    "requires_payment_method": ("Declined", "bad"),
    "canceled": ("Canceled", ""),
}


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
            clock=self.account.clock.exact(),
            scenarios=scenarios.SCENARIOS,
            armed=self._armed(),
            sessions=[_session(s) for s in self._newest("checkout.session")],
            payments=[self._payment(p) for p in self._newest("payment_intent")],
            deliveries=[_delivery(d) for d in self._newest(deliveries.KIND)],
            letters=self.account.store.count("mail"),
            problem=request.query_params.get("problem"),
        )

    async def act(self, request: Request) -> Response:
        """POST /panel/act/{name}, then back to where the button was."""
        form = await pages.form(request)
        try:
            known = scenarios.press(self.account, request.path_params["name"], form.get("id", ""))
        except (StripeError, BadRequest) as refused:
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
            payload=events.body(event).decode(),
            deliveries=[{**_delivery(d), "url": self._address(d["endpoint"]), "attempts": d["attempts"]} for d in sent],
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

    def _payment(self, intent: Object) -> dict[str, Any]:
        charge = self.account.store.get("charge", intent["latest_charge"] or "")
        state, tone = INTENT_STATES.get(intent["status"], (intent["status"], ""))
        actions = []
        if charge and intent["status"] == "succeeded":
            if charge["refunded"]:
                state, tone = "Refunded", ""
            else:
                actions.append(("refund", "Refund"))
                state = "Partly refunded" if charge["amount_refunded"] else state
        if intent["status"] == "processing":
            actions += [("settle", "Settle now"), ("bounce", "Bounce now")]
        return {
            "id": intent["id"],
            "amount": intent["amount"],
            "currency": intent["currency"],
            "card": charges.instrument_name(self.account, charge) if charge else "",
            "state": state,
            "tone": tone,
            "at": intent["created"],
            "actions": actions,
        }


def _session(session: Object) -> dict[str, Any]:
    state, tone = SESSION_STATES.get((session["status"], session["payment_status"]), (session["status"], ""))
    open_ = session["status"] == "open"
    return {
        "id": session["id"],
        "url": session["url"],
        "who": (session["customer_details"] or {}).get("email") or session["customer_email"] or "",
        "amount": session["amount_total"],
        "currency": session["currency"],
        "mode": "Plan" if session["mode"] == "subscription" else "Items",
        "state": state,
        "tone": tone,
        "at": session["created"],
        "actions": [("pay", "Pay"), ("expire", "Expire")] if open_ else [],
    }


def _delivery(delivery: Object) -> dict[str, Any]:
    last = delivery["attempts"][-1] if delivery["attempts"] else None
    answer, tone = "Waiting", "warn"
    if last:
        answer = str(last["status"] or "No answer")
        tone = "ok" if last["ok"] else "bad"
    return {
        "event": delivery["event"],
        "type": delivery["type"],
        "answer": answer,
        "tone": tone,
        "took": f"{last['duration_ms']} ms" if last and last["duration_ms"] is not None else "",
        "tries": len(delivery["attempts"]),
        "at": last["at"] if last else delivery["created"],
        "next_at": delivery["next_at"] if delivery["state"] == "pending" else None,
    }

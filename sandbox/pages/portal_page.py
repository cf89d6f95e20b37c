"""The customer portal's page: buyers change, cancel and resume their own subscriptions, and pay with another card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from sandbox.billing import (
    cancellations,
    collection,
    renewals,
    subscription_changes,
    subscription_items,
    subscriptions,  # fmt: skip
)
from sandbox.customers import billing_portal, customers
from sandbox.ground.errors import StripeError, invalid
from sandbox.ground.periods import every
from sandbox.pages import flash_messages, rendering
from sandbox.payments import cards, payment_methods

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.pages.flash_messages import Message
    from sandbox.protocol.spec import Object

MOST = 999
STATES = {
    "active": ("Active", "ok"),
    "trialing": ("Trial", "ok"),
    "past_due": ("Payment failed", "bad"),
    "unpaid": ("Not paid", "bad"),
    "incomplete": ("Waiting for payment", "warn"),
    "paused": ("Paused", "warn"),
    "canceled": ("Ended", ""),
    "incomplete_expired": ("Never paid", ""),
}
INVOICE_STATES = {"paid": "ok", "open": "bad", "draft": "warn"}
# The cards on offer: what they are called, their number, and what they do.
CARDS = {
    "works": ("Works", "4242424242424242"),
    "other": ("Works too", "5555555555554444"),
    "fails": ("Fails at the next payment", "4000000000000341"),
}
REASONS = {
    "too_expensive": "It's too expensive",
    "missing_features": "Something is missing",
    "switched_service": "I found something else",
    "unused": "I don't use it",
    "customer_service": "Customer service",
    "too_complex": "It's too complicated",
    "low_quality": "Quality",
    "other": "Another reason",
}
SAID = {
    "quantity": "The number has been changed.",
    "cancel": "Your plan has been cancelled.",
    "resume": "Your plan goes on.",
    "card": "Your card has been changed.",
    "pay": "The invoice has been paid.",
}


class PortalPage:
    """The pages under /p/session."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def show(self, request: Request) -> Response:
        """GET /p/session/{id}"""
        session = self._session(request)
        if session is None:
            return self._closed()
        return self._page(session, flash_messages.take(request))

    async def act(self, request: Request) -> Response:
        """POST /p/session/{id}/{action}, then back to the page; or to the shop, when it asked for just this."""
        session = self._session(request)
        if session is None:
            return self._closed()
        action = request.path_params["action"]
        form = await rendering.form(request)
        with self.account.in_time_of(session["customer"]):
            try:
                self._do(session, action, form)
            except StripeError as refused:
                self.account.commit()
                return self._back(request, session, str(refused), good=False)
        self.account.commit()
        if session["flow"] and (after := session["flow"]["after_completion"]["redirect"]):
            return RedirectResponse(after["return_url"], 303)
        return self._back(request, session, SAID[action])

    def _do(self, session: Object, action: str, form: dict[str, str]) -> None:
        account, features = self.account, self._features(session)
        if action == "card":
            self._change_card(session, form.get("card", ""))
            return
        if action == "pay":
            invoice = account.find("invoice", form.get("invoice", ""))
            if invoice["customer"] == session["customer"] and invoice["status"] == "open":
                collection.pay_now(account, invoice)
            return
        subscription = account.find("subscription", form.get("subscription", ""))
        if subscription["customer"] != session["customer"] or subscription["status"] in subscriptions.OVER:
            raise invalid("This plan cannot be changed any more.")
        match action:
            case "quantity" if features["subscription_update"]["enabled"]:
                proration = features["subscription_update"]["proration_behavior"]
                quantity = _quantity(form.get("quantity", ""))
                subscription_changes.set_quantity(account, subscription, quantity, proration=proration)
            case "cancel" if features["subscription_cancel"]["enabled"]:
                self._cancel(subscription, features["subscription_cancel"]["mode"], form)
            case "resume" if subscription["status"] == "paused":
                renewals.unpause(account, subscription)
            case "resume":
                cancellations.keep(account, subscription)
            case _:
                raise invalid("This cannot be done here.")

    def _cancel(self, subscription: Object, mode: str, form: dict[str, str]) -> None:
        feedback = form.get("feedback", "")
        given = {"feedback": feedback if feedback in REASONS else None, "comment": form.get("comment") or None}
        if mode == "immediately":
            cancellations.note(self.account, subscription, given)
            cancellations.end(self.account, subscription, reason="cancellation_requested")
        else:
            cancellations.at_period_end(self.account, subscription, given)

    def _change_card(self, session: Object, choice: str) -> None:
        account = self.account
        if choice not in CARDS:
            raise invalid("Choose a card.")
        customer = account.find("customer", session["customer"])
        billing = {key: customer[key] for key in ("address", "email", "name")}
        method = payment_methods.make(account, cards.numbered(CARDS[choice][1]), billing=billing)
        account.store.change(method, customer=customer["id"])
        account.emit("payment_method.attached", method)
        previous = customers.prefer(account, customer, method["id"])
        account.emit("customer.updated", customer, previous)
        for subscription in account.store.having("subscription", "customer", customer["id"]):
            if subscription["status"] not in subscriptions.OVER and subscription["default_payment_method"]:
                subscriptions.change(account, subscription, default_payment_method=method["id"])

    def _session(self, request: Request) -> Object | None:
        session = self.account.store.get(billing_portal.KIND, request.path_params["id"])
        if session is None or not billing_portal.is_open(self.account, session):
            return None
        return session if self.account.store.get("customer", session["customer"]) else None

    def _features(self, session: Object) -> Object:
        features: Object = self.account.find(billing_portal.CONFIGURATION, session["configuration"])["features"]
        return features

    def _back(self, request: Request, session: Object, said: str, *, good: bool = True) -> Response:
        return flash_messages.redirect(request, f"/p/session/{session['id']}", said, good=good)

    def _page(self, session: Object, notice: Message | None) -> Response:
        account = self.account
        customer = account.find("customer", session["customer"])
        features, flow = self._features(session), session["flow"] or {"type": ""}
        only = (flow.get(flow["type"]) or {}).get("subscription")
        found = account.store.having("subscription", "customer", customer["id"])
        method = account.store.get("payment_method", customer["invoice_settings"]["default_payment_method"] or "")
        return rendering.render(
            "portal",
            session=session,
            merchant=account.settings.shop_name,
            customer=customer,
            plans=[self._plan(s) for s in found if only in (None, s["id"])],
            card=_card(method) if method else None,
            cards={name: f"{words}, {number[-4:]}" for name, (words, number) in CARDS.items()},
            invoices=[_invoice(i) for i in account.store.having("invoice", "customer", customer["id"])],
            features=features,
            reasons=REASONS,
            flow=flow["type"],
            notice=notice,
        )

    def _plan(self, subscription: Object) -> dict[str, Any]:
        items = subscription_items.of(self.account, subscription["id"])
        state, tone = STATES[subscription["status"]]
        over = subscription["status"] in subscriptions.OVER
        ending = subscription["cancel_at"] if not over else None
        return {
            "id": subscription["id"],
            "name": subscription_items.title(self.account, items[0]).partition(" × ")[2],
            "quantity": items[0]["quantity"],
            "amount": sum(subscription_items.amount(self.account, item) for item in items),
            "currency": subscription["currency"],
            "every": every(items[0]["price"]["recurring"]),
            "state": "Ends soon" if ending else state,
            "tone": "warn" if ending else tone,
            "over": over,
            "paused": subscription["status"] == "paused",
            "trial": subscription["status"] == "trialing",
            "ends": ending,
            "ended": subscription["ended_at"],
            "until": subscriptions.ends(subscription),
        }

    def _closed(self) -> Response:
        text = "Pages like this one are open for a day. Go back to the shop and come here again."
        return rendering.render("closed", status=404, title="This page is no longer open", text=text, link=None)


def _quantity(text: str) -> int:
    if not text.strip().isdigit() or not 1 <= int(text) <= MOST:
        raise invalid(f"Choose a number from 1 to {MOST}.")
    return int(text)


def _card(method: Object) -> dict[str, Any]:
    known = method[method["type"]]
    name = str(known.get("brand", "bank account")).capitalize()
    expires = f"{known['exp_month']:02} / {known['exp_year'] % 100}" if "exp_month" in known else ""
    return {"name": name, "last4": known["last4"], "expires": expires}


def _invoice(invoice: Object) -> dict[str, Any]:
    return {
        "id": invoice["id"],
        "number": invoice["number"] or "Draft",
        "at": invoice["created"],
        "amount": invoice["total"],
        "currency": invoice["currency"],
        "state": {"void": "Cancelled", "uncollectible": "Given up"}.get(
            invoice["status"], invoice["status"].capitalize()
        ),
        "tone": INVOICE_STATES.get(invoice["status"], ""),
        "open": invoice["status"] == "open",
        "next": invoice["next_payment_attempt"],
    }

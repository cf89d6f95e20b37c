"""The page on which the buyer's bank asks whether a payment is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from sandbox.billing import collection
from sandbox.checkout import custom_fields, session_payments
from sandbox.ground.errors import StripeError
from sandbox.pages import rendering
from sandbox.payments import payment_intents

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.pages.hosted_page import HostedPage
    from sandbox.protocol.spec import Object


class ChallengePage:
    """The pages under /challenge; they lead back to the payment page, or on to the shop."""

    def __init__(self, account: Account, page: HostedPage) -> None:
        self.account = account
        self._page = page

    async def show(self, request: Request) -> Response:
        """GET /challenge/{payment_intent}: the buyer's bank asks."""
        intent = self.account.store.get("payment_intent", request.path_params["id"])
        if intent is None or intent["status"] != "requires_action":
            return self._page.closed(self._session_of(intent))
        method = self.account.find("payment_method", intent["payment_method"])
        return rendering.render(
            "challenge",
            merchant=self.account.settings.shop_name,
            intent=intent,
            last4=method["card"]["last4"],
            now=self.account.clock.exact(),
        )

    async def answer(self, request: Request) -> Response:
        """POST /challenge/{payment_intent}: approved, refused, or no answer at all."""
        intent = self.account.store.get("payment_intent", request.path_params["id"])
        session = self._session_of(intent)
        approved = (await rendering.form(request)).get("result") == "complete"
        if intent is None or intent["status"] != "requires_action":
            return self._page.closed(session)
        if session is None:
            return self._answer_alone(intent, approved=approved)
        try:
            session_payments.authenticate(self.account, intent, approved=approved)
        except StripeError as refused:
            self.account.commit()
            if session["status"] != "open":
                return self._page.closed(session)
            buyer = self.account.store.notes(session["id"])["buyer"]
            return self._page.page(session, {**self._page.untouched(session), **_typed_by(session, buyer)}, refused)
        self.account.commit()
        return await self._page.thank(session)

    def _answer_alone(self, intent: Object, *, approved: bool) -> Response:
        """The challenge of a PaymentIntent that no session stands behind."""
        method = self.account.find("payment_method", intent["payment_method"])
        try:
            if not approved:
                raise payment_intents.authentication_failed(self.account, intent)
            payment_intents.attempt(self.account, intent, method, authenticated=True)
            payment_intents.announce_success(self.account, intent)
            collection.paid_by(self.account, intent)
        except StripeError as refused:
            self.account.commit()
            return self._back(intent, "failed") or rendering.render(
                "closed", status=402, title="Not paid", text=str(refused), link=None
            )
        self.account.commit()
        return self._back(intent, "succeeded") or rendering.render(
            "closed", title="Approved", text="You can close this page.", link=None
        )

    def _back(self, intent: Object, outcome: str) -> Response | None:
        """The way back to where the buyer was to go afterwards, if that was said."""
        url = self.account.store.notes(intent["id"]).get("return_url")
        if url is None:
            return None
        told = {
            "payment_intent": intent["id"],
            "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": outcome,
        }
        return RedirectResponse(f"{url}{'&' if '?' in url else '?'}{urlencode(told)}", 303)

    def _session_of(self, intent: Object | None) -> Object | None:
        id = self.account.store.notes(intent["id"]).get("session", "") if intent else ""
        return self.account.store.get("checkout.session", id)


def _typed_by(session: Object, buyer: Object) -> dict[str, str]:
    own = {custom_fields.name(field): buyer["custom_fields"][field["key"]] for field in session["custom_fields"]}
    return {
        **own,
        "billingCountry": buyer["country"],
        "billingName": buyer["name"],
        "billingPostalCode": buyer["postal_code"],
        "businessName": buyer["business_name"],
        "email": buyer["email"],
        "individualName": buyer["individual_name"],
        "phoneNumber": buyer["phone"],
    }

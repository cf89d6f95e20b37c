"""The hosted payment page: what the buyer sees, types and gets to hear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from sandbox.catalogue import discounts, promotion_codes
from sandbox.checkout import adjustable_quantities, carts, custom_fields, session_payments, session_taxes
from sandbox.ground import email_addresses
from sandbox.ground.errors import StripeError, card_error
from sandbox.pages import form_choices, order_summary, rendering
from sandbox.pages.typed_forms import TypedForms
from sandbox.payments import cards, payment_intents, payment_methods
from sandbox.payments.payment_intents import Attempt

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

FIELD_OF = {
    "incorrect_number": "cardNumber",
    "invalid_expiry_month": "cardExpiry",
    "invalid_expiry_year": "cardExpiry",
    "expired_card": "cardExpiry",
    "invalid_cvc": "cardCvc",
    "incorrect_cvc": "cardCvc",
    "email_invalid": "email",
}
# Refused before the bank was asked: the buyer mistyped something.
MISTYPED = {
    "incorrect_number",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_cvc",
    "email_invalid",
    "field_invalid",
    "field_missing",
}
# What is only asked for when the session says so.
ASKED = ("phoneNumber", "businessName", "individualName", "termsOfService", "promotions")


class HostedPage:
    """The pages under /c/pay."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._typed = TypedForms()

    async def show(self, request: Request) -> Response:
        """GET /c/pay/{session}, perhaps with what had been typed when something about the cart was changed."""
        session = self._session(request)
        if session is None or session["status"] != "open":
            return self.closed(session)
        typed_before = self._typed.find(session["id"], request)
        # The cart may have been changed again since.
        counted = adjustable_quantities.untouched(self.account, session)
        typed = {**self.untouched(session), **typed_before, **counted}
        # Stripe, too, begins with the taxes of the country it takes the buyer to be in.
        if not typed_before and self._locate(session, typed["billingCountry"], None):
            self.account.commit()
        return self.page(session, typed)

    async def pay(self, request: Request) -> Response:
        """POST /c/pay/{session}. Pressing the button twice pays once: the second time the session is complete."""
        session = self._session(request)
        if session is None or session["status"] == "expired":
            return self.closed(session)
        typed = {**self.untouched(session), **await rendering.form(request)}
        if session["status"] == "complete":
            return await self.thank(session)
        try:
            paying = not typed.keys() & {"promotion", "quantities"}
            tax_id = session_taxes.typed_id(session, typed["billingCountry"], typed["taxId"], paying=paying)
            counted_anew = adjustable_quantities.change(self.account, session, typed)
            counted_anew = self._locate(session, typed["billingCountry"], tax_id) or counted_anew
        except StripeError as refused:
            return self.page(session, typed, refused)
        self.account.commit()
        promotion = typed.get("promotion", "")
        if promotion == "remove" or (promotion and typed["promotionCode"].strip()):
            return self._promote(session, typed, promotion)
        if counted_anew or "quantities" in typed:
            # Nobody pays what they have not seen.
            return self._typed.redirect(session["id"], {**typed, "counted": "anew"})
        try:
            buyer = _buyer(session, typed)
            method = self._method(session, typed, buyer) if session_payments.needs_method(session) else None
            outcome = session_payments.pay(self.account, session, method, buyer)
        except StripeError as refused:
            self.account.commit()
            return self.page(session, typed, refused)
        self.account.commit()
        if outcome is Attempt.CHALLENGE:
            intent = self.account.store.notes(session["id"])["payment_intent"]
            return RedirectResponse(f"/challenge/{intent}", 303)
        return await self.thank(session)

    def _locate(self, session: Object, country: str, tax_id: tuple[str, str] | None) -> bool:
        """Tax a session for a buyer who says so. Returns whether they have to pay another amount now."""
        buyer = session_taxes.buyer(self.account, session, country, tax_id)
        return carts.locate(self.account, session, buyer)

    def _session(self, request: Request) -> Object | None:
        return self.account.store.get("checkout.session", request.path_params["id"])

    async def thank(self, session: Object) -> Response:
        """Back to the shop, once it has heard about the payment or had long enough to."""
        event = self.account.store.notes(session["id"])["completed_event"]
        seconds = self.account.settings.redirect_seconds
        await self.account.deliveries.first_tries(self.account.find("event", event), seconds)
        return RedirectResponse(_success_url(session), 303)

    def _method(self, session: Object, typed: dict[str, str], buyer: session_payments.Buyer) -> Object:
        instrument = cards.numbered(form_choices.number(typed))
        if instrument.kind not in session["payment_method_types"]:
            text = "This session does not take payments of this kind."
            raise card_error("payment_method_not_available", text)
        expiry = (12, 2034)
        if instrument.kind == "card":
            expiry = _expiry(typed["cardExpiry"].strip() or form_choices.EXPIRY)
            cards.check_expiry(*expiry)
            if cvc := typed["cardCvc"].strip():
                cards.check_cvc(cvc, instrument)
        return payment_methods.make(self.account, instrument, expiry=expiry, billing=buyer.billing())

    def _promote(self, session: Object, typed: dict[str, str], action: str) -> Response:
        """Apply the code that was typed, or take the one in use off again."""
        if not session["allow_promotion_codes"]:
            return self._typed.redirect(session["id"], typed)
        code = typed.get("promotionCode", "").strip()
        if action == "remove":
            carts.set_discount(self.account, session, None)
            typed["promotionCode"] = ""
        elif found := promotion_codes.typed(self.account, code, session):
            discount = {"coupon": found["promotion"]["coupon"], "promotion_code": found["id"]}
            discounts.named(self.account, discount, currency=session["currency"])
            carts.set_discount(self.account, session, discount)
        else:
            return self._typed.redirect(session["id"], {**typed, "promotionError": code})
        self.account.commit()
        return self._typed.redirect(session["id"], typed)

    def page(self, session: Object, typed: dict[str, str], refused: StripeError | None = None) -> Response:
        """The page as it stands, with what was typed and why it was refused."""
        offered = [method for method in form_choices.OFFERED_METHODS if method.kind in session["payment_method_types"]]
        return rendering.render(
            "pay",
            status=refused.status if refused else 200,
            merchant=self._merchant(session),
            session=session,
            names=_names(session),
            tax_id=session_taxes.asked_id(session),
            custom_fields=custom_fields.shown(session),
            lines=order_summary.lines(self.account, session, typed),
            recurring=order_summary.recurring(self.account, session),
            discount=order_summary.discount_name(self.account, session),
            needs_method=session_payments.needs_method(session),
            presets=offered,
            shown=next(
                (p for p in offered if p.id == typed.get("preset")),
                offered[0] if offered else form_choices.OFFERED_METHODS[0],
            ),
            typed=typed,
            countries=form_choices.COUNTRIES,
            error=_explained(refused) if refused else None,
        )

    def untouched(self, session: Object) -> dict[str, str]:
        """What the form holds before the buyer types."""
        known = self.account.store.get("customer", session["customer"] or "") or {}
        return {
            "billingCountry": (known.get("address") or {}).get("country") or "DE",
            "billingName": known.get("name") or "",
            "billingPostalCode": (known.get("address") or {}).get("postal_code") or "",
            "cardCvc": "",
            "cardExpiry": "",
            "cardNumber": "",
            "counted": "",
            "enableStripePass": "",
            "email": session["customer_email"] or known.get("email") or "",
            "taxId": "",
            "promotionCode": "",
            "promotionError": "",
            **dict.fromkeys(ASKED, ""),
            **custom_fields.untouched(session),
            **adjustable_quantities.untouched(self.account, session),
        }

    def _merchant(self, session: Object | None) -> str:
        """What the page says whom one pays."""
        chosen = ((session or {}).get("branding_settings") or {}).get("display_name")
        return str(chosen or self.account.settings.shop_name)

    def closed(self, session: Object | None) -> Response:
        """What is shown instead when there is nothing to pay."""
        back = f"Back to {self._merchant(session)}"
        link: tuple[str, str] | None = None
        if session is None:
            status, title = 404, "Nothing to pay here"
            text = "There is no such payment. The address may be incomplete."
        elif session["status"] == "complete":
            status, title, link = 200, "Already paid", (_success_url(session), back)
            text = "This payment has been made. You don't need to pay again."
        elif session["status"] == "expired":
            status, title = 200, "This payment page has expired"
            text = "Nothing was charged. Go back to the shop to start again."
            link = (session["cancel_url"], back) if session["cancel_url"] else None
        else:
            status, title, link = 200, "Nothing to confirm", (session["url"], "Back to the payment page")
            text = "No payment waits for your bank."
        return rendering.render("closed", status=status, title=title, text=text, link=link)


def _success_url(session: Object) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _expiry(text: str) -> tuple[int, int]:
    digits = "".join(ch for ch in text if ch.isdigit())
    if len(digits) not in (3, 4, 6):
        raise card_error("invalid_expiry_month", "Your card's expiration month is invalid.", param="exp_month")
    month, year = (digits[:1], digits[1:]) if len(digits) == 3 else (digits[:2], digits[2:])
    return int(month), int(year) + (2000 if len(year) == 2 else 0)


def _names(session: Object) -> list[dict[str, Any]]:
    """The names the buyer is asked for beside that on the card."""
    asked = session.get("name_collection") or {}
    labels = {"individual": "Your name", "business": "Business name"}
    return [
        {"name": f"{who}Name", "label": label, "optional": asked[who]["optional"]}
        for who, label in labels.items()
        if asked.get(who, {}).get("enabled")
    ]


def _buyer(session: Object, typed: dict[str, str]) -> session_payments.Buyer:
    email = typed["email"].strip()
    if not email_addresses.is_address(email):
        raise card_error("email_invalid", "Enter the email address the receipt should go to.")
    names = {each["name"]: each for each in _names(session)}
    wanted = {name: each["label"] for name, each in names.items() if not each["optional"]}
    asks_phone = session["phone_number_collection"]["enabled"]
    if asks_phone:
        wanted["phoneNumber"] = "Phone number"
    if (session["consent_collection"] or {}).get("terms_of_service") == "required":
        wanted["termsOfService"] = "Agreement to the terms of service"
    for name, label in wanted.items():
        if not typed[name].strip():
            raise card_error("field_missing", f"{label} is required.", param=name)
    given = {name: value.strip() for name, value in typed.items()}
    return session_payments.Buyer(
        email=email,
        name=given["billingName"],
        country=given["billingCountry"],
        postal_code=given["billingPostalCode"],
        phone=given["phoneNumber"] if asks_phone else "",
        tax_id=session_taxes.typed_id(session, given["billingCountry"], given["taxId"]),
        business_name=given["businessName"] if "businessName" in names else "",
        individual_name=given["individualName"] if "individualName" in names else "",
        promotions=bool(given["promotions"]),
        custom_fields=custom_fields.typed(session, typed),
    )


def _explained(refused: StripeError) -> dict[str, Any]:
    code = str(refused.fields.get("code", ""))
    reason = str(refused.fields.get("decline_code") or code)
    message = str(refused)
    if code in MISTYPED:
        title, text = "Check what you typed", "Nothing was charged."
    elif code == payment_intents.AUTHENTICATION_FAILED.code:
        title, text = "Your bank did not confirm", "Nothing was charged. Try again, or choose another test card."
    else:
        title, text = "The card was declined", "Nothing was charged. Choose another test card."
    field = refused.fields["param"] if code.startswith("field_") else FIELD_OF.get(code, "cardNumber")
    return {"title": title, "text": text, "code": reason, "message": message, "field": field}

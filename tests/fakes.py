"""A Stripe that lives in memory, behind the shop's own protocol, and tells its story in truly signed events.

The contract tests hold it against the sandbox: whatever it says of an object, the sandbox says too.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import orjson
import stripe

from core.foundation.errors import (
    CheckoutNotFound,
    PermissionMissing,
    ShopError,
    StripeFaulty,
    StripeRefused,
    StripeUnreachable,
)
from core.gateway.sessions import SessionFacts, read_session
from tests import outside
from tests.fake_billing import FakeBilling
from tests.fake_catalogue import FakeCatalogue

SECRET = "whsec_test_0123456789abcdef"
# What stands there is a matter of Stripe's page, and only for browsers.
FRAGMENT = "#fidtest%2Fpage"


def session_in(url: str) -> str:
    """The Session that the address of a payment page leads to."""
    return urlsplit(url).path.rpartition("/")[2]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeStripe(FakeCatalogue, FakeBilling):
    """Stripe's objects as Stripe keeps them. `trouble` is raised by the next calls, one each, before anything is done.

    `lost_answers` is how many of the next calls that change something do so, and then never answer; `broken_answers` how
    many do so and answer 500, which is what a repetition under the same key gets too. The key may not call what is `forbidden`.
    """

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        super().__init__()
        self.now = now
        self.sessions: dict[str, dict[str, Any]] = {}
        self._currency_options: dict[str, dict[str, int]] = {}
        self.by_key: dict[str, tuple[dict[str, Any], str]] = {}
        self.undelivered: list[dict[str, Any]] = []
        self.happened: list[dict[str, Any]] = []
        self.trouble: list[ShopError] = []
        self.forbidden: set[str] = set()
        self.lost_answers = 0
        self.broken_answers = 0
        self.watch: Callable[[], None] = lambda: None
        self.calls: list[str] = []
        self._numbers = count(1)
        self._asked: dict[str, dict[str, Any]] = {}
        self._carts: dict[str, list[dict[str, Any]]] = {}
        self._refusals: dict[str, ShopError] = {}
        self._one_at_a_time = Lock()

    # -- what the shop asks

    def open_checkout(self, parameters: dict[str, Any], *, key: str) -> SessionFacts:
        self._called("open")
        return read_session(self.sessions[self._once(key, parameters, lambda: self._new_session(parameters))])

    def retrieve_checkout(self, session_id: str) -> SessionFacts:
        self._called("retrieve")
        if session_id not in self.sessions:
            raise CheckoutNotFound(session_id=session_id)
        return read_session(self._expanded(self.sessions[session_id]))

    def expire_checkout(self, session_id: str) -> SessionFacts:
        self._called("expire")
        if session_id not in self.sessions:
            raise CheckoutNotFound(session_id=session_id)
        self.expire(session_id)
        self._answer()
        return read_session(self._expanded(self.sessions[session_id]))

    def undelivered_events(self, *, since: datetime, types: Sequence[str]) -> Iterator[dict[str, Any]]:
        self._called("undelivered_events")
        yield from self._since(since, types, self.undelivered)

    def events(self, *, since: datetime, types: Sequence[str]) -> Iterator[dict[str, Any]]:
        self._called("events")
        yield from self._since(since, types, self.happened)

    def checkouts_completed(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        self._called("checkouts_completed")
        found = [each for each in self._made(self.sessions, since) if each["status"] == "complete"]
        yield from (deepcopy(self._expanded(each)) for each in found)

    def refunds_made(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        self._called("refunds_made")
        yield from deepcopy(self._made(self.refunds, since))

    def disputes_raised(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        self._called("disputes_raised")
        yield from deepcopy(self._made(self.disputes, since))

    def _made(self, kept: dict[str, dict[str, Any]], since: datetime) -> list[dict[str, Any]]:
        return [each for each in reversed(kept.values()) if each["created"] >= int(since.timestamp())]

    def refund(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self._called("refund")
        return deepcopy(self.refunds[self._once(key, parameters, lambda: self._new_refund(parameters))])

    def line_items_of(self, session_id: str) -> list[dict[str, Any]]:
        self._called("line_items_of")
        if session_id not in self.sessions:
            raise StripeRefused("resource_missing", f"No such checkout.session: '{session_id}'")
        return deepcopy(self._line_items(session_id))

    # -- what happens at Stripe

    def discount(self, session_id: str, percent: int, *, on: str = "") -> dict[str, Any]:
        """The buyer enters a promotion code on the page, for all of it or `on` what is called so. Returns the Session."""
        for line in self._carts[session_id]:
            meant = on in ("", (line.get("product_data") or {}).get("name"))
            line["discount"] = _listed(line, self._trial(session_id)) * percent // 100 if meant else 0
        session = self.sessions[session_id]
        off = sum(line["discount"] for line in self._carts[session_id])
        session.update(
            amount_total=session["amount_subtotal"] - off,
            total_details={"amount_discount": off, "amount_shipping": 0, "amount_tax": 0},
        )
        return session

    def tax(self, session_id: str, percent: int, *, reason: str = "standard_rated") -> dict[str, Any]:
        """Stripe works out the tax, on top of the prices but for those that include it. Returns the Session."""
        for line in self._carts[session_id]:
            amount = _listed(line, self._trial(session_id)) - line.get("discount", 0)
            included = line.get("tax_behavior") == "inclusive"
            line["tax"] = tax = amount * percent // (100 + percent if included else 100)
            line["on_top"] = 0 if included else tax
            rate = {"object": "tax_rate", "percentage": percent, "effective_percentage": percent, "inclusive": included}
            net = amount - tax if included else amount
            line["taxes"] = [{"amount": tax, "rate": rate, "taxability_reason": reason, "taxable_amount": net}]
        session = self.sessions[session_id]
        session["amount_total"] += sum(line["on_top"] for line in self._carts[session_id])
        session["total_details"]["amount_tax"] = sum(line["tax"] for line in self._carts[session_id])
        return session

    def pay(
        self,
        session_id: str,
        *,
        email: str = "nora@lindqvist.example",
        slowly: bool = False,
        address: dict[str, str] | None = None,
        tax_id: str = "",
    ) -> dict[str, Any]:
        """The buyer pays; `slowly` with a bank debit whose money is still to come. Returns the Session."""
        session, asked = self.sessions[session_id], self._asked.get(session_id, {})
        assert session["status"] == "open", session["status"]
        trial_days = _trial_days(asked)
        cart = self._carts.get(session_id, [])
        plans = [line for line in cart if line["recurring"]]
        free = session["amount_total"] == 0
        session.update(
            status="complete", url=None, payment_status="unpaid" if slowly else "no_payment_required" if free else "paid",
            customer_details={
                "email": email, "name": "Nora Lindqvist", "address": {"country": "DE", **(address or {})},
                "tax_ids": [{"type": "eu_vat", "value": tax_id}] if tax_id else [],
            },
        )  # fmt: skip
        billed = (asked.get("invoice_creation") or {}).get("enabled") and not slowly
        if plans or free or billed:
            session["customer"] = f"cus_test_{next(self._numbers)}"
        if plans:
            session["subscription"] = f"sub_test_{next(self._numbers)}"
            metadata = asked["subscription_data"]["metadata"]
            self._subscribe(
                session, plans, metadata=metadata, trial_days=trial_days, items=self._line_items(session_id)
            )
        elif not free:
            self.charge(self._payment_of(session), slowly=slowly)
        if billed:
            session["invoice"] = self._issue(
                session, asked["invoice_creation"]["invoice_data"], self._line_items(session_id)
            )
        return session

    def decline(self, session_id: str) -> dict[str, Any]:
        """The buyer's card is declined: they may try again. Returns the PaymentIntent; that of a plan no Session shows."""
        assert self.sessions[session_id]["mode"] == "payment"
        payment_intent = self._payment_of(self.sessions[session_id])
        self.refuse(payment_intent)
        return payment_intent

    def settle(self, session_id: str) -> dict[str, Any]:
        """The slow money arrives. Returns the Session."""
        self.sessions[session_id]["payment_status"] = "paid"
        self._arrive(self._payment_of(self.sessions[session_id]))
        return self.sessions[session_id]

    def bounce(self, session_id: str) -> dict[str, Any]:
        """The slow money does not arrive; nothing on the Session says so. Returns the Session."""
        self.refuse(self._payment_of(self.sessions[session_id]))
        return self.sessions[session_id]

    def expire(self, session_id: str) -> dict[str, Any]:
        """An open Session's time is up; any other stays as it is. Returns the Session."""
        session = self.sessions[session_id]
        if session["status"] == "open":
            session.update(status="expired", url=None)
            if session["payment_intent"]:
                self.payment_intents[session["payment_intent"]]["status"] = "canceled"
        return session

    def recover(self, session_id: str) -> dict[str, Any]:
        """The buyer comes back by an expired Session's recovery address: a copy of it, open again. Returns the copy."""
        copy_id = f"cs_test_{next(self._numbers):04d}"
        self.sessions[copy_id] = {
            **deepcopy(self.sessions[session_id]), "id": copy_id, "status": "open", "payment_intent": None,
            "recovered_from": session_id, "url": f"http://127.0.0.1:12111/c/pay/{copy_id}",
        }  # fmt: skip
        self._asked[copy_id], self._carts[copy_id] = self._asked[session_id], self._carts[session_id]
        return self.sessions[copy_id]

    def sell(
        self, amount: int, currency: str = "eur", *, interval: str | None = None, others: dict[str, int] | None = None
    ) -> str:
        """A price is made in Stripe's dashboard, in other currencies too if amounts are given. Returns its id."""
        asked = {"unit_amount": amount, "currency": currency, "product": self._new_product("Sold at Stripe")}
        price = self.prices[self._new_price({**asked, "recurring": {"interval": interval} if interval else None})]
        # Stripe says them only to who asks for them.
        self._currency_options[price["id"]] = others or {}
        return price["id"]

    def tell(self, kind: str, subject: dict[str, Any]) -> dict[str, Any]:
        """An event of this type about an object as it is now; it is listed among Stripe's events."""
        event = self._event(kind, subject)
        self.happened.append(event)
        return event

    def event(self, kind: str, session_id: str, **changes: Any) -> dict[str, Any]:
        """An event of type `checkout.session.{kind}` about the Session as it is now."""
        return self._event(f"checkout.session.{kind}", {**self.sessions[session_id], **changes})

    def _event(self, kind: str, subject: dict[str, Any]) -> dict[str, Any]:
        number, created = next(self._numbers), int(self.now().timestamp())
        return {**event_about(deepcopy(subject), kind, number=number), "created": created}

    def _since(self, since: datetime, types: Sequence[str], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        first = int(since.timestamp())
        return [deepcopy(event) for event in reversed(events) if event["created"] >= first and event["type"] in types]

    def _called(self, name: str) -> None:
        outside.check(f"Stripe's {name}")
        self.watch()
        self.calls.append(name)
        if self.trouble:
            raise self.trouble.pop(0)
        if name in self.forbidden:
            raise PermissionMissing("more_permissions_required", f"The key may not read {name}.")

    def _once(self, key: str, parameters: dict[str, Any], make: Callable[[], str]) -> str:
        """The id of what was made under this key, now or before. What Stripe answered first it answers for ever."""
        with self._one_at_a_time:
            if key not in self.by_key:
                made = ""
                try:
                    made = make()
                except StripeRefused as refusal:
                    self._refusals[key] = refusal
                self.by_key[key] = (deepcopy(parameters), made)
                if self.broken_answers:
                    self.broken_answers -= 1
                    self._refusals[key] = StripeFaulty("api_error", "An unknown error occurred")
            first, made = self.by_key[key]
        if first != parameters:
            raise StripeRefused("idempotency_error", "Keys can only be used with the same parameters")
        self._answer()
        if key in self._refusals:
            raise copy(self._refusals[key])
        return made

    def _answer(self) -> None:
        if self.lost_answers:
            self.lost_answers -= 1
            raise StripeUnreachable("api_connection_error", "Request timed out")

    def _new_refund(self, parameters: dict[str, Any]) -> str:
        made = self.make_refund(parameters["payment_intent"], parameters["amount"], metadata=parameters["metadata"])
        made["reason"] = parameters.get("reason")
        return str(made["id"])

    def _new_session(self, parameters: dict[str, Any]) -> str:
        lasts = parameters["expires_at"] - int(self.now().timestamp())
        if not 30 * 60 <= lasts <= 24 * 3600:
            raise StripeRefused("invalid_request_error", "A Session lasts from 30 minutes to 24 hours")
        cart = [
            {"recurring": None, **self._price(line, parameters.get("currency")), "quantity": line["quantity"]}
            for line in parameters["line_items"]
        ]
        session_id = f"cs_test_{next(self._numbers):04d}"
        total = _total(cart, trial=_trial_days(parameters) > 0)
        self._asked[session_id], self._carts[session_id] = deepcopy(parameters), cart
        self.sessions[session_id] = {
            "id": session_id, "object": "checkout.session", "livemode": False, "status": "open",
            "payment_status": "unpaid", "mode": parameters["mode"], "amount_subtotal": total, "amount_total": total,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}, "invoice": None,
            "currency": cart[0]["currency"], "metadata": dict(parameters["metadata"]),
            "client_reference_id": parameters["client_reference_id"], "customer_details": None, "customer": None,
            "recovered_from": None,
            "customer_email": parameters.get("customer_email"), "payment_intent": None, "subscription": None,
            "expires_at": parameters["expires_at"], "url": f"http://127.0.0.1:12111/c/pay/{session_id}{FRAGMENT}",
            "success_url": parameters["success_url"], "created": int(self.now().timestamp()),
        }  # fmt: skip
        return session_id

    def _trial(self, session_id: str) -> bool:
        return _trial_days(self._asked.get(session_id, {})) > 0

    def _line_items(self, session_id: str) -> list[dict[str, Any]]:
        found = []
        for line in self._carts[session_id]:
            listed = _listed(line, self._trial(session_id))
            discount, tax, on_top = line.get("discount", 0), line.get("tax", 0), line.get("on_top", 0)
            product = line.get("product_data") or self.products.get(line.get("product", ""), {})
            found.append(
                {
                    "object": "item", "amount_subtotal": listed, "amount_discount": discount, "amount_tax": tax,
                    "amount_total": listed - discount + on_top,
                    "taxes": line.get("taxes", []), "currency": line["currency"], "quantity": line["quantity"],
                    "description": product.get("name", ""),
                    "price": {
                        "object": "price", "unit_amount": line["unit_amount"], "currency": line["currency"],
                        **({"id": line["id"]} if "id" in line else {}),
                        "recurring": {"interval": line["recurring"]["interval"]} if line["recurring"] else None,
                    },
                }
            )  # fmt: skip
        return found

    def _expanded(self, session: dict[str, Any]) -> dict[str, Any]:
        """A Session with its invoice, its payment and the charge of that."""
        invoice, payment = self.invoices.get(session["invoice"]), self.payment_intents.get(session["payment_intent"])
        if payment:
            payment = {**payment, "latest_charge": self.charges.get(payment["latest_charge"] or "")}
        return {**session, "invoice": invoice, "payment_intent": payment}

    def _price(self, line: dict[str, Any], currency: str | None) -> dict[str, Any]:
        if "price" not in line:
            described: dict[str, Any] = line["price_data"]
            return described
        if line["price"] not in self.prices:
            raise StripeRefused("resource_missing", f"No such price: '{line['price']}'")
        if not self.prices[line["price"]]["active"]:
            raise StripeRefused("invalid_request_error", "The price specified is inactive.")
        price = self.prices[line["price"]]
        if currency and currency != price["currency"]:
            if currency not in (others := self._currency_options.get(price["id"], {})):
                raise StripeRefused("invalid_request_error", f"The price specified has no {currency}.")
            return {**price, "currency": currency, "unit_amount": others[currency]}
        return price

    def _payment_of(self, session: dict[str, Any]) -> dict[str, Any]:
        """The Session's PaymentIntent, made at the first attempt to pay."""
        if session["payment_intent"]:
            return self.payment_intents[session["payment_intent"]]
        # Its metadata is its own: what the Session says is not handed down.
        named = self._asked.get(session["id"], {}).get("payment_intent_data", session).get("metadata")
        made = self.bill(session["amount_total"], session["currency"], metadata=named, customer=session["customer"])
        session["payment_intent"] = made["id"]
        return made


def _total(cart: list[dict[str, Any]], *, trial: bool) -> int:
    """What a cart costs now; during a trial its plans cost nothing."""
    return sum(_listed(line, trial) for line in cart)


def _listed(line: dict[str, Any], trial: bool) -> int:
    """What a line of a cart costs at its list price."""
    return 0 if trial and line["recurring"] else int(line["quantity"] * line["unit_amount"])


def _trial_days(parameters: dict[str, Any]) -> int:
    return int(parameters.get("subscription_data", {}).get("trial_period_days", 0))


def event_about(subject: dict[str, Any], kind: str, *, number: int | str, livemode: bool = False) -> dict[str, Any]:
    """An event as Stripe builds it around an object."""
    return {
        "id": f"evt_test_{number}", "object": "event", "api_version": "2026-10-28.endive", "created": int(time.time()),
        "type": kind, "livemode": livemode, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
        "data": {"object": subject},
    }  # fmt: skip


def signed(event: dict[str, Any], *, secret: str = SECRET, at: int | None = None) -> tuple[bytes, str]:
    """The request body as Stripe prints it, and the header that signs it."""
    body = orjson.dumps(event, option=orjson.OPT_INDENT_2)
    return body, stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)

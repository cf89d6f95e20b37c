"""Calls to Stripe, all of them. Answers leave it as plain dictionaries or our own facts, failures as members of our family."""

import random
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property, partial
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from core.foundation.errors import (
    CheckoutNotFound,
    PermissionMissing,
    StripeFaulty,
    StripeKeyRefused,
    StripeRefused,
    StripeTrouble,
    StripeUnreachable,
)
from core.gateway.objects import id_of
from core.gateway.sessions import SessionFacts, read_session

if TYPE_CHECKING:
    import stripe

# How long Stripe may take to answer, each of the three times that it is asked.
_ANSWER_SECONDS = 20
# How long one waits, time after time, for Stripe's limit on calls to let the next page of a list through, in seconds.
_LIMITED = (0.5, 1.0, 2.0, 4.0, 8.0)
# So many types of events may be asked for at once.
_TYPES_AT_ONCE = 20
# Of a key that is no good (any more), whatever the status it comes with.
_KEY_CODES = ("api_key_expired", "platform_api_key_expired", "secret_key_required")
# Of a Session: only what was made by its payment says when that was.
_WITH_ITS_PAYMENT = ["invoice", "payment_intent.latest_charge"]


class Stripe(Protocol):
    """What the shop asks of Stripe. Every method may raise StripeUnreachable, StripeKeyRefused or StripeRefused.

    `find_…` and `retrieve_…` give Stripe's own JSON. Where Stripe has no such thing, or not what it is asked to look by,
    a `find` gives None and `refunds_of` nothing.
    """

    def open_checkout(self, parameters: dict[str, Any], *, key: str) -> SessionFacts: ...
    def retrieve_checkout(self, session_id: str) -> SessionFacts: ...
    def expire_checkout(self, session_id: str) -> SessionFacts: ...
    def undelivered_events(self, *, since: datetime, types: Sequence[str]) -> Iterator[dict[str, Any]]: ...
    def events(self, *, since: datetime, types: Sequence[str]) -> Iterator[dict[str, Any]]: ...
    def refund(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def refunds_of(self, charge: str) -> list[dict[str, Any]]: ...
    def find_charge(self, charge: str) -> dict[str, Any] | None: ...
    def find_charge_of(self, payment_intent: str) -> dict[str, Any] | None: ...
    def find_subscription(self, subscription: str) -> dict[str, Any] | None: ...
    def find_invoice(self, invoice: str) -> dict[str, Any] | None: ...
    def find_checkout_of(self, *, payment_intent: str = "", subscription: str = "") -> dict[str, Any] | None: ...
    def find_invoice_of(self, payment_intent: str) -> dict[str, Any] | None: ...
    def line_items_of(self, session_id: str) -> list[dict[str, Any]]: ...
    def lines_of_invoice(self, invoice: str) -> list[dict[str, Any]]: ...
    def payment_intent_of_invoice(self, invoice: str) -> str | None: ...
    def invoices_of_subscription(self, subscription: str) -> list[dict[str, Any]]: ...
    def cancel_subscription(self, subscription: str) -> dict[str, Any]: ...
    def preview_quantity(self, subscription: str, item: str, quantity: int, *, at: int) -> int: ...
    def change_quantity(self, subscription: str, item: str, quantity: int, *, at: int, key: str) -> dict[str, Any]: ...
    def open_portal(self, customer: str, *, return_url: str, cancel: str = "") -> str: ...
    def balance_transactions(self, *, since: datetime, before: datetime | None = None) -> Iterator[dict[str, Any]]: ...
    def transactions_of_payout(self, payout: str) -> Iterator[dict[str, Any]]: ...
    def payouts(self, *, since: datetime) -> Iterator[dict[str, Any]]: ...
    def find_price(self, price: str) -> dict[str, Any] | None: ...
    def create_price(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def archive_price(self, price: str) -> dict[str, Any]: ...
    def create_coupon(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def create_promotion_code(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def find_promotion_code(self, code: str) -> dict[str, Any] | None: ...
    def end_promotion_code(self, code: str) -> dict[str, Any]: ...


class StripeApi:
    """Stripe over HTTP, or a stand-in for it at `base`. One per process; safe to share between threads.

    `http_client` carries the requests in place of the usual one, for whoever wants to see the answers on their way.
    """

    def __init__(
        self, secret_key: str, *, base: str | None = None, http_client: "stripe.HTTPClient | None" = None
    ) -> None:
        self._secret_key = secret_key
        self._base = base
        self._http_client = http_client

    @cached_property
    def _client(self) -> "stripe.StripeClient":
        import stripe  # half a second: only where Stripe is really called

        from core.gateway.http_client import ToldRequests

        if self._base:
            stripe.enable_telemetry = False
        return stripe.StripeClient(
            self._secret_key,
            base_addresses={"api": self._base} if self._base else {},
            max_network_retries=2,  # the client's own default is none
            http_client=self._http_client or ToldRequests(timeout=_ANSWER_SECONDS),
        )

    def open_checkout(self, parameters: dict[str, Any], *, key: str) -> SessionFacts:
        """Create a Checkout Session, or get the one that was created before under this idempotency key."""
        return read_session(
            self._ask(lambda: self._client.v1.checkout.sessions.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]
        )

    def retrieve_checkout(self, session_id: str) -> SessionFacts:
        """The Session as it is at Stripe now. Raises CheckoutNotFound if Stripe does not know it."""
        asked = {"expand": _WITH_ITS_PAYMENT}
        try:
            return read_session(self._ask(lambda: self._client.v1.checkout.sessions.retrieve(session_id, asked)))  # type: ignore[arg-type]
        except StripeRefused as refusal:
            if refusal.code == "resource_missing":
                raise CheckoutNotFound(session_id=session_id) from refusal
            raise

    def expire_checkout(self, session_id: str) -> SessionFacts:
        """Make an open Session unpayable. If it was paid or had expired in the meantime, return it as it is."""
        try:
            return read_session(self._ask(lambda: self._client.v1.checkout.sessions.expire(session_id)))
        except StripeRefused:
            return self.retrieve_checkout(session_id)

    def undelivered_events(self, *, since: datetime, types: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Stripe's events of these types since then that no endpoint has acknowledged, newest first."""
        return self._events({"delivery_success": False, "created": {"gte": int(since.timestamp())}}, types)

    def events(self, *, since: datetime, types: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Stripe's events of these types since then, newest first. Stripe keeps them for 30 days."""
        return self._events({"created": {"gte": int(since.timestamp())}}, types)

    def refund(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Send money back, once per idempotency key."""
        return self._ask(lambda: self._client.v1.refunds.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]

    def refunds_of(self, charge: str) -> list[dict[str, Any]]:
        """Every refund of a charge, newest first."""
        return list(self._all_of(lambda: self._client.v1.refunds.list({"charge": charge, "limit": 100})))

    def find_charge(self, charge: str) -> dict[str, Any] | None:
        """A charge."""
        return self._find(lambda: self._client.v1.charges.retrieve(charge))

    def find_charge_of(self, payment_intent: str) -> dict[str, Any] | None:
        """The newest charge of a PaymentIntent: the one that was paid, if one was."""
        return self._first(lambda: self._client.v1.charges.list({"payment_intent": payment_intent, "limit": 1}))

    def find_invoice(self, invoice: str) -> dict[str, Any] | None:
        """An invoice as it is now."""
        return self._find(lambda: self._client.v1.invoices.retrieve(invoice))

    def find_subscription(self, subscription: str) -> dict[str, Any] | None:
        """A subscription as it is now, with the products that its prices are for, and the coupons of its discounts."""
        wanted = ["items.data.price.product", "discounts.source.coupon"]
        return self._find(lambda: self._client.v1.subscriptions.retrieve(subscription, {"expand": wanted}))

    def find_checkout_of(self, *, payment_intent: str = "", subscription: str = "") -> dict[str, Any] | None:
        """The Session that made a payment, or a subscription; that of a subscription made no payment of its own."""
        made = {"payment_intent": payment_intent} if payment_intent else {"subscription": subscription}
        asked = {**made, "limit": 1, "expand": [f"data.{part}" for part in _WITH_ITS_PAYMENT]}
        return self._first(lambda: self._client.v1.checkout.sessions.list(asked))  # type: ignore[arg-type]

    def find_invoice_of(self, payment_intent: str) -> dict[str, Any] | None:
        """The invoice that a PaymentIntent paid; since 2025-03-31 only invoice payments lead there."""
        payment = self._first(
            lambda: self._client.v1.invoice_payments.list(
                {"payment": {"type": "payment_intent", "payment_intent": payment_intent}, "limit": 1}
            )
        )
        if payment is None:
            return None
        return self.find_invoice(str(id_of(payment["invoice"])))

    def line_items_of(self, session_id: str) -> list[dict[str, Any]]:
        """What a Session sells, in the order of its cart, with the discount of each, and its taxes with their rates."""
        asked = {"limit": 100, "expand": ["data.taxes"]}
        return list(self._all_of(lambda: self._client.v1.checkout.sessions.line_items.list(session_id, asked)))  # type: ignore[arg-type]

    def invoices_of_subscription(self, subscription: str) -> list[dict[str, Any]]:
        """The invoices of a subscription with their lines, newest first: the last hundred, which is eight years of months."""
        asked = {"subscription": subscription, "limit": 100}
        page = self._ask_unless_missing(lambda: self._client.v1.invoices.list(asked))  # type: ignore[arg-type]
        return list(page.to_dict(for_json=True)["data"]) if page else []

    def cancel_subscription(self, subscription: str) -> dict[str, Any]:
        """End a subscription now; nothing is refunded or billed. One that has ended already is returned as it is."""
        try:
            return self._ask(lambda: self._client.v1.subscriptions.cancel(subscription))
        except StripeRefused:
            # Stripe says of one that is over that there is none.
            found = self.find_subscription(subscription)
            if found is None or found["status"] not in ("canceled", "incomplete_expired"):
                raise
            return found

    def preview_quantity(self, subscription: str, item: str, quantity: int, *, at: int) -> int:
        """What another quantity of an item would bill at once for the rest of the period if it were changed at this moment, in
        minor units; below zero is credited."""
        change = {"items": [{"id": item, "quantity": quantity}], "proration_behavior": "always_invoice"}
        asked: Any = {"subscription": subscription, "subscription_details": {**change, "proration_date": at}}
        found = self._ask(lambda: self._client.v1.invoices.create_preview(asked))
        return int(found["total"])

    def change_quantity(self, subscription: str, item: str, quantity: int, *, at: int, key: str) -> dict[str, Any]:
        """Bill for another quantity of an item from now on; the difference for the rest of the period is invoiced at once, as it
        was worked out for this moment. Where the card declines it, the plan is past due, and its grace begins."""
        asked: Any = {
            "items": [{"id": item, "quantity": quantity}], "proration_behavior": "always_invoice", "proration_date": at,
        }  # fmt: skip
        return self._ask(lambda: self._client.v1.subscriptions.update(subscription, asked, {"idempotency_key": key}))

    def lines_of_invoice(self, invoice: str) -> list[dict[str, Any]]:
        """What an invoice bills for, in its order, with the discount and the tax of each."""
        return list(self._all_of(lambda: self._client.v1.invoices.line_items.list(invoice, {"limit": 100})))

    def payment_intent_of_invoice(self, invoice: str) -> str | None:
        """The PaymentIntent by which an invoice was paid: what a refund of it must name. None if it was paid without one."""
        payment = self._first(lambda: self._client.v1.invoice_payments.list({"invoice": invoice, "limit": 1}))
        return id_of((payment["payment"] or {}).get("payment_intent")) if payment else None

    def open_portal(self, customer: str, *, return_url: str, cancel: str = "") -> str:
        """The address of Stripe's customer portal for this customer, good for some minutes; where only the subscription
        `cancel` can be cancelled, if one is named. Stripe refuses that for one that is told to end already."""
        asked: dict[str, Any] = {"customer": customer, "return_url": return_url}
        if cancel:
            asked["flow_data"] = {
                "type": "subscription_cancel", "subscription_cancel": {"subscription": cancel},
                "after_completion": {"type": "redirect", "redirect": {"return_url": return_url}},
            }  # fmt: skip
        opened = self._ask(lambda: self._client.v1.billing_portal.sessions.create(asked))  # type: ignore[arg-type]
        return str(opened["url"])

    def balance_transactions(self, *, since: datetime, before: datetime | None = None) -> Iterator[dict[str, Any]]:
        """What moved on the account's balance from then on, newest first, with the whole of what caused it."""
        until = {"lt": int(before.timestamp())} if before else {}
        return self._transactions({"created": {"gte": int(since.timestamp()), **until}})

    def transactions_of_payout(self, payout: str) -> Iterator[dict[str, Any]]:
        """What an automatic payout pays out, and the payout itself. Stripe refuses it for one that somebody asked for."""
        return self._transactions({"payout": payout})

    def payouts(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        """The payouts that were made since then, newest first, as they are now."""
        made = {"created": {"gte": int(since.timestamp())}, "limit": 100}
        return self._all(lambda: self._client.v1.payouts.list(made))  # type: ignore[arg-type]

    def find_price(self, price: str) -> dict[str, Any] | None:
        """A price as it is now, with its product."""
        return self._find(lambda: self._client.v1.prices.retrieve(price, {"expand": ["product"]}))

    def create_price(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Create a price, or get the one that was created before under this idempotency key."""
        return self._ask(lambda: self._client.v1.prices.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]

    def archive_price(self, price: str) -> dict[str, Any]:
        """Have a price bought no more. What is billed by it already goes on."""
        return self._ask(lambda: self._client.v1.prices.update(price, {"active": False}))

    def create_coupon(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Create what a promotion code takes off, once per idempotency key."""
        return self._ask(lambda: self._client.v1.coupons.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]

    def create_promotion_code(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Create a code that buyers type, once per idempotency key."""
        return self._ask(lambda: self._client.v1.promotion_codes.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]

    def find_promotion_code(self, code: str) -> dict[str, Any] | None:
        """A promotion code as it is now, by its id, with its coupon."""
        return self._find(lambda: self._client.v1.promotion_codes.retrieve(code, {"expand": ["promotion.coupon"]}))

    def end_promotion_code(self, code: str) -> dict[str, Any]:
        """Have a code work no more. What it took off stays off."""
        return self._ask(lambda: self._client.v1.promotion_codes.update(code, {"active": False}))

    def _transactions(self, filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        asked = {**filters, "limit": 100, "expand": ["data.source"]}
        return self._all(lambda: self._client.v1.balance_transactions.list(asked))  # type: ignore[arg-type]

    def _events(self, filters: dict[str, Any], types: Sequence[str]) -> Iterator[dict[str, Any]]:
        lists = []
        for start in range(0, len(types), _TYPES_AT_ONCE):
            wanted = {**filters, "types": list(types[start : start + _TYPES_AT_ONCE]), "limit": 100}
            lists.append(self._all(partial(self._client.v1.events.list, wanted)))  # type: ignore[arg-type]
        return merge(*lists, key=itemgetter("created"), reverse=True)

    def _all(self, call: Any) -> Iterator[dict[str, Any]]:
        """Everything on a list, page by page: each is asked for when the one before has been used up."""
        yield from self._from(self._ask_patiently(call))

    def _all_of(self, call: Any) -> Iterator[dict[str, Any]]:
        """The same of a list that is filtered by an object: nothing, if Stripe has no such object."""
        first = self._ask_unless_missing(call)
        if first is not None:
            yield from self._from(first)

    def _from(self, pages: Any) -> Iterator[dict[str, Any]]:
        while True:
            for each in pages.data:
                yield each.to_dict(for_json=True)
            if not pages.has_more:
                return
            pages = self._ask_patiently(pages.next_page)

    def _find(self, call: Any) -> dict[str, Any] | None:
        found = self._ask_unless_missing(call)
        return None if found is None else found.to_dict(for_json=True)

    def _first(self, call: Any) -> dict[str, Any] | None:
        return next(self._all_of(call), None)

    def _ask(self, call: Any) -> dict[str, Any]:
        # Stripe's objects are not dictionaries (`.get` raises): convert once, here.
        answer: dict[str, Any] = self._ask_raw(call).to_dict(for_json=True)
        return answer

    def _ask_unless_missing(self, call: Any) -> Any:
        try:
            return self._ask_raw(call)
        except StripeRefused as refusal:
            # So is a list refused that is to be of an object Stripe does not have.
            if refusal.code == "resource_missing":
                return None
            raise

    def _ask_patiently(self, call: Any) -> Any:
        """The answer, asked for again after a while as long as Stripe's limit on calls keeps it back: of a long list some
        page always would be, and a list that broke off is begun anew."""
        for wait in _LIMITED:
            try:
                return self._ask_raw(call)
            except StripeUnreachable as error:
                if error.code != "rate_limit":
                    raise
            time.sleep(wait * random.uniform(1, 1.25))
        return self._ask_raw(call)

    def _ask_raw(self, call: Any) -> Any:
        import stripe

        try:
            return call()
        except stripe.StripeError as error:
            raise _kind_of(error)(_code(error), str(error), error.request_id or "") from error


def _kind_of(error: "stripe.StripeError") -> type[StripeTrouble]:
    """Which member of our family this is."""
    import stripe

    match error:
        case stripe.RateLimitError() if _code(error) == "lock_timeout":
            return StripeFaulty  # somebody else has this one object in hand
        case stripe.APIConnectionError() | stripe.RateLimitError():
            return StripeUnreachable
        case stripe.PermissionError():
            return PermissionMissing
        case stripe.AuthenticationError():
            return StripeKeyRefused
        case stripe.InvalidRequestError() | stripe.IdempotencyError():
            return StripeKeyRefused if _code(error) in _KEY_CODES else StripeRefused
        case _:
            return StripeFaulty


def _code(error: "stripe.StripeError") -> str:
    # Some refusals have no code of their own, such as that of a key used for something else: then their type says most.
    detail = error.error
    said = (getattr(detail, name, None) for name in ("code", "type"))
    return next(filter(None, said), None) or error.code or type(error).__name__

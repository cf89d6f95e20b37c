"""Calls to Stripe, all of them. Answers leave it as plain dictionaries or our own facts, failures as members of our family."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from heapq import merge
from operator import itemgetter
from typing import Any, Protocol

from core.foundation.errors import CheckoutNotFound, PermissionMissing, StripeRefused
from core.gateway.asking import Asking
from core.gateway.objects import id_of
from core.gateway.sessions import SessionFacts, read_session

# So many types of events may be asked for at once.
_TYPES_AT_ONCE = 20
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
    def checkouts_completed(self, *, since: datetime) -> Iterator[dict[str, Any]]: ...
    def refunds_made(self, *, since: datetime) -> Iterator[dict[str, Any]]: ...
    def disputes_raised(self, *, since: datetime) -> Iterator[dict[str, Any]]: ...
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
    def payments_of_invoice(self, invoice: str) -> dict[str, int]: ...
    def invoices_of_subscription(self, subscription: str) -> list[dict[str, Any]]: ...
    def cancel_subscription(self, subscription: str) -> dict[str, Any]: ...
    def end_later(self, subscription: str) -> dict[str, Any]: ...
    def preview_item(self, subscription: str, item: str, changes: dict[str, Any], *, at: int) -> int: ...
    def next_bill(self, subscription: str) -> int: ...
    def change_item(
        self, subscription: str, item: str, changes: dict[str, Any], *, at: int, key: str
    ) -> dict[str, Any]: ...
    def open_portal(self, customer: str, *, configuration: str, return_url: str, cancel: str = "") -> str: ...
    def balance_transactions(self, *, since: datetime, before: datetime | None = None) -> Iterator[dict[str, Any]]: ...
    def transactions_of_payout(self, payout: str) -> Iterator[dict[str, Any]]: ...
    def payouts(self, *, since: datetime) -> Iterator[dict[str, Any]]: ...
    def find_price(self, price: str) -> dict[str, Any] | None: ...
    def create_price(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def archive_price(self, price: str) -> dict[str, Any]: ...
    def price_by_key(self, lookup_key: str) -> dict[str, Any] | None: ...
    def find_product(self, product: str) -> dict[str, Any] | None: ...
    def make_product(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def change_product(self, product: str, changes: dict[str, Any]) -> dict[str, Any]: ...
    def portals(self) -> list[dict[str, Any]]: ...
    def make_portal(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def set_up_portal(self, configuration: str, features: dict[str, Any]) -> dict[str, Any]: ...
    def create_coupon(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def create_promotion_code(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def find_promotion_code(self, code: str) -> dict[str, Any] | None: ...
    def end_promotion_code(self, code: str) -> dict[str, Any]: ...


class StripeApi(Asking):
    """Stripe itself, or what stands in for it."""

    def open_checkout(self, parameters: dict[str, Any], *, key: str) -> SessionFacts:
        """Create a Checkout Session, or get the one that was created before under this idempotency key."""
        return read_session(self._make("/v1/checkout/sessions", parameters, key=key))

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

    def checkouts_completed(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        """The account's Checkout Sessions that were opened since then and completed, newest first, however old."""
        asked = {"created": {"gte": int(since.timestamp())}, "status": "complete", "limit": 100}
        expanded = {**asked, "expand": [f"data.{part}" for part in _WITH_ITS_PAYMENT]}
        return self._all(lambda: self._client.v1.checkout.sessions.list(expanded))  # type: ignore[arg-type]

    def refunds_made(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        """The account's refunds that were made since then, newest first."""
        made = {"created": {"gte": int(since.timestamp())}, "limit": 100}
        return self._all(lambda: self._client.v1.refunds.list(made))  # type: ignore[arg-type]

    def disputes_raised(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        """The disputes that were raised since then, newest first."""
        raised = {"created": {"gte": int(since.timestamp())}, "limit": 100}
        return self._all(lambda: self._client.v1.disputes.list(raised))  # type: ignore[arg-type]

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
        """A subscription as it is now, with the products that its prices are for, and the coupons of its discounts and of those of
        its items, with what these apply to, and its newest invoice. Where a schedule changes it, with that one."""
        wanted = ["items.data.price.product", "discounts.source.coupon.applies_to", "latest_invoice"]
        found = self._find(lambda: self._client.v1.subscriptions.retrieve(subscription, {"expand": wanted}))
        for item in found["items"]["data"] if found else []:
            if item.get("discounts"):
                # From the subscription down that would be two levels more than Stripe expands, and from a list of items one.
                item["discounts"] = self._discounts_of(item["id"]) or item["discounts"]
        if found and isinstance(found.get("schedule"), str):
            found["schedule"] = self._schedule(found["schedule"]) or found["schedule"]
        return found

    def _schedule(self, schedule: str) -> dict[str, Any] | None:
        """A subscription's schedule with its prices. How a plan stands now is known without it: a key that may not read it, or a
        Stripe that gives it otherwise, keeps back no more than what is to come."""
        asked: Any = {"expand": ["phases.items.price"]}
        try:
            return self._find(lambda: self._client.v1.subscription_schedules.retrieve(schedule, asked))
        except (PermissionMissing, StripeRefused):
            return None

    def _discounts_of(self, item: str) -> list[dict[str, Any]]:
        asked: Any = {"expand": ["discounts.source.coupon.applies_to"]}
        found = self._find(lambda: self._client.v1.subscription_items.retrieve(item, asked))
        return found["discounts"] if found else []

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

    def end_later(self, subscription: str) -> dict[str, Any]:
        """Have a subscription end when the period that was paid for does. One that has ended already is returned as it is."""
        changes = {"cancel_at_period_end": True}
        try:
            return self._ask(lambda: self._client.v1.subscriptions.update(subscription, changes))  # type: ignore[arg-type]
        except StripeRefused:
            found = self.find_subscription(subscription)
            if found is None or found["status"] not in ("canceled", "incomplete_expired"):
                raise
            return found

    def preview_item(self, subscription: str, item: str, changes: dict[str, Any], *, at: int) -> int:
        """What another quantity or price of an item would bill at once if it were changed at this moment, in minor units: for the
        rest of the period, or for a new one where the price has another interval. Below zero is credited."""
        change = {"items": [{"id": item, **changes}], "proration_behavior": "always_invoice"}
        asked: Any = {"subscription": subscription, "subscription_details": {**change, "proration_date": at}}
        found = self._ask(lambda: self._client.v1.invoices.create_preview(asked))
        return int(found["total"])

    def next_bill(self, subscription: str) -> int:
        """What will be charged when a subscription bills next, in minor units: with its discounts and taxes, and less what its
        buyer has been credited. Raises StripeRefused for one that bills no more."""
        asked: Any = {"subscription": subscription}
        return int(self._ask(lambda: self._client.v1.invoices.create_preview(asked))["amount_due"])

    def change_item(
        self, subscription: str, item: str, changes: dict[str, Any], *, at: int, key: str
    ) -> dict[str, Any]:
        """Bill for another quantity or price of an item from now on; what that comes to is invoiced at once, as it was worked out
        for this moment. Where the card declines it, the plan is past due, and its grace begins."""
        asked: Any = {
            "items": [{"id": item, **changes}], "proration_behavior": "always_invoice", "proration_date": at,
        }  # fmt: skip
        return self._ask(lambda: self._client.v1.subscriptions.update(subscription, asked, {"idempotency_key": key}))

    def lines_of_invoice(self, invoice: str) -> list[dict[str, Any]]:
        """What an invoice bills for, in its order, with the discount and the tax of each."""
        return list(self._all_of(lambda: self._client.v1.invoices.line_items.list(invoice, {"limit": 100})))

    def payment_intent_of_invoice(self, invoice: str) -> str | None:
        """The PaymentIntent by which an invoice was paid: what a refund of it must name. None if it was paid without one."""
        # Others of an invoice may have been given up, or be about to pay it: of those the list would name the newest.
        paid: dict[str, Any] = {"invoice": invoice, "status": "paid", "limit": 1}
        payment = self._first(lambda: self._client.v1.invoice_payments.list(paid))  # type: ignore[arg-type]
        return id_of((payment["payment"] or {}).get("payment_intent")) if payment else None

    def payments_of_invoice(self, invoice: str) -> dict[str, int]:
        """The PaymentIntents by which an invoice was paid, newest first, and how much each brought, in minor units: mostly there is
        one. What was paid without one is not among them."""
        paid: dict[str, Any] = {"invoice": invoice, "status": "paid", "limit": 100}
        found = self._all_of(lambda: self._client.v1.invoice_payments.list(paid))  # type: ignore[arg-type]
        made = [(id_of((each["payment"] or {}).get("payment_intent")), int(each["amount_paid"] or 0)) for each in found]
        return {name: amount for name, amount in made if name and amount}

    def open_portal(self, customer: str, *, configuration: str, return_url: str, cancel: str = "") -> str:
        """The address of Stripe's customer portal for this customer, good for some minutes; where only the subscription
        `cancel` can be cancelled, if one is named. Stripe refuses that for one that is told to end already."""
        asked: dict[str, Any] = {"customer": customer, "configuration": configuration, "return_url": return_url}
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

    def price_by_key(self, lookup_key: str) -> dict[str, Any] | None:
        """The price on sale with this lookup key, with its product, or None."""
        asked = {"lookup_keys": [lookup_key], "active": True, "limit": 1, "expand": ["data.product"]}
        return self._first(lambda: self._client.v1.prices.list(asked))  # type: ignore[arg-type]

    def find_product(self, product: str) -> dict[str, Any] | None:
        """A product as it is now."""
        return self._find(lambda: self._client.v1.products.retrieve(product))

    def make_product(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Create a product, or get the one that was created before under this idempotency key."""
        return self._ask(lambda: self._client.v1.products.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]

    def change_product(self, product: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Have a product called otherwise, or taxed as something else."""
        return self._ask(lambda: self._client.v1.products.update(product, changes))  # type: ignore[arg-type]

    def portals(self) -> list[dict[str, Any]]:
        """The configurations of the customer portal that are in use."""
        return list(
            self._all(lambda: self._client.v1.billing_portal.configurations.list({"active": True, "limit": 100}))
        )

    def make_portal(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Create a configuration of the portal, or get the one that was created before under this idempotency key."""
        made = self._client.v1.billing_portal.configurations
        return self._ask(lambda: made.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]

    def set_up_portal(self, configuration: str, features: dict[str, Any]) -> dict[str, Any]:
        """Let buyers do this in the portal."""
        changes = {"features": features}
        return self._ask(lambda: self._client.v1.billing_portal.configurations.update(configuration, changes))  # type: ignore[arg-type]

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

"""The part of the fake Stripe that bills by the month: subscriptions, invoices, and the payments that carry no metadata."""

import calendar
from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from itertools import count
from typing import Any

from core.foundation.errors import StripeRefused
from tests.fake_payments import FakePayments


class FakeBilling(FakePayments):
    """Subscriptions and their invoices as Stripe keeps them."""

    now: Callable[[], datetime]
    sessions: dict[str, dict[str, Any]]
    portal_configurations: dict[str, dict[str, Any]]
    _called: Callable[[str], None]
    _answer: Callable[[], None]
    _numbers: "count[int]"

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.invoices: dict[str, dict[str, Any]] = {}
        self.products: dict[str, dict[str, Any]] = {}
        self.coupons: dict[str, dict[str, Any]] = {}
        # Where the portal leads from each time that it was opened.
        self.ways_back: list[str] = []
        # From each PaymentIntent to the invoice that it pays, or is to pay.
        self.invoice_payments: dict[str, str] = {}

    # -- what the shop asks

    def find_subscription(self, subscription: str) -> dict[str, Any] | None:
        """As Stripe answers, with what was asked to be expanded."""
        self._called("find_subscription")
        found = deepcopy(self.subscriptions.get(subscription))
        for item in found["items"]["data"] if found else []:
            item["price"]["product"] = deepcopy(self.products[item["price"]["product"]])
        of_items = [each for item in found["items"]["data"] for each in item.get("discounts", [])] if found else []
        for discount in [*found["discounts"], *of_items] if found else []:
            discount["source"]["coupon"] = deepcopy(self.coupons[discount["source"]["coupon"]])
        if found:
            found["latest_invoice"] = deepcopy(next(reversed(self.invoices_of(subscription)), None))
        return found

    def invoices_of_subscription(self, subscription: str) -> list[dict[str, Any]]:
        self._called("invoices_of_subscription")
        return deepcopy(self.invoices_of(subscription)[::-1])

    def cancel_subscription(self, subscription: str) -> dict[str, Any]:
        self._called("cancel_subscription")
        if subscription not in self.subscriptions:
            raise StripeRefused("resource_missing", f"No such subscription: '{subscription}'")
        if self.subscriptions[subscription]["status"] not in ("canceled", "incomplete_expired"):
            self.end(subscription)
        self._answer()
        return deepcopy(self.subscriptions[subscription])

    def end_later(self, subscription: str) -> dict[str, Any]:
        self._called("end_later")
        if subscription not in self.subscriptions:
            raise StripeRefused("resource_missing", f"No such subscription: '{subscription}'")
        if self.subscriptions[subscription]["status"] not in ("canceled", "incomplete_expired"):
            self.cancel_later(subscription)
        self._answer()
        return deepcopy(self.subscriptions[subscription])

    def preview_item(self, subscription: str, item: str, changes: dict[str, Any], *, at: int) -> int:
        self._called("preview_item")
        return sum(each["amount"] for each in self._cost_of_change(subscription, item, changes)[1])

    def next_bill(self, subscription: str) -> int:
        self._called("next_bill")
        if subscription not in self.subscriptions:
            raise StripeRefused("resource_missing", f"No such subscription: '{subscription}'")
        found = self.subscriptions[subscription]
        lines = self._period_lines(found)
        off = sum(self._off(each, lines) for each in found.get("discounts", []))
        return sum(int(line["amount"]) for line in lines) - off

    def change_item(
        self, subscription: str, item: str, changes: dict[str, Any], *, at: int, key: str
    ) -> dict[str, Any]:
        self._called("change_item")
        changed, lines = self._cost_of_change(subscription, item, changes)
        found = self.subscriptions[subscription]
        if changed != found["items"]["data"][0]:
            found["items"]["data"][0] = changed
            if found["status"] == "trialing":
                return deepcopy(found)
            invoice = self._invoice(found, "subscription_update", lines)
            invoice["created"] = self._stamp()
            self._pay(invoice) if invoice["total"] > 0 else self._credit(invoice)
        self._answer()
        return deepcopy(found)

    def _cost_of_change(
        self, subscription: str, item: str, changes: dict[str, Any]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The item as a change leaves it, and what is billed and credited for that: as if the whole period were still to come."""
        found = self.subscriptions[subscription]["items"]["data"][0]
        assert found["id"] == item
        changed = {**deepcopy(found), "quantity": changes.get("quantity", found["quantity"])}
        if "price" in changes:
            changed["price"] = self.on_sale(self.prices[changes["price"]])
        credit = self._line(found, self._sold(found, -1), change=True)
        tried = self.subscriptions[subscription]["status"] == "trialing"
        restarts = not tried and changed["price"]["recurring"] != found["price"]["recurring"]
        if restarts:
            start = self._stamp()
            ends = _period_end(start, changed["price"]["recurring"]["interval"])
            changed |= {"current_period_start": start, "current_period_end": ends}
        return changed, [credit, self._line(changed, self._sold(changed), change=not restarts)]

    def _credit(self, invoice: dict[str, Any]) -> None:
        """What is credited is taken off what comes next: nothing is paid."""
        invoice.update(status="paid", amount_due=0, amount_paid=0)
        invoice["status_transitions"]["paid_at"] = self._stamp()

    def find_checkout_of(self, *, payment_intent: str = "", subscription: str = "") -> dict[str, Any] | None:
        self._called("find_checkout_of")
        made, name = ("payment_intent", payment_intent) if payment_intent else ("subscription", subscription)
        found = next((each for each in self.sessions.values() if each[made] == name), None)
        return deepcopy(self._expanded(found)) if found else None

    def find_invoice(self, invoice: str) -> dict[str, Any] | None:
        self._called("find_invoice")
        return deepcopy(self.invoices.get(invoice))

    def find_invoice_of(self, payment_intent: str) -> dict[str, Any] | None:
        self._called("find_invoice_of")
        return deepcopy(self.invoices.get(self.invoice_payments.get(payment_intent, "")))

    def lines_of_invoice(self, invoice: str) -> list[dict[str, Any]]:
        self._called("lines_of_invoice")
        if invoice not in self.invoices:
            raise StripeRefused("resource_missing", f"No such invoice: '{invoice}'")
        return deepcopy(self.invoices[invoice]["lines"]["data"])

    def payment_intent_of_invoice(self, invoice: str) -> str | None:
        self._called("payment_intent_of_invoice")
        return next((payment for payment, paid in self.invoice_payments.items() if paid == invoice), None)

    def payments_of_invoice(self, invoice: str) -> dict[str, int]:
        self._called("payments_of_invoice")
        found = [payment for payment, paid in self.invoice_payments.items() if paid == invoice]
        return {payment: int(self.payment_intents[payment]["amount"]) for payment in reversed(found)}

    def open_portal(self, customer: str, *, configuration: str, return_url: str, cancel: str = "") -> str:
        self._called("open_portal")
        if configuration not in self.portal_configurations:
            raise StripeRefused("resource_missing", f"No such configuration: '{configuration}'")
        if all(each["customer"] != customer for each in self.sessions.values()):
            raise StripeRefused("resource_missing", f"No such customer: '{customer}'")
        if cancel and cancel not in self.subscriptions:
            raise StripeRefused("resource_missing", f"No such subscription: '{cancel}'")
        self.ways_back.append(return_url)
        return f"http://127.0.0.1:12111/p/session/{customer}" + (f"/cancel/{cancel}" if cancel else "")

    # -- what happens at Stripe

    def payment_of(self, subscription: str) -> str | None:
        """The PaymentIntent of the newest paid invoice: none, if that one cost nothing."""
        paid = [each["id"] for each in self.invoices_of(subscription) if each["status"] == "paid"]
        return next((payment for payment, invoice in self.invoice_payments.items() if [invoice] == paid[-1:]), None)

    def invoices_of(self, subscription: str) -> list[dict[str, Any]]:
        """Its invoices, oldest first."""
        return [
            invoice
            for invoice in self.invoices.values()
            if invoice["parent"] and invoice["parent"]["subscription_details"]["subscription"] == subscription
        ]

    def renew(self, subscription_id: str) -> dict[str, Any]:
        """A renewal is paid: a new one, or at last the one that had failed. Returns the invoice."""
        subscription = self.subscriptions[subscription_id]
        owed = next((each for each in self.invoices_of(subscription_id) if each["status"] == "open"), None)
        if owed is None:
            self._next_period(subscription)
            lines = self._period_lines(subscription)
            parts = {each["id"]: self._off(each, lines) for each in subscription["discounts"] if each["promotion_code"]}
            owed = self._invoice(subscription, "subscription_cycle", lines, discount=sum(parts.values()))
            if parts:
                owed["total_discount_amounts"] = [{"amount": off, "discount": name} for name, off in parts.items()]
        subscription["status"] = "active"
        return self._pay(owed)

    def _off(self, discount: dict[str, Any], lines: list[dict[str, Any]]) -> int:
        coupon = self.coupons[discount["source"]["coupon"]]
        return int(coupon["amount_off"] or sum(line["amount"] for line in lines) * coupon["percent_off"] / 100)

    def fail_renewal(self, subscription_id: str) -> dict[str, Any]:
        """A renewal is due and the card declines: the period moves all the same. Returns the open invoice."""
        subscription = self.subscriptions[subscription_id]
        self._next_period(subscription)
        subscription["status"] = "past_due"
        invoice = self._invoice(subscription, "subscription_cycle", self._period_lines(subscription))
        self.refuse(self._payment_for(invoice))
        return invoice

    def fail_to_bill(self, subscription_id: str, code: str = "customer_tax_location_invalid") -> dict[str, Any]:
        """A renewal is due, and its invoice cannot be made out: it stays a draft, and the plan goes on. Returns the draft."""
        subscription = self.subscriptions[subscription_id]
        self._next_period(subscription)
        invoice = self._invoice(subscription, "subscription_cycle", self._period_lines(subscription))
        error = {"type": "invalid_request_error", "code": code, "message": "The customer's location isn't recognized."}
        invoice.update(status="draft", last_finalization_error=error)
        return invoice

    def credit(
        self, invoice_id: str, amount: int, *, tax: int = 0, refunds: Sequence[dict[str, Any]] = (), outside: int = 0,
        metadata: dict[str, str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """A credit note from Stripe's dashboard for an invoice that was paid. What of it is no refund, and was not paid `outside`,
        is taken off what its buyer is billed next. Returns the note."""
        invoice, back = self.invoices[invoice_id], sum(each["amount"] for each in refunds)
        invoice["post_payment_credit_notes_amount"] = invoice.get("post_payment_credit_notes_amount", 0) + amount
        return {
            "id": f"cn_test_{next(self._numbers)}", "object": "credit_note", "status": "issued", "type": "post_payment",
            "amount": amount, "total": amount, "subtotal": amount, "total_excluding_tax": amount - tax, "invoice": invoice_id,
            "currency": invoice["currency"], "customer": invoice["customer"], "created": self._stamp(), "effective_at": None,
            "total_taxes": [{"amount": tax, "tax_behavior": "exclusive"}] if tax else [], "memo": None, "reason": None,
            "post_payment_amount": amount, "pre_payment_amount": 0, "out_of_band_amount": outside or None, "voided_at": None,
            "refunds": [{"amount_refunded": each["amount"], "refund": each["id"]} for each in refunds], "livemode": False,
            "customer_balance_transaction": "cbtxn_1" if amount > back + outside else None, "metadata": dict(metadata or {}),
        }  # fmt: skip

    def raise_seats(
        self, subscription_id: str, quantity: int, *, price: str = "", declined: bool = False
    ) -> dict[str, Any]:
        """The buyer takes another number of seats in mid-period, perhaps of another plan, billed at once for the whole period.
        Returns the invoice."""
        subscription = self.subscriptions[subscription_id]
        item = subscription["items"]["data"][0]
        before = deepcopy(item)
        item["quantity"] = quantity
        item["price"] = self.on_sale(self.prices[price]) if price else item["price"]
        lines = [self._line(each, self._sold(each, times), change=True) for each, times in ((before, -1), (item, 1))]
        invoice = self._invoice(subscription, "subscription_update", lines)
        invoice["created"] = self._stamp()
        if invoice["total"] <= 0:
            self._credit(invoice)
            return invoice
        if not declined:
            return self._pay(invoice)
        subscription["status"] = "past_due"
        self.refuse(self._payment_for(invoice))
        return invoice

    def give_up_invoice(self, invoice_id: str, status: str) -> dict[str, Any]:
        """The owner voids an invoice that is owed, or marks it uncollectible. Returns the invoice."""
        self.invoices[invoice_id]["status"] = status
        return self.invoices[invoice_id]

    def switch(self, subscription_id: str, price: str, *, item: int = 0) -> dict[str, Any]:
        """An item gets another price, as in the portal: the item stays the same one. Returns the subscription."""
        self.subscriptions[subscription_id]["items"]["data"][item]["price"] = self.on_sale(self.prices[price])
        return self.subscriptions[subscription_id]

    def add_item(self, subscription_id: str, price: str, quantity: int) -> dict[str, Any]:
        """Something else is billed with the plan, as from the dashboard. Returns the subscription."""
        subscription = self.subscriptions[subscription_id]
        first = subscription["items"]["data"][0]
        times = {name: first[name] for name in ("current_period_start", "current_period_end")}
        subscription["items"]["data"].append(self._item(self.on_sale(self.prices[price]), quantity, **times))
        return subscription

    def add_unpaid(self, subscription_id: str, price: str, quantity: int) -> dict[str, Any]:
        """The same, billed at once, and the card declines. Returns the open invoice."""
        subscription = self.add_item(subscription_id, price, quantity)
        added = subscription["items"]["data"][-1]
        invoice = self._invoice(
            subscription, "subscription_update", [self._line(added, self._sold(added), change=True)]
        )
        invoice["created"] = self._stamp()
        subscription["status"] = "past_due"
        self.refuse(self._payment_for(invoice))
        return invoice

    def pause(
        self, subscription_id: str, behavior: str = "void", *, resumes_at: datetime | None = None
    ) -> dict[str, Any]:
        """The owner pauses collection: periods go by, and their invoices are given up. Returns the subscription."""
        stamp = int(resumes_at.timestamp()) if resumes_at else None
        self.subscriptions[subscription_id]["pause_collection"] = {"behavior": behavior, "resumes_at": stamp}
        return self.subscriptions[subscription_id]

    def unpause(self, subscription_id: str) -> dict[str, Any]:
        """Collection goes on with the next period. Returns the subscription."""
        self.subscriptions[subscription_id]["pause_collection"] = None
        return self.subscriptions[subscription_id]

    def pass_unbilled(self, subscription_id: str) -> dict[str, Any]:
        """A period begins while collection is paused. Returns the invoice that nobody pays."""
        subscription = self.subscriptions[subscription_id]
        self._next_period(subscription)
        invoice = self._invoice(subscription, "subscription_cycle", self._period_lines(subscription))
        return self.give_up_invoice(invoice["id"], subscription["pause_collection"]["behavior"])

    def plan_ahead(
        self, subscription_id: str, price: str, quantity: int = 1, *, ends: str = "release"
    ) -> dict[str, Any]:
        """A schedule from Stripe's dashboard: this price and number from the next period on. Returns the subscription."""
        subscription = self.subscriptions[subscription_id]
        item = subscription["items"]["data"][0]
        now = {"start_date": item["current_period_start"], "end_date": item["current_period_end"]}
        later = {"start_date": now["end_date"], "end_date": 2 * now["end_date"] - now["start_date"]}
        subscription["schedule"] = {
            "id": "sub_sched_1", "status": "active", "end_behavior": ends, "current_phase": now,
            "phases": [
                {**now, "items": [{"price": item["price"], "quantity": item["quantity"]}]},
                {**later, "items": [{"price": self.on_sale(self.prices[price]), "quantity": quantity}]},
            ],
        }  # fmt: skip
        return subscription

    def give_discount(
        self, subscription_id: str, *, duration: str, percent: float | None = None, amount: int | None = None, code: str = "",
        item: int | None = None, products: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """A coupon is given to a subscription, or to one item of it, and is for these products alone, if any are named; by a
        promotion code if one is named: its invoices then have that discount."""
        coupon = {
            "id": f"coupon_{next(self._numbers)}", "object": "coupon", "duration": duration, "percent_off": percent,
            "amount_off": amount, "livemode": False, **({"applies_to": {"products": [*products]}} if products else {}),
        }  # fmt: skip
        self.coupons[coupon["id"]] = coupon
        subscription = self.subscriptions[subscription_id]
        of = subscription if item is None else subscription["items"]["data"][item]
        of.setdefault("discounts", []).append(
            {
                "id": f"di_test_{next(self._numbers)}",
                "object": "discount",
                "source": {"type": "coupon", "coupon": coupon["id"]},
                "promotion_code": code or None,
            }
        )

    def pay_invoice(self, invoice_id: str) -> dict[str, Any]:
        """An open invoice is paid on its own page, whatever has become of its subscription. Returns the invoice."""
        return self._pay(self.invoices[invoice_id])

    def change_seats(self, subscription_id: str, quantity: int) -> dict[str, Any]:
        """The buyer takes more or fewer seats in the portal. Returns the subscription."""
        self.subscriptions[subscription_id]["items"]["data"][0]["quantity"] = quantity
        return self.subscriptions[subscription_id]

    def cancel_later(self, subscription_id: str) -> dict[str, Any]:
        """The buyer cancels in the portal: it ends with its period, and says so by the moment. Returns the subscription."""
        subscription = self.subscriptions[subscription_id]
        subscription.update(
            cancel_at=subscription["items"]["data"][0]["current_period_end"], canceled_at=self._stamp(),
            cancellation_details={"reason": "cancellation_requested"},
        )  # fmt: skip
        return subscription

    def end(self, subscription_id: str, *, reason: str = "cancellation_requested") -> dict[str, Any]:
        """It is over: at the moment it was told to end, else now. Returns the subscription."""
        subscription = self.subscriptions[subscription_id]
        flagged = subscription["cancel_at_period_end"] and subscription["items"]["data"][0]["current_period_end"]
        subscription.update(
            status="canceled", ended_at=subscription["cancel_at"] or flagged or self._stamp(),
            canceled_at=subscription["canceled_at"] or self._stamp(), cancellation_details={"reason": reason},
        )  # fmt: skip
        return subscription

    def on_sale(self, described: dict[str, Any]) -> dict[str, Any]:
        """A price as Stripe keeps it: one that is on sale, or one that is made because Checkout described it."""
        product = described.get("product")
        if product is None:
            product = f"prod_test_{next(self._numbers)}"
            names = described.get("product_data") or {"name": "Something", "metadata": {}}
            self.products[product] = {
                "id": product, "object": "product", "name": names["name"], "metadata": dict(names.get("metadata") or {}),
            }  # fmt: skip
        return {
            "id": described.get("id") or f"price_test_{next(self._numbers)}", "object": "price", "product": product,
            "unit_amount": described["unit_amount"], "currency": described["currency"],
            "lookup_key": described.get("lookup_key"), "recurring": described["recurring"] and {
                "interval": described["recurring"]["interval"], "interval_count": 1,
            },
        }  # fmt: skip

    def _item(self, price: dict[str, Any], quantity: int, **times: int) -> dict[str, Any]:
        return {
            "id": f"si_test_{next(self._numbers)}", "object": "subscription_item", "quantity": quantity, **times,
            "price": price,
        }  # fmt: skip

    def _subscribe(
        self,
        session: dict[str, Any],
        plans: list[dict[str, Any]],
        *,
        metadata: dict[str, str],
        trial_days: int,
        items: list[dict[str, Any]],
    ) -> None:
        start = self._stamp()
        trial_end = start + trial_days * 86400 if trial_days else None
        subscription = {
            "id": session["subscription"], "object": "subscription", "customer": session["customer"],
            "currency": session["currency"], "metadata": dict(metadata), "cancel_at": None, "livemode": False,
            "cancel_at_period_end": False, "canceled_at": None, "ended_at": None, "pause_collection": None,
            "status": "trialing" if trial_end else "active", "trial_end": trial_end,
            "cancellation_details": {"reason": None}, "created": start, "start_date": start, "discounts": [],
            "items": {"object": "list", "data": [
                self._item(
                    self.on_sale(plan), plan["quantity"], current_period_start=start,
                    current_period_end=trial_end or _period_end(start, plan["recurring"]["interval"]),
                )
                for plan in plans
            ]},
        }  # fmt: skip
        self.subscriptions[subscription["id"]] = subscription
        session["invoice"] = self._pay(self._first_invoice(subscription, session, items))["id"]

    def _first_invoice(
        self, subscription: dict[str, Any], session: dict[str, Any], items: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """What was bought together with the plan stands on its first invoice, and so does the Session's discount."""
        plans = iter(subscription["items"]["data"])
        lines = [self._line(next(plans) if item["price"]["recurring"] else None, item) for item in items]
        details = session["total_details"]
        discount, tax = details["amount_discount"], details["amount_tax"]
        on_top = session["amount_total"] - session["amount_subtotal"] + discount
        return self._invoice(
            subscription, "subscription_create", lines, discount=discount, tax=tax, on_top=on_top
        )  # fmt: skip

    def _issue(self, session: dict[str, Any], said: dict[str, Any], items: list[dict[str, Any]]) -> str:
        """The invoice of what was bought once, paid from the beginning; its id."""
        number, now, amount = next(self._numbers), self._stamp(), session["amount_total"]
        lines = [self._line(None, item) for item in items]
        invoice_id = f"in_test_{number}"
        self.invoices[invoice_id] = {
            "id": invoice_id, "object": "invoice", "status": "paid", "billing_reason": "manual", "livemode": False,
            "amount_due": amount, "amount_paid": amount, "currency": session["currency"],
            "subtotal": session["amount_subtotal"], "total": amount, "number": f"PLAIN-{number:04d}",
            "hosted_invoice_url": f"https://invoice.stripe.com/i/{invoice_id}",
            "invoice_pdf": f"https://pay.stripe.com/invoice/{invoice_id}/pdf", "total_discount_amounts": [], "total_taxes": [],
            "lines": {"object": "list", "data": lines, "has_more": False}, "created": now,
            "status_transitions": {"paid_at": now, "finalized_at": now}, "customer": session["customer"],
            "metadata": dict(said["metadata"]), "footer": said["footer"], "custom_fields": said["custom_fields"],
            "parent": None, "customer_address": session["customer_details"]["address"],
        }  # fmt: skip
        return invoice_id

    def _line(self, plan: dict[str, Any] | None, item: dict[str, Any], *, change: bool = False) -> dict[str, Any]:
        """The line of an invoice for the period of a subscription's item, for a change in it, or for what was bought once."""
        details = {"proration": change, "proration_details": None}
        of_period = plan is not None and not change
        parent: dict[str, Any] = {
            "type": "subscription_item_details" if of_period else "invoice_item_details",
            "subscription_item_details": {**details, "subscription_item": plan["id"]} if plan and of_period else None,
            "invoice_item_details": None if of_period else details,
        }
        now = self._stamp()
        period = (plan["current_period_start"], plan["current_period_end"]) if plan else (now, now)
        sold = {"price_details": {"price": plan["price"]["id"]}} if plan else {}
        taxes = [
            {
                "amount": each["amount"], "taxable_amount": each["taxable_amount"],
                "tax_behavior": "inclusive" if each["rate"]["inclusive"] else "exclusive",
                "taxability_reason": each["taxability_reason"],
            }
            for each in item.get("taxes", [])
        ]  # fmt: skip
        discounts = [{"amount": item["amount_discount"]}] if item["amount_discount"] else []
        return {
            "object": "line_item", "amount": item["amount_subtotal"], "subtotal": item["amount_subtotal"],
            "currency": item["currency"], "quantity": item["quantity"], "discount_amounts": discounts, "taxes": taxes,
            "parent": parent, "period": {"start": period[0], "end": period[1]},
            "pricing": {"type": "price_details", **sold, "unit_amount_decimal": str(item["price"]["unit_amount"])},
        }  # fmt: skip

    def _period_lines(self, subscription: dict[str, Any]) -> list[dict[str, Any]]:
        return [self._line(plan, self._sold(plan)) for plan in subscription["items"]["data"]]

    def _sold(self, plan: dict[str, Any], times: int = 1) -> dict[str, Any]:
        """What an item costs in a period, as a Session's line item says it; or what is credited of it."""
        return {
            "price": plan["price"], "currency": plan["price"]["currency"], "quantity": plan["quantity"],
            "amount_subtotal": times * plan["quantity"] * plan["price"]["unit_amount"], "amount_tax": 0,
            "amount_discount": 0,
        }  # fmt: skip

    def _next_period(self, subscription: dict[str, Any]) -> None:
        for item in subscription["items"]["data"]:
            start = item["current_period_end"]
            item["current_period_start"] = start
            item["current_period_end"] = _period_end(start, item["price"]["recurring"]["interval"])

    def _payment_for(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """The PaymentIntent of an invoice, made at the first attempt and tried again at later ones."""
        known = next((payment for payment, paid in self.invoice_payments.items() if paid == invoice["id"]), None)
        if known:
            return self.payment_intents[known]
        made = self.bill(invoice["amount_due"], invoice["currency"], customer=invoice["customer"])
        self.invoice_payments[made["id"]] = invoice["id"]
        return made

    def _pay(self, invoice: dict[str, Any]) -> dict[str, Any]:
        if invoice["amount_due"]:
            self.charge(self._payment_for(invoice))
        invoice.update(status="paid", amount_paid=invoice["amount_due"])
        invoice["status_transitions"]["paid_at"] = self._stamp()
        return invoice

    def _invoice(
        self, subscription: dict[str, Any], reason: str, lines: list[dict[str, Any]], *, discount: int = 0, tax: int = 0,
        on_top: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        subtotal = sum(line["amount"] for line in lines)
        amount = subtotal - discount + on_top
        invoice = {
            "id": f"in_test_{next(self._numbers)}", "object": "invoice", "status": "open", "billing_reason": reason,
            "livemode": False, "amount_due": amount, "amount_paid": 0, "currency": subscription["currency"],
            "subtotal": subtotal, "total": amount,
            "total_discount_amounts": [{"amount": discount}] if discount else [],
            "total_taxes": [{"amount": tax, "tax_behavior": "exclusive"}] if tax else [],
            "lines": {"object": "list", "data": lines, "has_more": False}, "status_transitions": {"paid_at": None},
            "created": subscription["items"]["data"][0]["current_period_start"], "customer": subscription["customer"],
            "metadata": {},
            "parent": {"type": "subscription_details", "subscription_details": {
                "subscription": subscription["id"], "metadata": dict(subscription["metadata"]),
            }},
        }  # fmt: skip
        self.invoices[invoice["id"]] = invoice
        return invoice

    def _stamp(self) -> int:
        return int(self.now().timestamp())


def _period_end(start: int, interval: str) -> int:
    """A month or a year later by the calendar; in a month without such a day, on its last."""
    begun = datetime.fromtimestamp(start, UTC)
    year, month = divmod(begun.year * 12 + begun.month - 1 + {"month": 1, "year": 12}[interval], 12)
    day = min(begun.day, calendar.monthrange(year, month + 1)[1])
    return int(begun.replace(year=year, month=month + 1, day=day).timestamp())

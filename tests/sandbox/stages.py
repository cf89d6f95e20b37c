"""What each operation needs before a request can be tried: the object it is about, and what must be asked with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.sandbox.requests_by_schema import Given
from tests.sandbox.running import World, eventually

DAY = 24 * 3600
HOST = "http://127.0.0.1:9"
# Ahead, but within the first period of anything.
SOON = int(time.time()) + 5 * DAY


def _customer(world: World) -> str:
    return str(world.api.customers.create({"email": "nora@example.com", "payment_method": "pm_card_visa"}).id)


def _intent(world: World, **more: Any) -> Any:
    return world.api.payment_intents.create({"amount": 2900, "currency": "eur", **more})


def _charge(world: World) -> str:
    return str(_intent(world, payment_method="pm_card_visa", confirm=True, off_session=True).latest_charge)


def _subscription(world: World, **more: Any) -> Any:
    items = [{"price": world.plan(1000, "month").id}]
    return world.api.subscriptions.create({"customer": _customer(world), "items": items, **more})


def _paused(world: World) -> str:
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    bare = world.api.customers.create({"email": "nora@example.com"}).id
    plan = world.plan(1000, "month").id
    given = {"customer": bare, "items": [{"price": plan}], "trial_period_days": 1, "trial_settings": settings}
    subscription = world.api.subscriptions.create(given)
    world.api.subscriptions.update(subscription.id, {"trial_end": "now"})
    return str(subscription.id)


def _invoice(world: World, customer: str = "", **more: Any) -> str:
    customer = customer or _customer(world)
    world.api.invoice_items.create({"customer": customer, "amount": 2900, "currency": "eur"})
    given = {"customer": customer, "pending_invoice_items_behavior": "include", **more}
    return str(world.api.invoices.create(given).id)


def _empty_draft(world: World) -> str:
    return str(world.api.invoices.create({"customer": _customer(world), "currency": "eur"}).id)


def _owed_invoice(world: World) -> str:
    return str(world.api.invoices.finalize_invoice(_invoice(world)).id)


def _paid_invoice(world: World) -> str:
    return str(world.api.invoices.pay(_invoice(world), {"paid_out_of_band": True}).id)


def _credit_note(world: World) -> str:
    given = {"invoice": _paid_invoice(world), "amount": 500, "out_of_band_amount": 500}
    return str(world.api.credit_notes.create(given).id)


def _early_credit_note(world: World) -> str:
    """One that takes something off an invoice before it is paid."""
    return str(world.api.credit_notes.create({"invoice": _owed_invoice(world), "amount": 500}).id)


def _item(world: World) -> str:
    item = {"customer": _customer(world), "amount": 2900, "currency": "eur"}
    return str(world.api.invoice_items.create(item).id)


def _dispute(world: World) -> str:
    charge = _charge(world)
    return str(world.act("dispute", charge)["id"])


def _card(world: World) -> str:
    return str(world.api.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}}).id)


def _kept(world: World) -> str:
    return str(world.api.payment_methods.attach(_card(world), {"customer": _customer(world)}).id)


def _owner(world: World) -> str:
    """Whose the newest card is that somebody keeps."""
    return str(next(card for card in world.api.payment_methods.list().data if card.customer).customer)


def _promotion(world: World) -> str:
    given = {"promotion": {"type": "coupon", "coupon": _coupon(world)}}
    return str(world.api.promotion_codes.create(given).id)


def _coupon(world: World) -> str:
    return str(world.api.coupons.create({"percent_off": 10}).id)


def _endpoint(world: World) -> str:
    for old in world.api.webhook_endpoints.list().data:
        world.api.webhook_endpoints.delete(old.id)
    return str(world.api.webhook_endpoints.create({"url": HOST, "enabled_events": ["invoice.paid"]}).id)


def _portal(world: World) -> str:
    return str(world.api.billing_portal.configurations.create({"features": {"invoice_history": {"enabled": True}}}).id)


def _clock(world: World) -> str:
    return str(world.api.test_helpers.test_clocks.create({"frozen_time": int(time.time())}).id)


def _available(world: World) -> int:
    """So much of what has just become available."""
    given = {"amount": 9_000_000, "payment_method": "pm_card_bypassPending", "confirm": True, "off_session": True}
    charge = world.api.payment_intents.create({**given, "currency": "eur"}).latest_charge
    eventually(lambda: world.api.balance_transactions.list({"source": charge}).data)
    return 500


def _payout(world: World) -> str:
    return str(world.api.payouts.create({"currency": "eur", "amount": _available(world)}).id)


def _thing(world: World) -> dict[str, Any]:
    return {"price": world.price().id, "quantity": 1}


def _two(world: World) -> str:
    items = [{"price": world.plan(amount, "month").id} for amount in (500, 600)]
    return str(_subscription(world, items=items)["items"].data[0].id)


def _with_item(world: World, items: int = 1) -> tuple[str, Given]:
    prices = [{"price": world.plan(500 + n, "month").id} for n in range(items)]
    subscription = _subscription(world, items=prices)
    return subscription.id, {"items": [{"id": subscription["items"].data[0].id}]}


def _of_customer(world: World) -> Given:
    """The newest customer's subscription."""
    customer = world.api.customers.list({"limit": 1}).data[0].id
    return {"subscription": _subscription(world, customer=customer).id}


def _previewed(world: World) -> Given:
    subscription, items = _with_item(world, 2)
    return {"subscription": subscription, "subscription_details": items}


def _order(world: World) -> Given:
    return {"customer": _customer(world), "items": [{"price": world.plan(1000, "month").id}]}


def _plan_session(world: World) -> Given:
    line = {"price": world.plan(1000, "month").id, "quantity": 1}
    return {"mode": "subscription", "success_url": HOST, "line_items": [line]}


def _asking(world: World, kind: str) -> Given:
    field = {"key": "size", "label": {"type": "custom", "custom": "Size"}, "type": kind}
    return {**SESSION, "line_items": [_thing(world)], "custom_fields": [field]}


def _flow(world: World, kind: str) -> tuple[str, Given]:
    subscription = _subscription(world)
    flow = {"type": kind, kind: {"subscription": subscription.id}}
    return "", {"customer": subscription.customer, "flow_data": flow}


def _priced(world: World, *, decimal: bool = False) -> Given:
    amount = {"unit_amount_decimal": "500"} if decimal else {"unit_amount": 500}
    return {"currency": "eur", "product": world.price().product, **amount}


def _key(world: World) -> str:
    world.price(lookup_key="spring", transfer_lookup_key=True)
    return "spring"


DESCRIBED = {"currency": "eur", "unit_amount": 2900, "product_data": {"name": "The Quiet Launch"}}
DEBIT = {"type": "sepa_debit", "sepa_debit": {"iban": "AT321904300235473204"}, "billing_details": {"name": "Nora"}}
ACH = {"type": "us_bank_account", "us_bank_account": {"account_number": "000123456789", "routing_number": "110000000"}}
SENT = {"collection_method": "send_invoice"}
CONFIRMED = {"amount": 2900, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
SESSION = {"mode": "payment", "success_url": HOST}
# What each operation needs before anything can be asked of it: the object it is about, and a request it takes.
STAGES: dict[str, Callable[[World], tuple[str, Given]]] = {
    "POST /v1/billing_portal/configurations": lambda w: ("", {"features": {"invoice_history": {"enabled": True}}}),
    "POST /v1/billing_portal/configurations/{id}": lambda w: (_portal(w), {}),
    "POST /v1/billing_portal/sessions": lambda w: ("", {"customer": _customer(w)}),
    "POST /v1/charges/{id}": lambda w: (_charge(w), {}),
    "POST /v1/checkout/sessions": lambda w: ("", {**SESSION, "line_items": [_thing(w)]}),
    "POST /v1/checkout/sessions/{id}": lambda w: (w.session().id, {}),
    "POST /v1/coupons": lambda w: ("", {"percent_off": 10}),
    "POST /v1/coupons/{id}": lambda w: (_coupon(w), {}),
    "POST /v1/credit_notes": lambda w: ("", {
        "invoice": _paid_invoice(w), "amount": 2900, "out_of_band_amount": 2900,
    }),
    "POST /v1/credit_notes/{id}": lambda w: (_credit_note(w), {}),
    "POST /v1/credit_notes/{id}/void": lambda w: (_early_credit_note(w), {}),
    "POST /v1/credit_notes lines": lambda w: ("", {
        "invoice": _owed_invoice(w), "lines": [{"type": "custom_line_item", "unit_amount": 100}],
    }),
    "POST /v1/credit_notes amount": lambda w: ("", {"invoice": _paid_invoice(w), "out_of_band_amount": 500}),
    "POST /v1/credit_notes out_of_band_amount": lambda w: ("", {"invoice": _paid_invoice(w), "amount": 500}),
    "POST /v1/customers": lambda w: ("", {}),
    "POST /v1/customers/{id}": lambda w: (_customer(w), {}),
    "POST /v1/customers/{id}/tax_ids": lambda w: (_customer(w), {"type": "eu_vat", "value": "DE123456789"}),
    "POST /v1/disputes/{id}": lambda w: (_dispute(w), {}),
    "POST /v1/events/{id}/retry": lambda w: (w.events()[-1].id, {"webhook_endpoint": _endpoint(w)}),
    "POST /v1/invoiceitems": lambda w: ("", {"customer": _customer(w), "amount": 2900, "currency": "eur"}),
    "POST /v1/invoiceitems/{id}": lambda w: (_item(w), {}),
    "POST /v1/invoices": lambda w: ("", {"customer": _customer(w)}),
    "POST /v1/invoices/create_preview": lambda w: ("", {"subscription": _subscription(w).id}),
    "POST /v1/invoices/create_preview customer": lambda w: ("", _of_customer(w)),
    "POST /v1/invoices/create_preview subscription_details": lambda w: ("", _previewed(w)),
    "POST /v1/invoices/{id}": lambda w: (_invoice(w), {}),
    "POST /v1/invoices/{id}/add_lines": lambda w: (_empty_draft(w), {"lines": [{"amount": 2900}]}),
    "POST /v1/invoices/{id}/finalize": lambda w: (_invoice(w), {}),
    "POST /v1/invoices/{id}/pay": lambda w: (_invoice(w), {}),
    "POST /v1/payment_intents": lambda w: ("", {"amount": 2900, "currency": "eur"}),
    "POST /v1/payment_intents/{id}": lambda w: (_intent(w).id, {}),
    "POST /v1/payment_intents/{id}/cancel": lambda w: (_intent(w).id, {}),
    "POST /v1/payment_intents/{id}/capture": lambda w: (
        _intent(w, payment_method="pm_card_visa", confirm=True, capture_method="manual").id,
        {},
    ),
    "POST /v1/payment_intents/{id}/confirm": lambda w: (_intent(w, payment_method="pm_card_visa").id, {}),
    "POST /v1/payment_methods": lambda w: ("", {"type": "card", "card": {"number": "4242424242424242"}}),
    "POST /v1/payment_methods/{id}": lambda w: (_card(w), {}),
    "POST /v1/payment_methods/{id}/attach": lambda w: (_card(w), {"customer": _customer(w)}),
    "POST /v1/payment_pages/{id}/confirm": lambda w: (w.session().id, {"payment_method": _card(w)}),
    "POST /v1/payouts": lambda w: ("", {"currency": "eur", "amount": _available(w)}),
    "POST /v1/payouts/{id}": lambda w: (_payout(w), {}),
    "POST /v1/prices": lambda w: ("", {"currency": "eur", "product": w.price().product, "unit_amount": 2900}),
    "POST /v1/prices/{id}": lambda w: (w.price().id, {}),
    "POST /v1/products": lambda w: ("", {"name": "The Quiet Launch"}),
    "POST /v1/products/{id}": lambda w: (w.price().product, {}),
    "POST /v1/promotion_codes": lambda w: ("", {"promotion": {"type": "coupon", "coupon": _coupon(w)}}),
    "POST /v1/promotion_codes/{id}": lambda w: (_promotion(w), {}),
    "POST /v1/refunds": lambda w: ("", {"charge": _charge(w)}),
    "POST /v1/refunds/{id}": lambda w: (w.api.refunds.create({"charge": _charge(w)}).id, {}),
    "POST /v1/stripecli/sessions": lambda w: ("", {}),
    "POST /v1/subscription_items": lambda w: (
        "",
        {"subscription": _subscription(w).id, "price": w.plan(500, "month").id},
    ),
    "POST /v1/subscription_items/{id}": lambda w: (_subscription(w)["items"].data[0].id, {}),
    "DELETE /v1/subscription_items/{id}": lambda w: (_two(w), {}),
    "POST /v1/subscriptions": lambda w: ("", _order(w)),
    "POST /v1/subscriptions/{id}": lambda w: (_subscription(w).id, {}),
    "DELETE /v1/subscriptions/{id}": lambda w: (_subscription(w).id, {}),
    "POST /v1/subscriptions/{id}/resume": lambda w: (_paused(w), {}),
    "POST /v1/test_helpers/test_clocks": lambda w: ("", {"frozen_time": int(time.time())}),
    "POST /v1/test_helpers/test_clocks/{id}/advance": lambda w: (_clock(w), {}),
    "POST /v1/webhook_endpoints": lambda w: ("", {"url": HOST, "enabled_events": ["invoice.paid"]}),
    "POST /v1/webhook_endpoints/{id}": lambda w: (_endpoint(w), {}),
    # Some parameters only go with others.
    "POST /v1/billing_portal/sessions flow_data": lambda w: ("", {
        "customer": _customer(w),
        "flow_data": {"type": "payment_method_update"},
    }),
    "POST /v1/billing_portal/sessions flow_data[after_completion][hosted_confirmation]": lambda w: ("", {
        "customer": _customer(w),
        "flow_data": {"type": "payment_method_update", "after_completion": {"type": "hosted_confirmation"}},
    }),
    "POST /v1/billing_portal/sessions flow_data[subscription_cancel]": lambda w: _flow(w, "subscription_cancel"),
    "POST /v1/billing_portal/sessions flow_data[subscription_update]": lambda w: _flow(w, "subscription_update"),
    "POST /v1/checkout/sessions custom_fields": lambda w: ("", _asking(w, "text")),
    "POST /v1/checkout/sessions custom_fields[][dropdown]": lambda w: ("", _asking(w, "dropdown")),
    "POST /v1/checkout/sessions custom_fields[][numeric]": lambda w: ("", _asking(w, "numeric")),
    "POST /v1/checkout/sessions customer_update": lambda w: ("", {
        **SESSION, "line_items": [_thing(w)], "customer": _customer(w),
    }),
    "POST /v1/checkout/sessions invoice_creation": lambda w: ("", {
        **SESSION, "line_items": [_thing(w)], "invoice_creation": {"enabled": True},
    }),
    "POST /v1/checkout/sessions line_items[][price_data]": lambda w: ("", {
        **SESSION, "line_items": [{"quantity": 1, "price_data": DESCRIBED}],
    }),
    "POST /v1/checkout/sessions line_items[][price_data][product]": lambda w: ("", {
        **SESSION, "line_items": [{"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 2900}}],
    }),
    "POST /v1/checkout/sessions line_items[][price_data][product_data]": lambda w: ("", {
        **SESSION, "line_items": [{"quantity": 1, "price_data": DESCRIBED}],
    }),
    "POST /v1/checkout/sessions line_items[][price_data][recurring]": lambda w: ("", {
        **SESSION, "mode": "subscription", "line_items": [{"quantity": 1, "price_data": DESCRIBED}],
    }),
    "POST /v1/checkout/sessions line_items[][price_data][unit_amount_decimal]": lambda w: ("", {
        **SESSION, "line_items": [
            {"quantity": 1, "price_data": {"currency": "eur", "product_data": {"name": "The Quiet Launch"}}}
        ],
    }),
    "POST /v1/checkout/sessions mode": lambda w: ("", _plan_session(w)),
    "POST /v1/checkout/sessions subscription_data": lambda w: ("", _plan_session(w)),
    "POST /v1/checkout/sessions tax_id_collection[required]": lambda w: ("", {
        **SESSION, "line_items": [_thing(w)], "tax_id_collection": {"enabled": False},
    }),
    "POST /v1/coupons amount_off": lambda w: ("", {"currency": "eur"}),
    "POST /v1/coupons currency": lambda w: ("", {"amount_off": 500}),
    "POST /v1/coupons duration": lambda w: ("", {"percent_off": 10, "duration_in_months": 3}),
    "POST /v1/invoiceitems price_data": lambda w: ("", {"customer": _customer(w), "price_data": _priced(w)}),
    "POST /v1/invoiceitems price_data[unit_amount_decimal]": lambda w: ("", {
        "customer": _customer(w), "price_data": _priced(w, decimal=True),
    }),
    "POST /v1/invoiceitems pricing": lambda w: ("", {"customer": _customer(w)}),
    "POST /v1/invoiceitems quantity": lambda w: ("", {
        "customer": _customer(w), "currency": "eur", "unit_amount_decimal": "500",
    }),
    "POST /v1/invoiceitems unit_amount_decimal": lambda w: ("", {"customer": _customer(w), "currency": "eur"}),
    "POST /v1/invoiceitems/{id} price_data": lambda w: (_item(w), {"price_data": _priced(w)}),
    "POST /v1/invoiceitems/{id} price_data[unit_amount_decimal]": lambda w: (
        _item(w), {"price_data": _priced(w, decimal=True)},
    ),
    "POST /v1/customers invoice_settings[default_payment_method]": lambda w: ("", {
        "payment_method": w.api.payment_methods.list().data[0].id,
    }),
    "POST /v1/customers/{id} invoice_settings[default_payment_method]": lambda w: (_owner(w), {}),
    "POST /v1/invoices collection_method": lambda w: ("", {"customer": _customer(w), "days_until_due": 7}),
    "POST /v1/invoices days_until_due": lambda w: ("", {"customer": _customer(w), **SENT}),
    "POST /v1/invoices default_payment_method": lambda w: ("", {"customer": _owner(w)}),
    "POST /v1/invoices due_date": lambda w: ("", {"customer": _customer(w), **SENT}),
    "POST /v1/invoices/{id} collection_method": lambda w: (_invoice(w), {"days_until_due": 7}),
    "POST /v1/invoices/{id} days_until_due": lambda w: (_invoice(w), SENT),
    "POST /v1/invoices/{id} default_payment_method": lambda w: (_invoice(w, _owner(w)), {}),
    "POST /v1/invoices/{id} due_date": lambda w: (_invoice(w), SENT),
    "POST /v1/invoices/{id}/pay payment_method": lambda w: (_invoice(w, _owner(w)), {}),
    "POST /v1/payment_intents confirm": lambda w: ("", {
        "amount": 2900, "currency": "eur", "payment_method": "pm_card_visa",
    }),
    "POST /v1/payment_intents error_on_requires_action": lambda w: (
        "",
        {**CONFIRMED, "payment_method": "pm_card_threeDSecure2Required"},
    ),
    "POST /v1/payment_intents off_session": lambda w: ("", CONFIRMED),
    "POST /v1/payment_intents payment_method_data": lambda w: ("", {
        "amount": 2900, "currency": "eur", "payment_method_data": DEBIT,
    }),
    "POST /v1/payment_intents payment_method_data[us_bank_account]": lambda w: ("", {
        "amount": 2900, "currency": "usd", "payment_method_data": ACH,
    }),
    "POST /v1/payment_intents return_url": lambda w: ("", CONFIRMED),
    "POST /v1/payment_intents/{id} payment_method_data": lambda w: (_intent(w).id, {"payment_method_data": DEBIT}),
    "POST /v1/payment_intents/{id} payment_method_data[us_bank_account]": lambda w: (
        _intent(w, currency="usd").id, {"payment_method_data": ACH},
    ),
    "POST /v1/payment_intents/{id}/confirm error_on_requires_action": lambda w: (
        _intent(w, payment_method="pm_card_threeDSecure2Required").id, {},
    ),
    "POST /v1/payment_intents/{id}/confirm payment_method_data": lambda w: (
        _intent(w).id, {"payment_method_data": DEBIT},
    ),
    "POST /v1/payment_intents/{id}/confirm payment_method_data[us_bank_account]": lambda w: (
        _intent(w, currency="usd").id, {"payment_method_data": ACH},
    ),
    "POST /v1/payment_methods sepa_debit": lambda w: ("", {"type": "sepa_debit"}),
    "POST /v1/payment_methods us_bank_account": lambda w: ("", ACH),
    "POST /v1/payment_methods/{id} us_bank_account": lambda w: (w.api.payment_methods.create(ACH).id, {}),
    "POST /v1/prices product_data": lambda w: ("", {"currency": "eur", "unit_amount": 2900, "expand": ["product"]}),
    "POST /v1/prices recurring[usage_type]": lambda w: (
        "",
        {"currency": "eur", "product": w.price().product, "unit_amount": 2900, "recurring": {"interval": "month"}},
    ),
    "POST /v1/prices transfer_lookup_key": lambda w: ("", {
        "currency": "eur", "product": w.price().product, "unit_amount": 2900, "lookup_key": _key(w),
    }),
    "POST /v1/prices/{id} transfer_lookup_key": lambda w: (w.price().id, {"lookup_key": _key(w)}),
    "POST /v1/products default_price_data": lambda w: (
        "",
        {
            "name": "The Quiet Launch",
            "default_price_data": {"currency": "eur", "unit_amount": 2900},
            "expand": ["default_price"],
        },
    ),
    "POST /v1/products default_price_data[unit_amount_decimal]": lambda w: (
        "",
        {"name": "The Quiet Launch", "default_price_data": {"currency": "eur"}, "expand": ["default_price"]},
    ),
    "POST /v1/refunds payment_intent": lambda w: ("", {}),
    "POST /v1/stripecli/sessions filters": lambda w: ("", {"websocket_features": ["request_logs"]}),
    "POST /v1/subscriptions collection_method": lambda w: ("", {**_order(w), "days_until_due": 7}),
    "POST /v1/subscriptions days_until_due": lambda w: ("", {**_order(w), **SENT}),
    "POST /v1/subscriptions default_payment_method": lambda w: ("", {"customer": _owner(w), "items": _order(w)["items"]}),
    "POST /v1/subscriptions items[][plan]": lambda w: ("", {"customer": _customer(w)}),
    "POST /v1/subscriptions/{id} collection_method": lambda w: (_subscription(w).id, {"days_until_due": 7}),
    "POST /v1/subscriptions/{id} days_until_due": lambda w: (_subscription(w).id, SENT),
    "POST /v1/subscriptions/{id} default_payment_method": lambda w: (_subscription(w, customer=_owner(w)).id, {}),
    "POST /v1/subscriptions/{id} items[][deleted]": lambda w: _with_item(w, 2),
    "POST /v1/subscriptions/{id} items[][id]": lambda w: _with_item(w),
    "POST /v1/subscriptions/{id} items[][metadata]": lambda w: _with_item(w),
    "POST /v1/subscriptions/{id} items[][quantity]": lambda w: _with_item(w),
}  # fmt: skip


# Values that must be of this world, by parameter, or by operation and parameter.
VALUES: dict[str, Callable[[World], Any]] = {
    "POST /v1/billing_portal/sessions configuration": _portal,
    "POST /v1/checkout/sessions custom_fields[][numeric][default_value]": lambda w: "7",
    "POST /v1/checkout/sessions custom_fields[][text][default_value]": lambda w: "kept",
    "POST /v1/checkout/sessions custom_fields[][type]": lambda w: "numeric",
    "POST /v1/coupons/{id} currency": lambda w: "eur",
    "POST /v1/customers invoice_settings[default_payment_method]": _card,
    "POST /v1/customers test_clock": _clock,
    "POST /v1/customers/{id} balance": lambda w: -500,
    "POST /v1/invoiceitems invoice": _invoice,
    "POST /v1/invoices/{id}/pay payment_method": _kept,
    "POST /v1/payment_intents currency": lambda w: "usd",
    "POST /v1/invoices/create_preview preview_mode": lambda w: "next",
    "POST /v1/payouts method": lambda w: "standard",
    "POST /v1/payouts source_type": lambda w: "card",
    "POST /v1/prices currency_options": lambda w: {"usd": {"unit_amount": 3300}},
    "POST /v1/prices/{id} currency_options": lambda w: {"usd": {"unit_amount": 3300}},
    "POST /v1/products default_price_data[currency_options]": lambda w: {"gbp": {"unit_amount": 2500}},
    "POST /v1/products default_price_data[currency]": lambda w: "usd",
    "POST /v1/products id": lambda w: "kept_id",
    "POST /v1/subscription_items subscription": lambda w: _subscription(w).id,
    "POST /v1/subscription_items/{id} price": lambda w: w.plan(700, "month").id,
    "POST /v1/subscriptions currency": lambda w: "eur",
    "POST /v1/subscriptions/{id} trial_end": lambda w: SOON,
    "POST /v1/test_helpers/test_clocks/{id}/advance frozen_time": lambda w: SOON,
    "allowed_payment_method_types[]": lambda w: "card",
    "amount": lambda w: 500,
    "automatically_finalizes_at": lambda w: SOON,
    "cancel_at": lambda w: SOON,
    "charge": _charge,
    "configuration": _portal,
    "coupon": _coupon,
    "customer": _customer,
    "POST /v1/billing_portal/sessions flow_data[after_completion][type]": lambda w: "portal_homepage",
    "POST /v1/billing_portal/sessions flow_data[subscription_cancel][subscription]": lambda w: _subscription(w).id,
    "POST /v1/billing_portal/sessions flow_data[subscription_update][subscription]": lambda w: _subscription(w).id,
    "POST /v1/billing_portal/sessions flow_data[type]": lambda w: "payment_method_update",
    "POST /v1/refunds payment_intent": lambda w: _intent(w, payment_method="pm_card_visa", confirm=True).id,
    "default_payment_method": _kept,
    "default_price": lambda w: w.price().id,
    "discounts[][coupon]": _coupon,
    "discounts[][promotion_code]": _promotion,
    "due_date": lambda w: SOON,
    "effective_at": lambda w: SOON,
    "excluded_payment_method_types[]": lambda w: "sepa_debit",
    "expires_at": lambda w: int(time.time()) + 7200,
    "for_stripecli": lambda w: False,
    "frozen_time": lambda w: SOON,
    "invoice_prefix": lambda w: "KEPT",
    "invoice_settings[default_payment_method]": _kept,
    "subscription_details[items][][plan]": lambda w: w.plan(700, "month").id,
    "subscription_details[items][][price]": lambda w: w.plan(700, "month").id,
    "subscription_details[proration_date]": lambda w: int(time.time()),
    "items[][plan]": lambda w: w.plan(700, "month").id,
    "items[][price]": lambda w: w.plan(700, "month").id,
    "line_items[][price_data][product]": lambda w: w.price().product,
    "line_items[][price]": lambda w: w.price().id,
    "payment_method": _card,
    "plan": lambda w: w.plan(700, "month").id,
    "price": lambda w: w.plan(700, "month").id,
    "price_data[product]": lambda w: w.price().product,
    "pricing[price]": lambda w: w.price().id,
    "promotion[coupon]": _coupon,
    "proration_date": lambda w: int(time.time()),
    "redeem_by": lambda w: SOON,
    "subscription": lambda w: _subscription(w).id,
    "trial_end": lambda w: SOON,
    "collection_method": lambda w: "send_invoice",
    "mode": lambda w: "subscription",
    "payment_method_data[type]": lambda w: "sepa_debit",
    "payment_settings[payment_method_types][]": lambda w: "card",
    "default_price_data[unit_amount_decimal]": lambda w: "2900",
    "line_items[][price_data][unit_amount]": lambda w: 700,
    "line_items[][price_data][unit_amount_decimal]": lambda w: "2900",
    "price_data[unit_amount_decimal]": lambda w: "2900",
    "unit_amount_decimal": lambda w: "2900",
    "websocket_features[]": lambda w: "webhooks",
}


def stage(world: World, begins: str) -> tuple[str, Given]:
    """The id and the request for an operation and a parameter, such as `POST /v1/refunds amount`."""
    return STAGES[max((each for each in STAGES if begins.startswith(each)), key=len)](world)


def populate(world: World) -> None:
    """Make at least one of everything that can be listed."""
    _subscription(world)
    world.paid(allow_promotion_codes=True)
    taxed = world.session(automatic_tax={"enabled": True})
    assert world.pay(taxed).status_code == 303
    world.api.refunds.create({"charge": _charge(world)})
    world.act("warn", _charge(world))
    for make in (_dispute, _promotion, _portal, _item, _endpoint, _clock, _payout, _credit_note):
        make(world)

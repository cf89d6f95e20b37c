"""Checkout Sessions until they are paid: made, changed, found. Paying them is `session_payments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import lists
from sandbox.billing import subscriptions
from sandbox.catalogue import discounts, taxes
from sandbox.checkout import carts, custom_fields, line_items, session_invoices, session_taxes
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.payments import payment_methods
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

DAY = 24 * 3600
SHORTEST, LONGEST = 30 * 60, DAY
# Sent right after `now + 30 minutes` was computed, a request may arrive a second later.
GRACE = 5
KEPT = (
    "allow_promotion_codes", "allowed_payment_method_types", "billing_address_collection", "cancel_url",
    "client_reference_id", "consent_collection", "customer_email", "excluded_payment_method_types", "locale",
    "origin_context", "submit_type", "success_url", "integration_identifier", "adaptive_pricing", "permissions",
    "phone_number_collection", "saved_payment_method_options", "wallet_options",
)  # fmt: skip
# Kept beside the session: what is to be made when it is paid.
REMEMBERED = ("customer_update", "payment_intent_data", "subscription_data")
ONLY_IN_MODE = {
    "customer_creation": "payment",
    "payment_intent_data": "payment",
    "payment_method_collection": "subscription",
    "subscription_data": "subscription",
}
BRANDING = {
    "background_color": "#ffffff",
    "border_style": "rounded",
    "button_color": "#0074d4",
    "font_family": "default",
}


def create(account: Account, call: Call) -> Object:
    """POST /v1/checkout/sessions"""
    params = call.params
    _check(account, params)
    now = account.clock.now()
    # The shop reckons by real time, so a session's own times are real; how long it lasts, the sandbox's clock says.
    made = int(account.clock.real())
    expires_at = _expiry(params, made)
    line_items.check(account, params.get("line_items", []))
    carts.check(account, params)
    currency = carts.currency(account, params)
    discount = discounts.named(account, params["discounts"][0], currency=currency) if params.get("discounts") else None
    trial = subscriptions.trial_until(params.get("subscription_data", {}), now) is not None
    items = line_items.make(account, params["line_items"], currency=currency, trial=trial)
    taken_off = discounts.apply(account, items, discount)
    subtotal = sum(item["amount_subtotal"] for item in items)
    total = subtotal - taken_off
    carts.check_total(total, currency)
    id = ids.session()
    session = blank(
        "checkout.session",
        **{"phone_number_collection": {"enabled": False}, **_kept(params)},
        id=id,
        after_expiration=_after_expiration(params.get("after_expiration")),
        amount_subtotal=subtotal,
        amount_total=total,
        automatic_tax=taxes.described(enabled=params.get("automatic_tax", {}).get("enabled", False), buyer=None),
        branding_settings=_branding(account, params.get("branding_settings", {})),
        created=made,
        currency=currency,
        custom_fields=custom_fields.asked(params.get("custom_fields", [])),
        customer=params.get("customer"),
        custom_text={key: text or None for key, text in params.get("custom_text", {}).items()},
        customer_creation=_customer_creation(params),
        discounts=[discount] if discount else [],
        expires_at=expires_at,
        invoice_creation=session_invoices.described(params),
        metadata=metadata.fresh(params.get("metadata")),
        mode=params["mode"],
        payment_method_collection=_collection(params, total),
        payment_method_options=_method_options(params.get("payment_method_options", {})),
        payment_method_types=_method_types(params, currency),
        payment_status="unpaid",
        status="open",
        total_details={"amount_discount": taken_off, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"{account.settings.base_url}/c/pay/{id}#{ids.fragment()}",
    )
    begin(account, session, {"line_items": items, **{key: params.get(key, {}) for key in REMEMBERED}})
    carts.locate(account, session, session_taxes.buyer(account, session, "", None))
    return session


def begin(account: Account, session: Object, remembered: Object) -> Object:
    """Keep a new session, with what is to be remembered beside it, until it expires."""
    account.store.notes(session["id"]).update(remembered)
    account.store.save(session)
    # By the test clock of its customer, if they have one.
    lasting = session["expires_at"] - session["created"]
    account.at(account.clock.exact() + lasting, "expire_session", session["id"])
    return session


def _kept(params: Object) -> Object:
    kept = {key: params[key] for key in KEPT if key in params}
    if collected := params.get("name_collection"):
        kept["name_collection"] = {who: {"optional": False, **asked} for who, asked in collected.items()}
    if "tax_id_collection" in params:
        kept["tax_id_collection"] = {"required": "never", **params["tax_id_collection"]}
    return kept


def _after_expiration(given: Object | None) -> Object | None:
    """What a new session says about its recovery."""
    if given is None:
        return None
    asked = given.get("recovery")
    return {"recovery": recovery(asked) if asked else None}


def recovery(asked: Object) -> Object:
    """What a session says about its recovery; there is no address before it has expired."""
    return {
        "allow_promotion_codes": asked.get("allow_promotion_codes", False),
        "enabled": asked["enabled"],
        "expires_at": None,
        "url": None,
    }


def _branding(account: Account, given: Object) -> Object:
    chosen = {key: value for key, value in given.items() if value}
    return {"display_name": account.settings.shop_name, "icon": None, "logo": None, **BRANDING, **chosen}


def _method_options(given: Object) -> Object:
    card = {"request_three_d_secure": "automatic", **given["card"]} if "card" in given else {}
    return {**given, "card": card} if card else given


def _check(account: Account, params: Object) -> None:
    for name in ("mode", "success_url"):
        if name not in params:
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    mode = params["mode"]
    if mode == "setup":
        raise invalid("The sandbox imitates the modes payment and subscription only.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("The sandbox imitates the hosted page only.", param="ui_mode")
    if "customer_update" in params and "customer" not in params:
        text = "`customer_update` can only be used with `customer`."
        raise invalid(text, param="customer_update")
    _one_of(params, "customer", "customer_creation")
    _one_of(params, "customer", "customer_email")
    _one_of(params, "allow_promotion_codes", "discounts")
    if len(params.get("discounts", ())) > 1:
        raise invalid("You may only specify one discount.", param="discounts")
    for name, only in ONLY_IN_MODE.items():
        if mode != only and name in params:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    _check_texts(params)
    custom_fields.check(params.get("custom_fields", []))
    session_invoices.check(params)
    session_taxes.check(account, params)
    for name in ("metadata", "payment_intent_data", "subscription_data"):
        metadata.fresh(params.get(name) if name == "metadata" else params.get(name, {}).get("metadata"))


def _one_of(params: Object, *names: str) -> None:
    if all(params.get(name) for name in names):
        raise invalid(f"You may only specify one of these parameters: {', '.join(names)}.", param=names[0])


def _check_texts(params: Object) -> None:
    for name in ("success_url", "cancel_url"):
        if name in params and not params[name].startswith(("http://", "https://")):
            raise invalid("Not a valid URL", param=name, code="url_invalid")


def _expiry(params: Object, now: int) -> int:
    wanted = params.get("expires_at", now + LONGEST)
    if wanted < now + SHORTEST - GRACE:
        text = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise invalid(text, param="expires_at")
    if wanted > now + LONGEST:
        text = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise invalid(text, param="expires_at")
    return int(wanted)


def _customer_creation(params: Object) -> str | None:
    if params["mode"] == "subscription":
        return "always"
    return None if "customer" in params else params.get("customer_creation", "if_required")


def _collection(params: Object, total: int) -> str:
    if params["mode"] == "payment":
        return "if_required"
    return str(params.get("payment_method_collection", "always"))


def _method_types(params: Object, currency: str) -> list[str]:
    # A plan that starts on a debit which may still bounce is beyond what is imitated here.
    debited = params["mode"] == "payment" and params.get("payment_intent_data", {}).get("capture_method") != "manual"
    return payment_methods.offered(params, currency, debits=debited)


def update(account: Account, call: Call) -> Object:
    """POST /v1/checkout/sessions/{id}"""
    session = account.find("checkout.session", call.id)
    merged = metadata.merge(session["metadata"], call.params.get("metadata"))
    account.store.change(session, metadata=merged)
    return session


def announce_completed(account: Account, session: Object) -> None:
    """Emit checkout.session.completed and remember which event it is, for whoever waits for its delivery."""
    event = account.emit("checkout.session.completed", session)
    account.store.notes(session["id"])["completed_event"] = event["id"]
    account.store.save(session)


def listing(account: Account, call: Call) -> Object:
    """GET /v1/checkout/sessions"""

    def of_buyer(session: Object, wanted: dict[str, Any]) -> bool:
        return (session["customer_details"] or {}).get("email") == wanted.get("email")

    return lists.page(account, call, "checkout.session", customer_details=of_buyer)

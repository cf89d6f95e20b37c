"""The parameters of a Checkout Session: what Stripe is asked for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from core.catalog import products
from core.catalog.seller import Seller
from core.foundation.records import new_id
from core.journeys.checkout_sessions import order_copy
from core.kinds.workshops import DateView
from core.orders.orders import LineDraft, Order
from core.shop import Shop

# Stripe's bounds of what an invoice of its says in the seller's words.
_LONGEST_FOOTER = 5000

# What Stripe's page speaks, beside what it finds out by itself, by the languages that differ only by their names.
_LOCALES = {
    **{name: name for name in (
        "bg", "cs", "da", "de", "el", "es", "et", "fi", "fil", "fr", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt",
        "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh",
    )},
    "en_GB": "en-GB", "fr_CA": "fr-CA", "pt_BR": "pt-BR", "es_419": "es-419", "zh_HK": "zh-HK", "zh_TW": "zh-TW",
}  # fmt: skip


def build(
    shop: Shop,
    order: Order,
    drafts: list[LineDraft],
    dates: Sequence[DateView],
    expires_at: datetime,
    trial: int,
    seller: Seller | None,
    agreed: tuple[str, ...],
    *,
    back: str = "/cart",
    promotion: str = "",
    texts: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """What Stripe is asked for; `trial` is in days, the `seller` stands on invoices, and `agreed` are the versions of clauses
    that the order is under. Who leaves the payment page goes `back` there, and `promotion` is Stripe's id of the code that is
    taken off already: else one may be typed. Metadata names the order and what is bought, never the person; a retry sends the
    same again.

    The token proves the Session ours before we know its id. It goes nowhere else: nobody but Stripe is ever told it.
    """
    metadata = {
        "order_id": order.id, "cart_id": order.cart_id, "shop_id": shop.id, "attempt": str(order.attempts),
    }  # fmt: skip
    own = {**metadata, "token": new_id("tok")}
    tried = {"trial_period_days": trial} if trial else {}
    subscribes = any(draft.interval for draft in drafts)
    base = shop.settings.public_url
    invoiced = _invoiced(shop, order, seller, subscribes=subscribes)
    copy = order_copy.of_order(
        order, drafts, agreed=agreed, trial=trial, taxed=shop.settings.tax == "stripe", invoiced=bool(invoiced)
    )
    parameters: dict[str, Any] = {
        "mode": "subscription" if subscribes else "payment",
        "line_items": [_line_item(shop, draft, dates) for draft in drafts],
        "client_reference_id": order.id,
        "metadata": {**own, **order_copy.written(copy, shop.signing_key, own)},
        "subscription_data" if subscribes else "payment_intent_data": {"metadata": metadata, **tried},
        "success_url": f"{base}/thanks?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{base}{back}",
        "expires_at": int(expires_at.timestamp()),
        # Stripe takes the one or the other.
        **({"discounts": [{"promotion_code": promotion}]} if promotion else {"allow_promotion_codes": True}),
        # Stripe would offer to pay in the buyer's own currency, which is not what was ordered.
        "adaptive_pricing": {"enabled": False},
        **_taxed(shop, order),
        **invoiced,
        **_branded(texts),
    }
    if any(draft.stripe_price_id for draft in drafts):
        # A price of Stripe's may have several currencies.
        parameters["currency"] = order.currency
    if locale := _LOCALES.get(order.language):
        parameters["locale"] = locale
    if order.email:
        parameters["customer_email"] = order.email
    return parameters


def promotion_in(parameters: Mapping[str, Any]) -> str:
    """Stripe's id of the promotion code that was taken off from the beginning, empty if none was."""
    return next((str(each["promotion_code"]) for each in parameters.get("discounts") or ()), "")


def trial_in(parameters: Mapping[str, Any]) -> int:
    """For how many days what is bought is tried for nothing."""
    return int((parameters.get("subscription_data") or {}).get("trial_period_days") or 0)


def _branded(texts: Mapping[str, str]) -> dict[str, Any]:
    """That Stripe's page bears the name and the colour of the shop, where the seller has said what they are; else it has those of
    the account."""
    said = {"display_name": texts.get("name", ""), "button_color": texts.get("accent", "")}
    given = {name: text for name, text in said.items() if text}
    return {"branding_settings": given} if given else {}


def _taxed(shop: Shop, order: Order) -> dict[str, Any]:
    """That Stripe reckons the tax, and asks for what it needs to know for that. Who buys for a business must name its tax id
    where there are such; anybody else may."""
    settings = shop.settings
    if settings.tax == "off" and settings.invoices == "off":
        return {}
    required = {"required": "if_supported"} if order.business else {}
    asked: dict[str, Any] = {
        "billing_address_collection": "required", "tax_id_collection": {"enabled": True, **required},
    }  # fmt: skip
    return {"automatic_tax": {"enabled": True}, **asked} if settings.tax == "stripe" else asked


def _invoiced(shop: Shop, order: Order, seller: Seller | None, *, subscribes: bool) -> dict[str, Any]:
    """That Stripe makes an invoice when it is paid. It makes one of every payment of a plan without being asked."""
    wanted = shop.settings.invoices == "always" or (shop.settings.invoices == "business" and order.business)
    if subscribes or not wanted or seller is None:
        return {}
    said = {
        "custom_fields": [{"name": "Order", "value": order.number}],
        "footer": "\n".join(seller.lines)[:_LONGEST_FOOTER],
        "metadata": {"order_id": order.id, "shop_id": shop.id},
    }
    return {"invoice_creation": {"enabled": True, "invoice_data": said}}


def _line_item(shop: Shop, draft: LineDraft, dates: Sequence[DateView]) -> dict[str, Any]:
    if draft.stripe_price_id:
        return {"price": draft.stripe_price_id, "quantity": draft.quantity}
    product: dict[str, Any] = {"name": draft.name, "metadata": {"product_id": draft.product_id}}
    if date := next((each for each in dates if each.id == draft.workshop_date_id), None):
        product["description"] = _when(date)
    product |= products.pictured(shop.settings, draft.image)
    price: dict[str, Any] = {"currency": draft.currency, "unit_amount": draft.unit_amount, "product_data": product}
    if shop.settings.tax == "stripe":
        product["tax_code"], price["tax_behavior"] = draft.tax_code, draft.tax_behavior
    if draft.interval:
        price["recurring"] = {"interval": draft.interval}
    return {"price_data": price, "quantity": draft.quantity}


def _when(date: DateView) -> str:
    """When it takes place, by the clock of where it does, in digits: Stripe's page speaks the buyer's language."""
    zone = ZoneInfo(date.timezone)
    begins, ends = date.starts_at.astimezone(zone), date.ends_at.astimezone(zone)
    return f"{begins:%Y-%m-%d}, {begins:%H:%M}–{ends:%H:%M} ({date.timezone})"

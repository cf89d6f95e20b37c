"""Stripe's own pages for a buyer: its customer portal, where a plan's seats and card are changed or it is ended, and how that is
set up for the shop."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlmodel import Field

from core.catalog import plan_prices
from core.catalog.plan_prices import OnSale
from core.foundation.errors import AccessDenied, MadeUp, OrderNotFound, OtherMode, StripeRefused
from core.foundation.records import Record
from core.foundation.writes.inserts import InsertOnce
from core.orders.orders import Order
from core.orders.subscriptions import Subscription
from core.people import customers, deeds, purchases
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

# What Stripe lets buyers say of why they leave.
FEEDBACK = (
    "too_expensive", "missing_features", "switched_service", "unused", "customer_service", "too_complex", "low_quality", "other",
)  # fmt: skip
# So many products Stripe's portal can have.
_MOST = 10
_FEATURES: dict[str, dict[str, Any]] = {
    # Asked once, and only by who leaves: the answers stand in the list of subscriptions.
    "subscription_cancel": {
        "enabled": True,
        "mode": "at_period_end",
        "cancellation_reason": {"enabled": True, "options": list(FEEDBACK)},
    },
    "payment_method_update": {"enabled": True},
    "invoice_history": {"enabled": True},
}


class PortalSetup(Record, table=True):
    """Stripe's configuration by which the portal opens for the shop's buyers, in one of Stripe's modes."""

    __tablename__ = "portal_setups"

    mode: str = Field(primary_key=True)
    configuration: str


_KEEP = InsertOnce(PortalSetup, conflict="(mode) do update set configuration = excluded.configuration")


def open_page(shop: Shop, email: str, order_id: str, *, subscription: str = "", cancel: bool = False) -> str:
    """The address of Stripe's portal for this buyer's own plan, the order's first or this `subscription` of it; with `cancel`, of
    the page there that asks nothing but whether to cancel it, unless it is told to end already. Raises AccessDenied for anybody
    else's, or StripeTrouble."""
    with shop.reading() as session:
        order = session.get(Order, order_id)
        mine = customers.whose(session, email)
        if order is None or mine is None or order.customer_id != mine:
            raise AccessDenied()
        wanted = subscription or order.stripe_subscription_id
        theirs = {each.stripe_subscription_id for each in purchases.others_sessions(session, [order])}
        row = session.get(Subscription, wanted) if wanted and wanted not in theirs else None
    if row is None or row.order_id != order_id or not row.stripe_customer_id:
        raise AccessDenied()
    if cancel and row.bills_on:
        # Where Stripe knows of an end that we do not, its own page says so.
        with suppress(StripeRefused):
            return _opened(shop, row.stripe_customer_id, cancel=row.id)
    return _opened(shop, row.stripe_customer_id)


def open_for_staff(shop: Shop, subscription_id: str, *, back: str, deed: Deed) -> str:
    """The address of Stripe's portal for the buyer of this plan, good for some minutes; for whoever has it, as if they were the
    buyer. It leads `back` to this path of the shop.

    Raises OrderNotFound, OtherMode, MadeUp, NotPermitted, DoneAlready or StripeTrouble.
    """
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.PORTAL, subject=subscription_id, now=shop.now())
        row = session.get(Subscription, subscription_id)
        order = session.get(Order, row.order_id) if row else None
        if row is None or order is None or not row.stripe_customer_id:
            raise OrderNotFound(order=subscription_id)
        if order.livemode is not shop.settings.livemode:
            raise OtherMode(order_id=order.id, livemode=order.livemode)
        if order.from_season:
            raise MadeUp(order_id=order.id)
        customer = row.stripe_customer_id
    return _opened(shop, customer, back=back)


def set_up(shop: Shop) -> str:
    """Have the portal offer what the shop's buyers may do there, and switch between its plans; Stripe's id of how it is set up.

    One configuration of the shop's own, in each mode, whatever else the account has. Safe to do again. Raises StripeTrouble.
    """
    wanted = features(shop)
    theirs = standing(shop)
    if theirs is None:
        asked = {"features": wanted, "name": "Pushcart", "metadata": {"shop_id": shop.id}}
        theirs = shop.stripe.make_portal(asked, key=f"portal:{shop.id}")
    shop.stripe.set_up_portal(theirs["id"], wanted)
    with shop.transaction() as session:
        _KEEP(session, [{"mode": shop.settings.mode, "configuration": theirs["id"]}])
    return str(theirs["id"])


def features(shop: Shop) -> dict[str, dict[str, Any]]:
    """What buyers may do in the portal: seats and plans are changed there once Stripe has prices of its own for any."""
    with shop.reading() as session:
        between = _switched_between(plan_prices.on_sale(session, shop.settings.mode))
    if not between:
        return _FEATURES
    return {
        **_FEATURES,
        "subscription_update": {
            "enabled": True, "default_allowed_updates": ["price", "quantity"], "proration_behavior": "always_invoice",
            "products": between,
        },
    }  # fmt: skip


def standing(shop: Shop) -> dict[str, Any] | None:
    """How the portal is set up for the shop at Stripe, None if it was not yet. Raises StripeTrouble."""
    return next((each for each in shop.stripe.portals() if _is_ours(shop, each)), None)


def _switched_between(found: Sequence[OnSale]) -> list[dict[str, Any]]:
    """The plans between which buyers may switch: those whose prices were found or made at Stripe."""
    plans: dict[str, dict[str, Any]] = {}
    for each in found:
        if each.known and each.at_stripe == each.known.stripe_price_id:  # and of which the product is known
            seats = {"enabled": True, "minimum": 1, "maximum": each.product.max_quantity}
            new = {"product": each.known.stripe_product_id, "prices": [], "adjustable_quantity": seats}
            plans.setdefault(each.known.stripe_product_id, new)["prices"].append(each.at_stripe)
    return list(plans.values())[:_MOST]


def _opened(shop: Shop, customer: str, *, cancel: str = "", back: str = "purchases") -> str:
    back = f"{shop.settings.public_url}/{back}"
    with shop.reading() as session:
        known = session.get(PortalSetup, shop.settings.mode)
    if known:
        try:
            return shop.stripe.open_portal(customer, configuration=known.configuration, return_url=back, cancel=cancel)
        except StripeRefused as refusal:
            if refusal.code != "resource_missing":
                raise
    return shop.stripe.open_portal(customer, configuration=set_up(shop), return_url=back, cancel=cancel)


def _is_ours(shop: Shop, configuration: dict[str, Any]) -> bool:
    return bool((configuration.get("metadata") or {}).get("shop_id") == shop.id)

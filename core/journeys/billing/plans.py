"""Plans at Stripe: fetching how a subscription stands, and ending one that nobody may use any more."""

from typing import Any

from sqlmodel import Session

from core import fulfillment
from core.admission import Refused
from core.foundation.errors import MadeUp, OrderNotFound, OtherMode
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.settings import Settings
from core.gateway.objects import id_of
from core.journeys import ownership
from core.kinds import plan_billing
from core.orders import ledger, orders, subscription_invoices, subscriptions
from core.orders.refunds import Refund
from core.orders.subscriptions import Subscription
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

# Stand for the cause where somebody of the staff said that a plan ends: at once, or when what was paid for does.
BY_STAFF, BY_STAFF_LATER = "staff", "staff_later"


def refresh(shop: Shop, subscription_id: str) -> bool:
    """Fetch a subscription and settle its order by it; return whether that was news. Raises StripeTrouble.

    One that is not ours, or that Stripe does not know, says nothing.
    """
    asked_at = shop.now()
    found = shop.stripe.find_subscription(subscription_id)
    order_id = ownership.find(shop, found) if found else None
    if found is None or order_id is None or isinstance(order_id, Refused):
        with shop.transaction() as session:
            subscriptions.put_off(session, subscription_id, now=shop.now())
        return False
    needed = subscription_invoices.needed(found)
    invoices = shop.stripe.invoices_of_subscription(subscription_id) if needed else []
    facts = subscriptions.read_subscription(found, invoices, awaited=_awaited(shop, found))
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order is not None
        order.eventful = True
        news = subscriptions.record(session, order_id, facts, grace=shop.settings.grace, fetched_at=asked_at)
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
    return news


def _awaited(shop: Shop, found: dict[str, Any]) -> dict[str, Any] | None:
    """The invoice of a subscription that could not be made out when it was fetched last, where another has come after it since."""
    with shop.reading() as session:
        row = session.get(Subscription, found["id"])
    known = row.unbilled_invoice if row else None
    return shop.stripe.find_invoice(known) if known and known != id_of(found.get("latest_invoice")) else None


def end(shop: Shop, subscription_id: str, cause: str) -> None:
    """End a subscription because of a refund or a lost dispute, if that still holds and the policy says so; where the
    policy leaves it to the owners, they are told. What ended BY_STAFF needs neither. Raises StripeTrouble."""
    if cause == BY_STAFF_LATER:
        shop.stripe.end_later(subscription_id)
        refresh(shop, subscription_id)
        return
    with shop.reading() as session:
        row = session.get_one(Subscription, subscription_id)
        unwanted, occasion = _unwanted(session, row)
        wanted = cause == BY_STAFF or unwanted
        cancels = cause == BY_STAFF or _policy(shop.settings, session.get(Refund, cause))
    if not wanted:
        return
    if cancels:
        shop.stripe.cancel_subscription(subscription_id)
        refresh(shop, subscription_id)
        return
    # It may come again: this very plan is renewed, and that goes back as well.
    topic = f"plan_bills_on:{subscription_id}:{occasion or cause}"
    with shop.transaction() as session:
        outbox.owe(session, Job.OWNER_NOTICE, row.order_id, topic, key=f"{row.order_id}:{topic}")


def end_by_staff(shop: Shop, subscription_id: str, *, later: bool = False, deed: Deed) -> None:
    """End a subscription because somebody of the staff says so: at once, or `later` with its period. Nothing is refunded.

    Raises OrderNotFound, OtherMode, MadeUp, NotPermitted, DoneAlready or StripeTrouble. After StripeUnreachable or
    StripeKeyRefused it is remembered, and the worker tells Stripe.
    """
    cause = BY_STAFF_LATER if later else BY_STAFF
    with shop.transaction() as session:
        detail = "when its period ends" if later else "at once"
        deeds.begin(
            session, shop.settings, deed, Action.END_PLAN, subject=subscription_id, detail=detail, now=shop.now()
        )
        row = session.get(Subscription, subscription_id)
        order = orders.lock(session, row.order_id) if row else None
        if order is None:
            raise OrderNotFound(order=subscription_id)
        if order.livemode is not shop.settings.livemode:
            raise OtherMode(order_id=order.id, livemode=order.livemode)
        if order.from_season:
            raise MadeUp(order_id=order.id)
        key = f"{subscription_id}:{cause}" + (f":{deed.token}" if later else "")
        outbox.owe(session, Job.CANCEL_SUBSCRIPTION, subscription_id, cause, key=key)
    with deeds.refusals_noted(shop, deed), outbox.remembered():
        end(shop, subscription_id, cause)


def ends_after_refund(settings: Settings, refund: Refund) -> bool:
    """Whether a plan that this refund pays back is cancelled: as its owner said, else by the shop's policy."""
    if refund.ends_subscription is None:
        return settings.plan_after_refund == "cancel"
    return refund.ends_subscription


def _unwanted(session: Session, subscription: Subscription) -> tuple[bool, str]:
    """Whether it still is, and what has ended it last: a refund may have failed meanwhile, or a dispute been won."""
    order = orders.lock(session, subscription.order_id)
    assert order is not None
    book = ledger.read(session, order)
    found = plan_billing.of_order(session, order, book).unwanted
    return subscription.id in {each.id for each in found}, plan_billing.occasion(book)


def _policy(settings: Settings, refund: Refund | None) -> bool:
    """Whether what has ended it cancels it: this refund, or else a dispute."""
    return ends_after_refund(settings, refund) if refund else settings.plan_after_dispute == "cancel"

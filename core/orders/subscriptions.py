"""Subscriptions: their state is the one fetched from Stripe now, never the one in an event."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Field, Session, SQLModel, col, func, select

from core.foundation.database import minor_units
from core.gateway.objects import id_of, moment
from core.orders.checkouts import Checkout
from core.orders.orders import AdmittedOrder, Order


class Subscription(SQLModel, table=True):
    """A subscription as Stripe had it at `fetched_at`. `quantity` is the number of seats.

    `grace_until` is how long a failed renewal keeps its access; `ends_at` is when it was told to end.
    """

    __tablename__ = "subscriptions"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    status: str = Field(index=True)
    stripe_customer_id: str | None = None
    quantity: int
    amount: int = minor_units()
    currency: str
    interval: str | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    grace_until: datetime | None = None
    paused: bool = False
    end_reason: str = ""
    fetched_at: datetime


class Invoice(SQLModel, table=True):
    """A paid invoice of a subscription, under Stripe's id: the money that came in after the first payment."""

    __tablename__ = "invoices"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    stripe_subscription_id: str
    billing_reason: str
    amount_paid: int = minor_units()
    currency: str
    created_at: datetime


@dataclass(frozen=True)
class SubscriptionFacts:
    """What Stripe says of a subscription right now. `amount` is what it bills per interval, in minor units."""

    id: str
    order_id: str
    shop_id: str
    status: str
    customer: str | None
    quantity: int
    amount: int
    currency: str
    interval: str | None
    period_start: datetime | None
    period_end: datetime | None
    trial_end: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    paused: bool
    end_reason: str


def read_subscription(subscription: dict[str, Any]) -> SubscriptionFacts:
    """Read a `subscription` in the present shape or an older one.

    Since 2025-03-31 the period stands on the items; since 2025-09-30 "cancel at period end" may come as `cancel_at`.
    """
    metadata = subscription.get("metadata") or {}
    items = [item for item in (subscription.get("items") or {}).get("data", []) if item.get("price")]
    first = items[0] if items else {}
    end = first.get("current_period_end") or subscription.get("current_period_end")
    cancel_at = subscription.get("cancel_at") or (end if subscription.get("cancel_at_period_end") else None)
    return SubscriptionFacts(
        id=subscription["id"],
        order_id=metadata.get("order_id") or "",
        shop_id=metadata.get("shop_id") or "",
        status=subscription.get("status") or "",
        customer=id_of(subscription.get("customer")),
        quantity=sum(item.get("quantity") or 1 for item in items),
        amount=sum((item["price"].get("unit_amount") or 0) * (item.get("quantity") or 1) for item in items),
        currency=subscription.get("currency") or "",
        interval=((first.get("price") or {}).get("recurring") or {}).get("interval"),
        period_start=moment(first.get("current_period_start") or subscription.get("current_period_start")),
        period_end=moment(end),
        trial_end=moment(subscription.get("trial_end")),
        ends_at=moment(cancel_at),
        ended_at=moment(subscription.get("ended_at")),
        paused=bool(subscription.get("pause_collection")) or subscription.get("status") == "paused",
        end_reason=(subscription.get("cancellation_details") or {}).get("reason") or "",
    )


def record(
    session: Session, order_id: AdmittedOrder, facts: SubscriptionFacts, *, grace: timedelta, fetched_at: datetime
) -> Subscription:
    """Write what was fetched, unless something fetched later stands there already. The order must be locked."""
    row = session.get(Subscription, facts.id, with_for_update=True)
    if row and row.fetched_at > fetched_at:
        return row
    if row is None:
        row = Subscription(
            id=facts.id, order_id=order_id, status="", quantity=0, amount=0, currency="", fetched_at=fetched_at
        )
        session.add(row)
    past_due = facts.status == "past_due"
    row.sqlmodel_update(
        {
            "status": facts.status, "stripe_customer_id": facts.customer, "quantity": facts.quantity,
            "amount": facts.amount, "currency": facts.currency, "interval": facts.interval,
            "period_end": facts.period_end, "trial_end": facts.trial_end, "ends_at": facts.ends_at,
            "ended_at": facts.ended_at, "paused": facts.paused, "end_reason": facts.end_reason,
            # The renewal that failed was due when this period began: from there the days of grace are counted.
            "grace_until": facts.period_start + grace if past_due and facts.period_start else None,
            "fetched_at": fetched_at,
        }
    )  # fmt: skip
    session.flush()
    return row


def record_invoice(session: Session, order_id: AdmittedOrder, invoice: dict[str, Any]) -> None:
    """Keep a paid invoice; what it says of itself does not change any more."""
    if session.get(Invoice, invoice["id"]):
        return
    session.add(
        Invoice(
            id=invoice["id"], order_id=order_id, stripe_subscription_id=subscription_of(invoice) or "",
            billing_reason=invoice.get("billing_reason") or "", amount_paid=int(invoice.get("amount_paid") or 0),
            currency=invoice.get("currency") or "", created_at=datetime.fromtimestamp(invoice.get("created") or 0, UTC),
        )
    )  # fmt: skip
    session.flush()


def subscription_of(invoice: dict[str, Any]) -> str | None:
    """The subscription an invoice belongs to: on `parent` since 2025-03-31, on the invoice itself before."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return id_of(details.get("subscription") or invoice.get("subscription"))


def made_by(session: Session, paid: Checkout | None) -> Subscription | None:
    """The subscription that this Session made, as it was last fetched, or None before that."""
    if paid is None or paid.stripe_subscription_id is None:
        return None
    return session.get(Subscription, paid.stripe_subscription_id, populate_existing=True)


def paid_later(session: Session, order_id: str) -> int:
    """What came in after the first payment, in minor units."""
    later = select(func.coalesce(func.sum(Invoice.amount_paid), 0)).where(
        Invoice.order_id == order_id, Invoice.billing_reason != "subscription_create"
    )
    return int(session.exec(later).one())


def overdue(session: Session, *, livemode: bool, now: datetime, limit: int) -> list[str]:
    """Subscriptions of this mode whose period ended a while ago and of which nothing was heard since: ask about them."""
    query = select(Subscription.id).join(Order, col(Order.id) == Subscription.order_id)
    query = query.where(
        Order.livemode == livemode,
        col(Subscription.status).in_(("active", "trialing", "past_due", "unpaid", "paused", "incomplete")),
        col(Subscription.period_end) < now - timedelta(hours=2),
        col(Subscription.fetched_at) < now - timedelta(hours=6),
    )
    return list(session.exec(query.order_by(col(Subscription.fetched_at)).limit(limit)))

"""Subscriptions: their state is the one fetched from Stripe now, never the one in an event."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Index, case
from sqlmodel import Field, Session, col, func, or_, select, update

from core.catalog import promotion_renewals
from core.foundation.money import Money
from core.foundation.records import Record, index_where, minor_units
from core.gateway import discounts, schedules
from core.gateway.discounts import Discount
from core.gateway.objects import id_of, moment
from core.gateway.schedules import Change
from core.orders import setbacks, subscription_changes, subscription_invoices, subscription_items
from core.orders.orders import AdmittedOrder, Order, asked_about
from core.orders.subscription_invoices import OVER, Standing, Unbilled
from core.orders.subscription_items import ItemFacts

# What brings money in, month after month: a trial does not yet.
_COUNTED = ("active", "past_due")
# What would bring in something by now, were it not free or paused.
_BEGUN = (*_COUNTED, "paused")
# Those that are billed again when their period is over, unless they were told to end, or to pause.
RENEWING = ("active", "trialing", "past_due")
# What says whether and when a plan bills next.
_BILLING = ("period_end", "trial_end", "ends_at", "paused", "resumes_at")
# Stripe has moved a period on, or ended it, so long after its end.
_AFTER_THE_END = timedelta(minutes=5)
_AT_LEAST = timedelta(days=1)
# The event of a new one comes within seconds; asked about without it after this.
_FIRST_ASKED = timedelta(minutes=2)


class Subscription(Record, table=True):
    """A subscription as Stripe had it at `fetched_at`; null there means that it is known to exist, and no more.

    `grace_until` is how long a failed payment keeps all of its access, `access_until` how long what was paid for is kept:
    null while nothing ends it. `paid_until` is when the last period ends that was paid for, null of one that is over with it.
    `payment_url` is Stripe's page on which `unpaid_amount` can be paid, which whoever has it may
    open. `lapses_at` is the next moment at which access may end by itself, `refresh_at` when Stripe is asked again. `ends_at` is
    when it was told to end, and `end_changed_at` when that was last seen to be otherwise than before, null for what was known from
    the beginning; `billing_changed_at` is the same of all that says whether and when it bills next, `pause_changed_at` of its pause
    alone, and `plan_changed_at` of what is `in_force` of its plans: as they were last seen while none of it was owed for. A pause
    that ends by itself does at `resumes_at`. `end_reason` is why in Stripe's words, `end_feedback` and `end_comment` what its buyer
    chose and wrote in the portal. `amount` is what is billed per `interval`, `monthly_amount` what counts as its monthly revenue.
    By a schedule of Stripe's it `changes_at` a moment to come, and bills the `next_amount` from then on, null if that is not known.
    `unbilled_invoice` is one that Stripe could not make out, for the `unbilled_reason`: for its period nobody is asked to pay.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index("ix_subscriptions_created_at_id", "created_at", "id"),
        Index("ix_subscriptions_status_created_at_id", "status", "created_at", "id"),
        Index("ix_subscriptions_period_end_id", "period_end", "id"),
    )

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    status: str = ""
    stripe_customer_id: str | None = None
    amount: int = minor_units(default=0)
    monthly_amount: int = minor_units(default=0)
    currency: str = ""
    interval: str | None = None
    created_at: datetime
    period_end: datetime | None = None
    trial_end: datetime | None = None
    paid_until: datetime | None = None
    unpaid_since: datetime | None = None
    unpaid_amount: int = minor_units(default=0)
    payment_url: str = ""
    grace_until: datetime | None = None
    access_until: datetime | None = None
    canceled_at: datetime | None = None
    ends_at: datetime | None = None
    end_changed_at: datetime | None = None
    billing_changed_at: datetime | None = None
    pause_changed_at: datetime | None = None
    plan_changed_at: datetime | None = None
    in_force: str | None = None
    changes_at: datetime | None = None
    next_amount: int | None = minor_units(default=None, nullable=True)
    ended_at: datetime | None = None
    paused: bool = False
    resumes_at: datetime | None = None
    end_reason: str = ""
    end_feedback: str = ""
    end_comment: str = ""
    unbilled_invoice: str | None = None
    unbilled_reason: str | None = None
    fetched_at: datetime | None = None
    lapses_at: datetime | None = Field(default=None, index=True)
    refresh_at: datetime | None = Field(default=None, index=True)
    failures: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and bills nothing any more."""
        return self.status in OVER

    @property
    def bills_on(self) -> bool:
        """Whether its buyer will be billed again, as things stand."""
        return not self.is_over and self.ends_at is None and not self.paused

    def bills_at(self, moment: datetime) -> bool:
        """Whether it bills at a moment at which it would if it simply went on: it may end only later, or go on before that."""
        lasts = self.ends_at is None or self.ends_at > moment
        collects = not self.paused or (self.resumes_at is not None and self.resumes_at <= moment)
        return not self.is_over and lasts and collects

    @property
    def bills_next_at(self) -> datetime | None:
        """The end of its period, if it is billed again then."""
        return self.period_end if self.period_end and self.bills_at(self.period_end) else None

    def billed_at(self, moment: datetime) -> int | None:
        """How much it bills at a moment to come, in minor units, without discounts and taxes; None where that is not known."""
        return self.next_amount if self.changes_at and self.changes_at <= moment else self.amount

    @property
    def changed_at(self) -> datetime | None:
        """When it was last seen that it bills at another moment than before, or not, or again."""
        # Processes of before know the one alone.
        return max(filter(None, (self.end_changed_at, self.billing_changed_at)), default=None)


def bills_at(moment: Any) -> ColumnElement[bool]:
    """The same as a condition, with the column of that moment."""
    ends, resumes = col(Subscription.ends_at), col(Subscription.resumes_at)
    return or_(ends.is_(None), ends > moment) & or_(col(Subscription.paused).is_(False), resumes <= moment)


# Those that are over, and those that were told to end: few beside all, and asked for by when that is or was.
HAS_ENDED = col(Subscription.ended_at).is_not(None)
index_where(HAS_ENDED, "ix_subscriptions_ended_at_id", Subscription.ended_at, Subscription.id)
TOLD_TO_END = col(Subscription.ends_at).is_not(None)
index_where(TOLD_TO_END, "ix_subscriptions_ends_at_id", Subscription.ends_at, Subscription.id)
# Those that were, or may be, tried for nothing at first.
TRIED = col(Subscription.trial_end).is_not(None)
index_where(TRIED, "ix_subscriptions_tried", Subscription.trial_end)


@dataclass(frozen=True)
class SubscriptionFacts:
    """What Stripe says of a subscription right now. `amount` is what it bills per interval, in minor units; `codes` are the
    promotion codes by which its discounts were given, both by Stripe's ids, and `change` is what a schedule makes of it next."""

    id: str
    order_id: str
    shop_id: str
    status: str
    customer: str | None
    items: tuple[ItemFacts, ...]
    amount: int
    discounts: tuple[Discount, ...]
    currency: str
    interval: str | None
    created_at: datetime
    period_start: datetime | None
    period_end: datetime | None
    trial_end: datetime | None
    canceled_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    paused: bool
    end_reason: str
    end_feedback: str = ""
    end_comment: str = ""
    resumes_at: datetime | None = None
    change: Change | None = None
    unbilled: Unbilled | None = None
    standing: Standing = field(default_factory=Standing)
    codes: Mapping[str, str] = field(default_factory=dict)


def read_subscription(
    subscription: dict[str, Any], invoices: Sequence[dict[str, Any]] = (), *, awaited: dict[str, Any] | None = None
) -> SubscriptionFacts:
    """Read a `subscription` in the present shape or an older one, with its invoices where they are needed, and the one that could
    not be made out when it was read before.

    Since 2025-03-31 the period stands on the items; since 2025-09-30 "cancel at period end" may come as `cancel_at`.
    """
    metadata = subscription.get("metadata") or {}
    raw = (subscription.get("items") or {}).get("data", [])
    items = tuple(subscription_items.read_item(item, subscription) for item in raw if item.get("price"))
    first = items[0] if items else None
    why = subscription.get("cancellation_details") or {}
    end = first.period_end if first else moment(subscription.get("current_period_end"))
    cancel_at = moment(subscription.get("cancel_at")) or (end if subscription.get("cancel_at_period_end") else None)
    cancel_at = cancel_at or schedules.end_of(subscription)
    return SubscriptionFacts(
        id=subscription["id"],
        order_id=metadata.get("order_id") or "",
        shop_id=metadata.get("shop_id") or "",
        status=subscription.get("status") or "",
        customer=id_of(subscription.get("customer")),
        items=items,
        amount=sum(item.unit_amount * item.quantity for item in items),
        discounts=discounts.lasting(subscription),
        currency=subscription.get("currency") or "",
        interval=first.interval if first else None,
        created_at=datetime.fromtimestamp(subscription.get("start_date") or subscription.get("created") or 0, UTC),
        period_start=first.period_start if first else moment(subscription.get("current_period_start")),
        period_end=end,
        trial_end=moment(subscription.get("trial_end")),
        canceled_at=moment(subscription.get("canceled_at")),
        ends_at=cancel_at,
        ended_at=moment(subscription.get("ended_at")),
        paused=bool(subscription.get("pause_collection")) or subscription.get("status") == "paused",
        end_reason=why.get("reason") or "",
        end_feedback=why.get("feedback") or "",
        end_comment=why.get("comment") or "",
        resumes_at=moment((subscription.get("pause_collection") or {}).get("resumes_at")),
        standing=_standing(subscription, invoices),
        change=schedules.change_of(subscription),
        unbilled=subscription_invoices.read_unbilled([awaited, subscription.get("latest_invoice")]),
        codes={name: code for part in (subscription, *raw) for name, code in discounts.codes(part).items()},
    )


def _standing(subscription: dict[str, Any], invoices: Sequence[dict[str, Any]]) -> Standing:
    """What its invoices come to. Of one that is over nothing is waited for any more: until when it was paid for alone counts."""
    found = subscription_invoices.read_standing(invoices)
    return Standing(paid_until=found.paid_until) if subscription.get("status") in OVER else found


def expect(session: Session, order_id: str, subscription_id: str, *, now: datetime) -> None:
    """Know of a subscription that a Session made: Stripe is asked about it before long, whether its events come or not.

    The order must be locked.
    """
    if session.get(Subscription, subscription_id) is None:
        session.add(Subscription(id=subscription_id, order_id=order_id, created_at=now, refresh_at=now + _FIRST_ASKED))
        session.flush()


def record(
    session: Session, order_id: AdmittedOrder, facts: SubscriptionFacts, *, grace: timedelta, fetched_at: datetime
) -> bool:
    """Write what was fetched, unless something fetched later stands there already; return whether that was news.

    The order must be locked.
    """
    row = session.get(Subscription, facts.id, with_for_update=True)
    if row and row.fetched_at and row.fetched_at > fetched_at:
        return False
    if row is None:
        row = Subscription(id=facts.id, order_id=order_id, created_at=facts.created_at)
        session.add(row)
    before = _known_of(row)
    idle = row.status in _BEGUN and not row.monthly_amount
    if row.fetched_at and row.ends_at != facts.ends_at:
        row.end_changed_at = fetched_at
    if row.fetched_at and any(getattr(row, each) != getattr(facts, each) for each in _BILLING):
        row.billing_changed_at = fetched_at
    if row.fetched_at and (row.paused, row.resumes_at) != (facts.paused, facts.resumes_at):
        row.pause_changed_at = fetched_at
    # What somebody wrote when they left may have been forgotten since, with who they are: an event that comes late brings it not
    # back.
    comment = row.end_comment if row.is_over else facts.end_comment
    row.sqlmodel_update(_columns(facts, grace) | {"end_comment": comment})
    row.fetched_at, row.failures = fetched_at, 0
    row.refresh_at, row.lapses_at = _ask_next(row, fetched_at), next_lapse(row, fetched_at)
    session.flush()
    before_it, in_force = subscription_items.write(
        session, order_id, facts.id, facts.items, currency=facts.currency,
        paid_quantities=facts.standing.paid_quantities, paid_before=facts.standing.paid_before,
    )  # fmt: skip
    # While more is owed for than was paid, what was paid for before counts: a change takes effect when it is paid.
    told = row.in_force or before_it
    if told and in_force and in_force != told:
        row.plan_changed_at = fetched_at
    row.in_force = in_force or told
    _note_change(session, row, facts, idle=idle, now=fetched_at)
    if facts.codes:
        order = session.get_one(Order, order_id)
        promotion_renewals.note_codes(session, facts.codes, livemode=order.livemode, now=fetched_at)
    return _known_of(row) != before


def _known_of(row: Subscription) -> dict[str, Any]:
    return row.model_dump(exclude={"fetched_at", "refresh_at", "lapses_at", "failures", "in_force"})


def _columns(facts: SubscriptionFacts, grace: timedelta) -> dict[str, Any]:
    unpaid_since = facts.standing.unpaid_since
    grace_until = unpaid_since + grace if unpaid_since and facts.status == "past_due" else None
    paid_until = facts.period_end if _is_plain(facts) else facts.standing.paid_until
    return {
        "status": facts.status, "stripe_customer_id": facts.customer, "amount": facts.amount,
        "monthly_amount": _monthly(facts) if facts.status in _COUNTED else 0, "currency": facts.currency,
        "interval": facts.interval, "created_at": facts.created_at, "period_end": facts.period_end,
        "trial_end": facts.trial_end, "paid_until": paid_until, "unpaid_since": unpaid_since,
        "unpaid_amount": facts.standing.unpaid_amount, "payment_url": facts.standing.payment_url,
        "grace_until": grace_until, "access_until": _access_until(facts, grace_until), "canceled_at": facts.canceled_at,
        "ends_at": facts.ends_at, "ended_at": facts.ended_at, "paused": facts.paused, "resumes_at": facts.resumes_at,
        "end_reason": facts.end_reason, "end_feedback": facts.end_feedback,
        "changes_at": facts.change.at if facts.change else None,
        "next_amount": facts.change.amount if facts.change else None,
        "unbilled_invoice": facts.unbilled.invoice if facts.unbilled else None,
        "unbilled_reason": facts.unbilled.reason if facts.unbilled else None,
    }  # fmt: skip


def _is_plain(facts: SubscriptionFacts) -> bool:
    """Whether it is paid for until its period ends, without looking at its invoices."""
    return facts.status in ("active", "trialing") and not facts.paused


def _access_until(facts: SubscriptionFacts, grace_until: datetime | None) -> datetime | None:
    """Until when what was paid for may be used; None while nothing ends it by itself."""
    # Past due, and nothing is owed: what could not be collected was given up by whom it was owed to.
    forgiven = facts.status == "past_due" and not facts.paused and grace_until is None
    if _is_plain(facts) or forgiven or facts.status in OVER:
        return None
    return max(filter(None, (grace_until, facts.standing.paid_until)), default=facts.created_at)


def next_lapse(row: Subscription, now: datetime) -> datetime | None:
    """The next moment at which access changes by time alone."""
    # What ended by money that came back again is used for as long as it was paid for.
    over = row.paid_until if row.is_over else None
    coming = [at for at in (row.grace_until, row.access_until, over) if at and at > now]
    return min(coming, default=None)


def _monthly(facts: SubscriptionFacts) -> int:
    return subscription_changes.monthly(facts.items, facts.discounts)


def _note_change(session: Session, row: Subscription, facts: SubscriptionFacts, *, idle: bool, now: datetime) -> None:
    """Write down what it brings in now. `idle` is whether it was seen to bring in nothing though it had begun."""
    trial_end, ended_at = facts.trial_end, facts.ended_at
    paid = facts.status != "incomplete_expired" and not (trial_end and ended_at and ended_at <= trial_end)
    subscription_changes.note(
        session, row.id, row.monthly_amount, currency=row.currency,
        # A trial becomes new revenue when it is over, and what was free or paused till now when that is over.
        began=now if idle else max(filter(None, (facts.created_at, trial_end))),
        ended=ended_at, lived_at=_monthly(facts) if paid and not idle else 0, reason=facts.end_reason, now=now,
    )  # fmt: skip


def subscription_of(invoice: dict[str, Any]) -> str | None:
    """The subscription an invoice belongs to: on `parent` since 2025-03-31, on the invoice itself before."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return id_of(details.get("subscription") or invoice.get("subscription"))


def of_orders(session: Session, order_ids: Collection[str]) -> list[Subscription]:
    """The subscriptions of these orders, oldest first, as they were last fetched."""
    query = select(Subscription).where(col(Subscription.order_id).in_(order_ids))
    query = query.order_by(col(Subscription.created_at), col(Subscription.id))
    return list(session.exec(query.execution_options(populate_existing=True)))


def due(session: Session, *, livemode: bool, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Subscriptions of this mode about which Stripe is to be asked, those first that have waited longest, each with its
    order."""
    query = select(Subscription.id, Subscription.order_id).join(Order, col(Order.id) == Subscription.order_id)
    query = query.where(
        *asked_about(livemode=livemode),
        col(Subscription.refresh_at) <= now,
        ~setbacks.resting(col(Subscription.id), now=now),
    )
    return list(session.exec(query.order_by(col(Subscription.refresh_at), col(Subscription.id)).limit(limit)))


def living(session: Session, *, livemode: bool) -> list[str]:
    """The subscriptions of this mode that are not known to be over, oldest first."""
    query = select(Subscription.id).join(Order, col(Order.id) == Subscription.order_id)
    query = query.where(*asked_about(livemode=livemode), col(Subscription.status).not_in(OVER))
    return list(session.exec(query.order_by(col(Subscription.created_at), col(Subscription.id))))


def refresh_all(session: Session, *, now: datetime) -> None:
    """Let Stripe be asked about all of them at once."""
    session.exec(update(Subscription).where(col(Subscription.refresh_at) > now).values(refresh_at=now))


def renewing(session: Session, *, livemode: bool, since: datetime, until: datetime) -> list[tuple[int, Money]]:
    """How many subscriptions of this mode are billed again between these moments, and what they come to at their list
    prices, for each currency by itself."""
    ends = col(Subscription.period_end)
    # What a schedule changes until then is billed as it is from then on.
    changed = case((col(Subscription.changes_at) <= ends, col(Subscription.next_amount)))
    billed = func.coalesce(changed, col(Subscription.amount))
    # Asked of each order by itself: joined, PostgreSQL would rather read all orders.
    mode = select(Order.livemode).where(Order.id == Subscription.order_id).scalar_subquery()
    query = (
        select(func.count(), func.sum(billed), Subscription.currency)
        .where(
            ends >= since, ends < until, mode.is_(livemode), col(Subscription.status).in_(RENEWING), bills_at(ends),
        )
        .group_by(Subscription.currency)
        .order_by(Subscription.currency)
    )  # fmt: skip
    return [(count, Money(int(amount), currency)) for count, amount, currency in session.exec(query) if currency]


def put_off(session: Session, subscription_id: str, *, now: datetime) -> None:
    """Stripe does not know it, or says that it is not ours: ask again later, ever more rarely, and at least once a day."""
    if row := session.get(Subscription, subscription_id, with_for_update=True):
        row.failures += 1
        row.refresh_at = now + min(timedelta(minutes=1) * 2 ** min(row.failures, 12), _AT_LEAST)


def lapsed(session: Session, *, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Subscriptions whose access has changed by time alone since they were last looked at, each with its order."""
    query = select(Subscription.id, Subscription.order_id).where(
        col(Subscription.lapses_at) <= now, ~setbacks.resting(col(Subscription.order_id), now=now)
    )
    return list(session.exec(query.order_by(col(Subscription.lapses_at), col(Subscription.id)).limit(limit)))


def _ask_next(row: Subscription, now: datetime) -> datetime | None:
    """When to ask about it again: soon after the next moment at which Stripe changes it, and at least once a day."""
    if row.is_over:
        return None
    turns = [at + _AFTER_THE_END for at in (row.period_end, row.ends_at, row.resumes_at) if at]
    # Stripe may be late: past such a moment it is asked ever more rarely.
    late = [now + max(_AFTER_THE_END, now - turn) for turn in turns if turn <= now]
    return min([*(turn for turn in turns if turn > now), *late, now + _AT_LEAST])

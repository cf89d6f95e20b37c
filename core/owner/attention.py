"""Attention: the one list of what needs a person, each with what to do about it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, exists, or_
from sqlalchemy.orm import aliased, defer
from sqlmodel import Session, col, func, select

from core.events import inbox
from core.events.handlers import EventState
from core.events.inbox import OF_THE_OTHER_MODE, StripeEvent
from core.foundation.jobs import standing
from core.foundation.jobs.kinds import Job
from core.foundation.jobs.standing import dead_jobs
from core.foundation.money import Money
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Milestone, Name
from core.journeys.checkout_sessions.lost_orders import LostOrder
from core.kinds import downloads, file_versions
from core.mailboxes import marks
from core.mailboxes.marks import Kind as MarkKind
from core.messages.letters import OUTSTANDING, Letter, LetterState
from core.orders import setbacks
from core.orders.balance import payouts
from core.orders.checkouts import AT_STRIPE, Checkout
from core.orders.disputes import ACTIONABLE, Dispute, FraudWarning
from core.orders.orders import NEEDS_ATTENTION, Order
from core.orders.refunds import Refund, RefundStatus
from core.orders.setbacks import Setback
from core.orders.status import Status
from core.outgoing import endpoints, messages
from core.outgoing.endpoints import Off
from core.owner.doctor import readiness
from core.owner.doctor.readiness import Check
from core.rights.withdrawals import State, Withdrawal
from core.shop import Shop
from core.traffic import rate_limits
from core.traffic.rate_limits import DECLINES

_PARKED_FOR = timedelta(hours=1)
_RETRIED_FOR = timedelta(hours=1)
# A mode mismatch is worth a warning while it goes on, not for ever.
_RECENT = timedelta(days=2)
# So many of each kind are listed: one fault may be behind thousands, and that is when somebody has to look.
MOST = 100
# While versions change, both are at work.
_UPGRADING = timedelta(minutes=5)
# After this a complaint is no news.
_COMPLAINED_FOR = timedelta(days=14)
# What lacks a permission is asked for again within this time, at least.
_LACKING_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class Item:
    """Something for a person. `subject` is the order, event or job; `due_by` is a deadline set by somebody else."""

    topic: str
    subject: str
    order_id: str | None
    since: datetime
    due_by: datetime | None
    detail: str
    advice: str


def items(shop: Shop, *, beside: int = 0) -> list[Item]:
    """What needs a person now: what has a deadline first, then the oldest. Of each kind the first `MOST`, beside so many as were
    set aside, and how many more there are."""
    now, livemode = shop.now(), shop.settings.livemode
    with shop.reading() as session:
        shelf = _Shelf(session, livemode=livemode, now=now, most=MOST + beside)
        said = milestones.everything(session)
        found = [
            *_stripe(session, said, now=now),
            *shelf.listed(_lost),
            *_card_testing(session, now=now),
            *shelf.listed(_setbacks),
            *_without_owners(session, shop),
            *shelf.listed(_disputes),
            *shelf.listed(_warnings),
            *shelf.listed(_orders),
            *shelf.listed(_withdrawals),
            *shelf.listed(_refunds),
            *_payouts(session, livemode=livemode),
            *_permissions(said),
            *shelf.listed(_failed_events),
            *shelf.listed(_parked_events),
            *_of_the_other_mode(session, now=now),
            *shelf.listed(_letters),
            *_mailboxes(session, shop, limit=shelf.most),
            *_storage(said),
            *_files(session),
            *_endpoints(session),
        ]
    found += [*_machinery(shop), *_jobs(shop, limit=shelf.most)]
    return sorted(found, key=lambda item: (item.due_by is None, item.due_by or item.since))


@dataclass(frozen=True)
class _Kind:
    """One kind of what is listed: its rows, the order that each is about, which come first, and what is `said` of one.

    What changes from one moment to the next is named in its statement (`_LIVEMODE` and its like), which is put together once: that
    takes many times as long as to ask.
    """

    rows: Select[Any]
    order_id: Any
    by: tuple[Any, ...]
    said: Callable[[Any], Iterable[Item]]

    def standing(self) -> Select[Any]:
        """Those not about orders of the other mode: once a shop is live, its trials need nobody any more."""
        named = _named_order()
        return self.rows.where(~exists().where(col(named.id) == self.order_id, col(named.livemode) != _LIVEMODE))


_LIVEMODE: Any = bindparam("livemode")
_LONG_PARKED: Any = bindparam("long_parked")
_LONG_RETRIED: Any = bindparam("long_retried")


@cache
def _named_order() -> type[Order]:
    return aliased(Order)


@cache
def _whether_any() -> Select[Any]:
    """Whether there is any of each kind, in one question: mostly there is of none."""
    return select(*[kind().standing().exists() for kind in _LISTED])


@cache
def _first(kind: Callable[[], _Kind]) -> Select[Any]:
    return kind().standing().order_by(*kind().by).limit(bindparam("most"))


class _Shelf:
    """What there is of each kind of _LISTED now, the `most` of it that come first."""

    def __init__(self, session: Session, *, livemode: bool, now: datetime, most: int) -> None:
        self.most, self._session = most, session
        self._values = {
            "livemode": livemode, "long_parked": now - _PARKED_FOR, "long_retried": now - _RETRIED_FOR,
        }  # fmt: skip
        self._any = dict(zip(_LISTED, session.execute(_whether_any(), self._values).one(), strict=True))

    def listed(self, kind: Callable[[], _Kind]) -> Iterator[Item]:
        """What is said of the first of this kind, and before it how many more of the same there are."""
        if not self._any[kind]:
            return
        rows = self._session.execute(_first(kind), {**self._values, "most": self.most}).scalars().all()
        found = [item for row in rows for item in kind().said(row)]
        if found and len(rows) == self.most:
            yield from self._more(kind, found[0])
        yield from found

    def _more(self, kind: Callable[[], _Kind], first: Item) -> Iterator[Item]:
        every = kind().standing().with_only_columns(func.count())
        left = self._session.execute(every, self._values).scalar_one() - self.most
        if left > 0:
            yield Item(
                "more_of_the_same", first.topic, None, first.since, None, f"{left:,} more beside those listed", _MORE
            )


_MORE = "They come up as those that are listed are dealt with. So many at once often have one cause: mend that first."


def _stripe(session: Session, said: Mapping[Name, Milestone], *, now: datetime) -> Iterator[Item]:
    """What the last calls to Stripe came to: nobody answered, or the key was turned away, or may not do everything."""
    silent, refused, answered = map(said.get, (Name.STRIPE_SILENT, Name.KEY_REFUSED, Name.STRIPE_ANSWERED))
    lacking, page = map(said.get, (Name.PERMISSION_MISSING, Name.PAYMENT_PAGE_REFUSED))
    if silent and _newest(silent, answered, refused):
        yield Item("stripe_unreachable", "stripe", None, silent.at, None, silent.detail, _UNREACHABLE)
    if refused and _newest(refused, answered, silent):
        yield Item("stripe_key_refused", "STRIPE_SECRET_KEY", None, refused.at, None, refused.detail, _NEW_KEY)
    if lacking and lacking.at > now - _LACKING_FOR:
        yield Item("stripe_key_refused", "permissions", None, lacking.at, None, lacking.detail, _PERMISSION)
    if page and not _page_opened_since(session, page.at):
        yield Item("stripe_key_refused", "checkout", None, page.at, None, page.detail, _NO_PAYMENTS)


@cache
def _lost() -> _Kind:
    """Payments for orders that this database does not have and that could not be written again."""
    lost = select(LostOrder).where(LostOrder.livemode == _LIVEMODE)
    return _Kind(lost, LostOrder.order_id, (LostOrder.found_at, LostOrder.id), _lost_order)


def _lost_order(row: LostOrder) -> Iterator[Item]:
    paid = f"{Money(row.amount, row.currency).format()} for {row.number or row.order_id}: {row.reason}"
    yield Item("order_lost", row.id, None, row.found_at, None, paid, _LOST)


_LOST = (
    "Its buyer has paid, and the order is not in this database, perhaps since a backup was put back. Where something is missing,"
    " apply the catalogue that has it: then the order is written again by itself, or at once by `pushcart reconcile`. Else give"
    " its buyer what they bought by hand, or refund it in Stripe's dashboard; this item goes with the refund."
)


def _newest(signal: Milestone, *others: Milestone | None) -> bool:
    return all(other is None or other.at < signal.at for other in others)


def _page_opened_since(session: Session, moment: datetime) -> bool:
    opened = select(Checkout.id).where(AT_STRIPE, Checkout.created_at >= moment)
    return session.exec(opened.limit(1)).first() is not None


_UNREACHABLE = "Check this machine's network and Stripe's status page. Nothing is lost: the worker keeps asking."
_NEW_KEY = (
    "Make a new key in Stripe's dashboard, set STRIPE_SECRET_KEY and restart every process. Nothing is lost: refunds and"
    " questions wait for it. Until then nobody can pay."
)
_PERMISSION = "Give the restricted key the permission that Stripe names, in its dashboard. What was asked for waits."
_NO_PAYMENTS = (
    "Buyers cannot pay: Stripe does not let this key open payment pages. Set a key that may write Checkout Sessions; this"
    " item goes with the next page that is opened."
)


def _card_testing(session: Session, *, now: datetime) -> Iterator[Item]:
    row = rate_limits.standing(session, DECLINES, "cards")
    if row is None or row.hits <= DECLINES.most or row.began_at < now.timestamp() - DECLINES.seconds:
        return
    since = datetime.fromtimestamp(row.began_at, UTC)
    yield Item(
        "card_testing", "declines", None, since, None, f"{row.hits} payments were declined within an hour", _TESTED,
    )  # fmt: skip


_TESTED = (
    "Somebody may be trying out stolen cards here. Look at the declined payments in Stripe's dashboard, switch on its rules"
    " against card testing, and refund what came through: those payments are disputed later. Should it be a sale that goes"
    " well, nothing is to be done; this item goes an hour after the last such hour."
)


def _storage(said: Mapping[Name, Milestone]) -> Iterator[Item]:
    if silent := said.get(Name.STORAGE_SILENT):
        yield Item(
            "storage_unreachable", "STORAGE_URL", None, silent.at, None, silent.detail,
            "Buyers get a page instead of their files, and nothing counts. Check the bucket's name, region and credentials with"
            " `pushcart doctor`; this item goes with the next download.",
        )  # fmt: skip


def _files(session: Session) -> Iterator[Item]:
    for file in downloads.missing(session):
        assert file.missing_since
        yield Item(
            "file_missing", file.name, None, file.missing_since, None, f"{file.product_id} is sold without it",
            "Buyers get a page instead of the file, and nothing counts. Apply the catalogue again from where the file lies, or"
            " see that the shop may read it where it is kept; this item goes with the next download.",
        )  # fmt: skip
    for file, version in file_versions.older_missing(session):
        assert version.missing_since
        yield Item(
            "older_file_missing", file.name, None, version.missing_since, None,
            f"version {version.version or version.number} of {file.product_id}, which is older than what is sold",
            "Whoever buys now gets the newer one. Those whose updates ended before it came get a page instead of their file, and"
            " nothing counts. Put it back where it was kept; this item goes with the next download of it.",
        )  # fmt: skip


def _endpoints(session: Session) -> Iterator[Item]:
    """Endpoints that were switched off because they took nothing, or say that they are gone."""
    for row in endpoints.everything(session):
        if row.off in (Off.FAILED, Off.GONE) and row.off_at:
            kept = f", {waiting} messages wait" if (waiting := messages.held(session, row.id)) else ""
            yield Item(
                "webhook_off", row.id, None, row.off_at, None, f"{row.name}: {row.failure}{kept}",
                _ENDPOINT_GONE if row.off is Off.GONE else _ENDPOINT_FAILED,
            )  # fmt: skip


_ENDPOINT_FAILED = (
    "It took no message for three days and was switched off; what it missed is kept for a month. Mend the program behind it,"
    " send a test, and switch it on: `pushcart hooks on`, or the page Webhooks."
)
_ENDPOINT_GONE = "It answered 410, that nobody is there any more. Remove it, or correct its address and switch it on."


@cache
def _setbacks() -> _Kind:
    lasting = select(Setback).where(setbacks.LASTING)
    return _Kind(lasting, Setback.order_id, (Setback.since, Setback.subject), _setback)


def _setback(row: Setback) -> Iterator[Item]:
    yield Item(
        "keeps_failing", row.subject, row.order_id, row.since, None, f"{row.error} ({row.tries} tries)",
        "It is tried again every quarter of an hour; nothing else waits for it. Look it up in Stripe's dashboard, and"
        " `pushcart reconcile` tries it at once.",
    )  # fmt: skip


def _machinery(shop: Shop) -> Iterator[Item]:
    """A worker that is not at work, or at work without asking Stripe."""
    worker, sweep = (readiness.check(shop, name) for name in ("worker", "sweep"))
    if not worker.ok:
        yield Item(
            "worker_absent", "worker", None, worker.since or shop.now(), None, _age("last seen", worker),
            "Start the worker (`python -m worker`, or WORKER=embedded). Until then no letter goes out, and what no webhook"
            " told is not asked for.",
        )  # fmt: skip
    elif not sweep.ok:
        yield Item(
            "sweep_overdue", "worker", None, sweep.since or shop.now(), None, _age("last pass ended", sweep),
            "The worker is there, but does not get through asking Stripe. Look at its log for `worker_pass_failed`, and"
            " restart it.",
        )  # fmt: skip


def _age(what: str, check: Check) -> str:
    if check.age is None:
        return f"{what}: never"
    seconds = int(check.age.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600, seconds // 60
    number, unit = next((n, u) for n, u in ((days, "day"), (hours, "hour"), (minutes, "minute"), (1, "minute")) if n)
    return f"{what} {number} {unit}{'' if number == 1 else 's'} ago"


def _without_owners(session: Session, shop: Shop) -> Iterator[Item]:
    """Notices to owners that nobody's address is known for."""
    if shop.settings.owners:
        return
    waiting = select(func.count(), func.min(Letter.created_at)).where(
        OUTSTANDING, Letter.state == LetterState.WAITING, col(Letter.id).startswith(f"{Job.OWNER_NOTICE}:")
    )
    count, since = session.exec(waiting).one()
    if count:
        waits = "1 notice waits" if count == 1 else f"{count} notices wait"
        advice = "Set OWNER_EMAILS and restart: the notices that wait go out then."
        yield Item("no_owner_address", "OWNER_EMAILS", None, since, None, waits, advice)


@cache
def _disputes() -> _Kind:
    open_ones = col(Dispute.status).in_(("warning_needs_response", "needs_response", "appeal_needs_response"))
    soonest = (col(Dispute.due_by).is_(None), Dispute.due_by, Dispute.created_at, Dispute.id)
    return _Kind(select(Dispute).where(open_ones), Dispute.order_id, soonest, _dispute)


def _dispute(row: Dispute) -> Iterator[Item]:
    yield Item(
        "dispute", row.id, row.order_id, row.created_at, row.due_by, row.reason,
        "Answer it in Stripe's dashboard before the deadline. `pushcart evidence` puts the proof together.",
    )  # fmt: skip


@cache
def _warnings() -> _Kind:
    disputed = exists().where(col(Dispute.order_id) == FraudWarning.order_id)
    refunded = exists().where(col(Order.id) == FraudWarning.order_id, col(Order.amount_refunded) != 0)
    standing = select(FraudWarning).where(ACTIONABLE, ~disputed, ~refunded)
    return _Kind(standing, FraudWarning.order_id, (FraudWarning.created_at, FraudWarning.id), _warning)


def _warning(row: FraudWarning) -> Iterator[Item]:
    yield Item(
        "fraud_warning", row.id, row.order_id, row.created_at, None, row.fraud_type,
        "The bank thinks this payment is fraud. Refunding it now avoids a dispute and its fee.",
    )  # fmt: skip


@cache
def _orders() -> _Kind:
    bills = or_(*(col(Order.attention).contains(topic) for topic in _BILLING))
    troubled = select(Order).where(NEEDS_ATTENTION, col(Order.status).not_in(_SETTLED_OTHERWISE) | bills)
    return _Kind(troubled, Order.id, (Order.updated_at, Order.id), _order)


def _order(row: Order) -> Iterator[Item]:
    for line in row.attention.splitlines():
        topic, _, subject = line.partition(": ")
        topic = topic.partition(":")[0]
        if topic not in _BILLING and row.status in _SETTLED_OTHERWISE:
            continue
        known = _PAYMENTS.get(topic) or _BILLING.get(topic)
        advice = (known or _BLOCKED.get(topic, _BLOCKED[""])).format(number=row.number, payment=subject)
        yield Item(topic, row.number, row.id, row.updated_at, None, subject if known else line, advice)


# The money went back: what could not be delivered need not be.
_SETTLED_OTHERWISE = (Status.REFUNDED, Status.CHARGED_BACK)
# What goes on whatever became of the order's money.
_BILLING = {
    "plan_bills_on": "Its buyer may not use the plan, and Stripe bills on. Cancel the subscription in Stripe's dashboard.",
    "foreign_price": "At Stripe the plan has a price that the catalogue does not know, so access stays as it was paid for."
    " Bring the price into the catalogue, or the plan back to one of its own.",
    "plan_beside": "At Stripe a plan of the catalogue is billed with this order, which did not buy it: nobody gets it. Take it out"
    " of the subscription in Stripe's dashboard, and sell it to its buyer by an order of its own.",
}
# What is about one payment, or one cancellation of places, which is named.
_PAYMENTS = {
    "paid_twice": "Its buyer paid two Checkout Sessions. Send the second payment back with"
    " `pushcart refund {number} --payment {payment}`, or the first.",
    "paid_after_end": "It was paid for a plan that had ended, and gives no access. Send it back with"
    " `pushcart refund {number} --payment {payment}`, or sell its buyer the plan again.",
    "partly_lost": "A bank took a part of {payment} for good. The rest is yours, and what was bought stays open, as after a"
    " refund of a part; a plan bills on. End access with `pushcart revoke {number}`, or set this aside.",
    "tried_before": "Its buyer has tried this plan before, with order {payment}, and does once more for nothing: that it was they"
    " was known only when they had bought it. End the trial in Stripe's dashboard, which charges them now, or set this aside; it"
    " goes when the trial ends.",
    "other_external_id": "It was bought for {payment}, as your programs call somebody, and paid under an address of somebody else:"
    " by that id they are told nothing of it. If the two are one person, merge them on the page of either.",
    "place_not_paid_back": "A place was given up, and less is left of what was paid than is to go back for it: nothing was sent"
    " back. Agree with its buyer on how much, and refund that.",
}
_BLOCKED = {
    "sold_out": "Paid after the places were gone. Refund it, or raise the number of places and replay its event.",
    "date_canceled": "Paid while its date was being canceled. Refund it, or agree on another date with its buyer.",
    "date_passed": "Paid after its workshop had begun. Refund it, or agree on another date with its buyer.",
    "amount_mismatch": "Paid a different amount than was ordered. Compare it in Stripe, then refund or correct it.",
    "currency_mismatch": "Paid in another currency than was ordered. Compare it in Stripe, then refund it.",
    "": "It is paid and could not be delivered. Mend the cause and replay its event, or refund it.",
}


@cache
def _withdrawals() -> _Kind:
    """Withdrawals that nobody has decided about."""
    waiting = select(Withdrawal).where(Withdrawal.state == State.OPEN)
    return _Kind(waiting, Withdrawal.order_id, (Withdrawal.created_at, Withdrawal.id), _withdrawal)


def _withdrawal(row: Withdrawal) -> Iterator[Item]:
    sure = "" if row.order_id else ", not matched with an order"
    yield Item(
        "withdrawal", row.id, row.order_id, row.created_at, row.answer_by, f"{row.reference or 'no order named'}{sure}",
        "Accept it, which sends the money back, or decline it with a reason: on the page of withdrawals, or by"
        " `pushcart withdraw`.",
    )  # fmt: skip


@cache
def _refunds() -> _Kind:
    """Refunds that did not work, until another one of their order does."""
    failed = col(Refund.status).in_((RefundStatus.FAILED, RefundStatus.CANCELED))
    newer = aliased(Refund)
    paid_back_since = exists().where(
        col(newer.order_id) == Refund.order_id,
        col(newer.created_at) > Refund.created_at,
        col(newer.status).in_((RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION, RefundStatus.SUCCEEDED)),
    )
    standing = select(Refund).where(failed, ~paid_back_since)
    return _Kind(standing, Refund.order_id, (Refund.updated_at, Refund.id), _refund)


def _refund(row: Refund) -> Iterator[Item]:
    yield Item(
        "refund_failed", row.stripe_refund_id or row.id, row.order_id, row.updated_at, None, row.failure,
        _SENT_BACK if row.stripe_refund_id else _REFUSED,
    )  # fmt: skip


_SENT_BACK = "The money is back with you and the buyer has access again. Agree with them on another way to pay it back."
_REFUSED = "Stripe refused it, so no money has moved. Mend the reason and refund again, or pay it back another way."


def _payouts(session: Session, *, livemode: bool) -> Iterator[Item]:
    for row in payouts.failed(session, livemode=livemode):
        reason = row.failure_message or row.failure_code or "no reason was given"
        yield Item(
            "payout_failed", row.id, None, row.failed_at or row.told_at, None,
            f"{Money(row.amount, row.currency).format()}: {reason}",
            "The bank sent it back, and the money is on your balance at Stripe again. Stripe pays nothing more out to that "
            "account until you correct it, or confirm it, among the payouts in Stripe's settings: then the next payout "
            "brings it along.",
        )  # fmt: skip


def _permissions(said: Mapping[Name, Milestone]) -> Iterator[Item]:
    """What a restricted key may not read, until it may."""
    for name, (read, refused, advice) in _READABLE.items():
        told, last_read = said.get(refused), said.get(read)
        if told and (last_read is None or last_read.at < told.at):
            since = last_read.at if last_read else told.at
            yield Item("permission_missing", name, None, since, None, told.detail, advice)


_GIVEN = " Nothing is lost, and everything else goes on: it is asked for again every hour."
_READABLE = {
    "balance": (
        milestones.Name.BALANCE_READ, milestones.Name.BALANCE_REFUSED,
        "Let the restricted key read Balance transaction sources and Disputes, in Stripe's dashboard among the API keys." + _GIVEN,
    ),
    "payouts": (
        milestones.Name.PAYOUTS_READ, milestones.Name.PAYOUTS_REFUSED,
        "Let the restricted key read Payouts, in Stripe's dashboard among the API keys." + _GIVEN,
    ),
}  # fmt: skip


def _events() -> Select[Any]:
    # What Stripe sent with them is kept packed, and said nowhere here.
    return select(StripeEvent).options(defer(StripeEvent.payload))  # type: ignore[arg-type]


_BY_ARRIVAL = StripeEvent.received_at, StripeEvent.id


@cache
def _failed_events() -> _Kind:
    return _Kind(
        _events().where(col(StripeEvent.state) == EventState.FAILED), StripeEvent.order_id, _BY_ARRIVAL, _failed
    )


@cache
def _parked_events() -> _Kind:
    parked = _events().where(col(StripeEvent.state) == EventState.PARKED, col(StripeEvent.received_at) < _LONG_PARKED)
    # Where the order itself is listed, it is that which needs somebody.
    lost = exists().where(col(LostOrder.order_id) == StripeEvent.order_id, col(LostOrder.livemode) == _LIVEMODE)
    return _Kind(parked.where(~lost), StripeEvent.order_id, _BY_ARRIVAL, _parked)


@cache
def _newest_of_the_other_mode() -> Select[Any]:
    mixed = _events().where(OF_THE_OTHER_MODE, col(StripeEvent.received_at) > bindparam("recently"))
    return mixed.order_by(col(StripeEvent.received_at).desc()).limit(1)


def _of_the_other_mode(session: Session, *, now: datetime) -> Iterator[Item]:
    for newest in session.execute(_newest_of_the_other_mode(), {"recently": now - _RECENT}).scalars():
        yield Item(
            "mode_mismatch", newest.id, None, newest.received_at, None, newest.error,
            "Events of the other mode arrive here. Let that endpoint point at the shop that has that key.",
        )  # fmt: skip


def _failed(row: StripeEvent) -> Iterator[Item]:
    yield Item(
        "event_failed", row.id, row.order_id, row.received_at, None, row.error,
        "It is tried again by itself. If the reason stays, mend it and run `pushcart replay`.",
    )  # fmt: skip


def _parked(row: StripeEvent) -> Iterator[Item]:
    yield Item(
        "event_parked", row.id, row.order_id, row.received_at, None, row.error,
        _STILL_ASKING if inbox.waits_for_stripe(row) else _UNKNOWN_ORDER,
    )  # fmt: skip


_UNKNOWN_ORDER = (
    "Stripe speaks of an order that this database does not have, and nobody could say yet which Session it was for."
)
_STILL_ASKING = (
    "Stripe has not said yet which order this belongs to. It is asked again by itself; `pushcart reconcile` asks now."
)


@cache
def _letters() -> _Kind:
    stuck = col(Letter.state).in_((LetterState.REFUSED, LetterState.GIVEN_UP, LetterState.BOUNCED)) | (
        (col(Letter.state) == LetterState.RETRYING) & (col(Letter.created_at) < _LONG_RETRIED)
    )
    return _Kind(select(Letter).where(OUTSTANDING, stuck), Letter.order_id, (Letter.created_at, Letter.id), _letter)


def _letter(row: Letter) -> Iterator[Item]:
    yield Item(
        "letter", row.id, row.order_id, row.created_at, None, row.error,
        "Check the address and the mail server. The order itself is not touched by this.",
    )  # fmt: skip


_LATER_VERSION = (
    "A later version of the shop owes it, which no worker at work knows. Nothing is lost: finish the upgrade, or start a worker of"
    " that version, and it is done."
)


def _mailboxes(session: Session, shop: Shop, *, limit: int) -> Iterator[Item]:
    """Buyers whose letters come back, or are taken for spam, as long as their order has that address."""
    signing_key, livemode = shop.signing_key, shop.settings.livemode
    for row in marks.unreachable(session, signing_key=signing_key, livemode=livemode, limit=limit):
        if row.kind is MarkKind.BOUNCED:
            advice = _NO_MAILBOX.format(number=row.number)
            yield Item("mailbox_gone", row.number, row.order_id, row.since, None, row.detail, advice)
        elif row.since > shop.now() - _COMPLAINED_FOR:
            yield Item("mail_complaint", row.number, row.order_id, row.since, None, row.detail, _COMPLAINT)


_NO_MAILBOX = (
    "Letters to this buyer come back, and none but sign-in codes are sent any more. Ask them for another address:"
    " `pushcart resend {number} --to ADDRESS` corrects it. Whoever signs in by a code shows that the mailbox works."
)
_COMPLAINT = (
    "The buyer took a letter of the shop for spam. What their purchases need still goes there, and no news any more."
)


def _jobs(shop: Shop, *, limit: int) -> Iterator[Item]:
    for job in standing.unknown(shop.engine, limit=limit):
        if job.since < datetime.now(UTC) - _UPGRADING:
            yield Item("unknown_job", job.id, None, job.since, None, f"waits in {job.queue}", _LATER_VERSION)
    for job_id, died_at, error in dead_jobs(shop.engine):
        yield Item("dead_job", job_id, None, died_at, None, error, "Look at the worker's log, and mend the cause.")


_LISTED: tuple[Callable[[], _Kind], ...] = (
    _lost, _setbacks, _disputes, _warnings, _orders, _withdrawals, _refunds, _failed_events, _parked_events, _letters,
)  # fmt: skip

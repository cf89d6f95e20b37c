"""That Stripe tells of what happens, and nothing of it comes by the webhook."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from core.events import arrivals
from core.events.inbox import StripeEvent
from core.owner.needs.items import Item
from core.owner.season import seasons

# What happened within so long of the last arrival that was noted may have come by the webhook too.
_UNSURE = 2 * arrivals.EVERY
# What the worker learns of later happened while all of the shop was away, or before a backup was put back.
_AT_ONCE = timedelta(minutes=5)
# Stripe tries again within minutes, as after a webhook was started anew.
_PATIENCE = timedelta(minutes=30)
_LOOKED_AT = 20


def missing(session: Session, *, livemode: bool, now: datetime) -> Iterator[Item]:
    """The last event that the worker alone has learned of, since one came by the webhook."""
    since = arrivals.last(session, livemode=livemode)
    if since is None and arrivals.are_in_history(session, livemode=livemode):
        return  # an earlier version took them; this one notes the next
    query = select(StripeEvent.id, StripeEvent.type, StripeEvent.created, StripeEvent.received_at).where(
        StripeEvent.livemode == livemode,
        col(StripeEvent.received_at) < now - _PATIENCE,
        ~col(StripeEvent.id).startswith(seasons.EVENTS, autoescape=True),
    )
    if since:
        query = query.where(col(StripeEvent.received_at) > since + _UNSURE, col(StripeEvent.created) > since + _UNSURE)
    newest = query.order_by(col(StripeEvent.received_at).desc()).limit(_LOOKED_AT)
    for event_id, kind, created, received_at in session.exec(newest):
        if received_at < created + _AT_ONCE:
            yield Item(
                "webhook_silent", "STRIPE_WEBHOOK_SECRET", None, since or received_at, None,
                f"{event_id} ({kind}) is known because the worker asked", _ADVICE,
            )  # fmt: skip
            return


_ADVICE = (
    "No event comes from Stripe by the webhook: another secret, or an address or process that does not answer. Nothing is lost as"
    " long as the worker runs, and all of it is late. `pushcart doctor` says what is the matter; this item goes with the next event"
    " that comes."
)

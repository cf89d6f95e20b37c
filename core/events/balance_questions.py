"""What the worker asks Stripe about the account's money: what moved, what was paid out, and whose it was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlmodel import col, select

from core import admission
from core.admission import Fate, Refused
from core.foundation.errors import PermissionMissing
from core.foundation.signals import milestones
from core.journeys import ownership
from core.orders import orders
from core.orders.balance import entries, payouts
from core.orders.balance.entries import Movement
from core.orders.orders import Order
from core.shop import Shop

EVERY = timedelta(minutes=15)
# A key that lacks a permission is asked for again after this while: perhaps it was given.
_REFUSED_FOR = timedelta(hours=1)
# A movement may be listed some time after it happened; what is later still stands on its payout's own list.
_OVERLAP = timedelta(hours=1)
# A bank may send a payout back days after it seemed to be paid.
_PAYOUTS_CHANGE = timedelta(days=14)
_EVERYTHING = timedelta(days=30)
# Long absences are asked about in steps, each remembered when it is complete.
_STEP = timedelta(days=7)
_PAGE = 100
_BATCH = 50

Question = tuple[str, Callable[[], bool]]


@dataclass(frozen=True)
class _Listing:
    """One of Stripe's lists: until when it was read, and when a key last lacked the permission to read it."""

    read: milestones.Name
    refused: milestones.Name


_BALANCE = _Listing(milestones.Name.BALANCE_READ, milestones.Name.BALANCE_REFUSED)
_PAYOUTS = _Listing(milestones.Name.PAYOUTS_READ, milestones.Name.PAYOUTS_REFUSED)


def due(shop: Shop, *, everything: bool = False) -> Iterator[Question]:
    """What to ask now, by name, each independent of the others; `everything` asks before its time.

    Each answer decides what is asked next. A shop without orders asks nothing.
    """
    with shop.reading() as session:
        # The oldest is found by its mode and day.
        asked_about = (col(Order.livemode) == shop.settings.livemode, ~orders.MADE_UP)
        first = select(Order.created_at).where(*asked_about).order_by(col(Order.created_at))
        began = session.exec(first.limit(1)).first()
    if began is None:
        return
    if everything or _is_due(shop, _PAYOUTS):
        yield "payouts at Stripe", partial(_guarded, shop, _PAYOUTS, partial(_read_payouts, shop, began, everything))
    if everything or _is_due(shop, _BALANCE):
        yield "balance at Stripe", partial(_guarded, shop, _BALANCE, partial(_read_balance, shop, began, everything))
    if not _is_refused(shop, _BALANCE):
        for payout_id in _unlisted(shop):
            yield payout_id, partial(_guarded, shop, _BALANCE, partial(read_payout, shop, payout_id))
    for movement in _unknown(shop):
        yield movement.ids[0], partial(trace, shop, movement)


def _is_due(shop: Shop, listing: _Listing) -> bool:
    with shop.reading() as session:
        read = milestones.last(session, listing.read)
    return (read is None or read.at <= shop.now() - EVERY) and not _is_refused(shop, listing)


def _is_refused(shop: Shop, listing: _Listing) -> bool:
    with shop.reading() as session:
        read, refused = milestones.last(session, listing.read), milestones.last(session, listing.refused)
    if refused is None or (read is not None and read.at > refused.at):
        return False
    return refused.at > shop.now() - _REFUSED_FOR


def _guarded(shop: Shop, listing: _Listing, read: Callable[[], None]) -> bool:
    """Read a list; a missing permission is for the owner to know, and no reason to try again at once."""
    try:
        read()
    except PermissionMissing as error:
        with shop.transaction() as session:
            milestones.record(session, listing.refused, at=shop.now(), detail=error.message)
    return False


def _read_balance(shop: Shop, began: datetime, everything: bool) -> None:
    started = shop.now()
    since = _since(shop, _BALANCE, began, everything)
    while since < started:
        before = since + _STEP if since + _STEP < started else None
        take(shop, shop.stripe.balance_transactions(since=since, before=before))
        # Only now: what a list that broke off did not show is asked for again.
        since = before or started
        with shop.transaction() as session:
            milestones.record(session, _BALANCE.read, at=since)


def take(shop: Shop, listed: Iterator[dict[str, Any]], *, payout: str | None = None) -> None:
    """Record what is listed, page by page: what was read stays, should the rest not come."""
    while page := list(islice(listed, _PAGE)):
        found = [entries.read_entry(each, shop_id=shop.id, payout=payout) for each in page]
        with shop.transaction() as session:
            entries.record(session, found, livemode=shop.settings.livemode, fetched_at=shop.now())


def read_payout(shop: Shop, payout_id: str) -> None:
    """Record what Stripe lists as part of a payout."""
    take(shop, shop.stripe.transactions_of_payout(payout_id), payout=payout_id)
    with shop.transaction() as session:
        payouts.note_listed(session, payout_id, at=shop.now())


def _read_payouts(shop: Shop, began: datetime, everything: bool) -> None:
    started = shop.now()
    with shop.reading() as session:
        underway = payouts.oldest_underway(session, livemode=shop.settings.livemode)
    since = min(_since(shop, _PAYOUTS, began, everything), started - _PAYOUTS_CHANGE, underway or started)
    listed = shop.stripe.payouts(since=max(since, began - _OVERLAP))
    while page := list(islice(listed, _PAGE)):
        with shop.transaction() as session:
            for found in sorted(map(payouts.read_payout, page), key=lambda each: each.id):
                payouts.record(session, found, told_at=started)
    with shop.transaction() as session:
        milestones.record(session, _PAYOUTS.read, at=started)


def _since(shop: Shop, listing: _Listing, began: datetime, everything: bool) -> datetime:
    """From when on to ask: since the last time, and never from before the shop's first order."""
    with shop.reading() as session:
        read = milestones.last(session, listing.read)
    last = read.at if read else began
    wanted = min(last, shop.now() - _EVERYTHING) if everything else last
    return max(wanted, began) - _OVERLAP


def _unlisted(shop: Shop) -> list[str]:
    with shop.transaction() as session:
        return payouts.claim_unlisted(session, livemode=shop.settings.livemode, now=shop.now(), limit=_BATCH)


def _unknown(shop: Shop) -> list[Movement]:
    """The payments that only Stripe can tell about; those that our own rows know are noted on the way."""
    with shop.transaction() as session:
        found = entries.claim_unknown(session, livemode=shop.settings.livemode, now=shop.now(), limit=_BATCH)
        left = []
        for movement in found:
            if order_id := admission.of_ids(session, movement.ids, None):
                entries.assign(session, movement, order_id)
            elif entries.is_foreign(session, movement):
                entries.disown(session, movement)
            else:
                left.append(movement)
        return left


def trace(shop: Shop, movement: Movement) -> bool:
    """Whether Stripe told whose a payment is. One that names an order which is not here is asked about again."""
    found = ownership.find(shop, {"payment_intent": movement.payment_intent, "charge": movement.charge})
    if isinstance(found, Refused) and found.fate is not Fate.IGNORE:
        return False
    with shop.transaction() as session:
        if isinstance(found, Refused):
            entries.disown(session, movement)
        else:
            entries.assign(session, movement, found)
    return False

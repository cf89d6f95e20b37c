"""Mending: what of the list of what needs a person can be put right by a click, and how."""

from collections.abc import Callable

from core.owner.needs.items import Item
from core.people.deeds import Deed
from core.registers import events, letters
from core.shop import Shop


def can(item: Item) -> bool:
    """Whether one click may mend it. Everything else needs a decision, or Stripe's dashboard."""
    return item.topic in _MENDS and (item.topic != "letter" or _is_receipt(item))


def mend(shop: Shop, item: Item, *, deed: Deed) -> bool:
    """Do what mends it; return whether that worked. Safe to do again. Raises NotPermitted, DoneAlready, or what it meets."""
    return _MENDS[item.topic](shop, item, deed)


def _replay(shop: Shop, item: Item, deed: Deed) -> bool:
    return events.replay(shop, item.subject, deed=deed)


def _resend(shop: Shop, item: Item, deed: Deed) -> bool:
    letters.resend(shop, item.subject, deed=deed)
    return True


def _is_receipt(item: Item) -> bool:
    return item.order_id is not None and item.subject.startswith("receipt:")


_MENDS: dict[str, Callable[[Shop, Item, Deed], bool]] = {
    "event_failed": _replay,
    "event_parked": _replay,
    "letter": _resend,
}

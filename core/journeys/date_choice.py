"""The choice of a workshop's date: the one a buyer named, the one their order has already, or the next with room."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from core.catalog.products import Kind
from core.foundation.errors import UnknownDate
from core.kinds import workshops
from core.kinds.workshops import DateView
from core.orders.orders import LineDraft, OrderLine


def next_with_room(dates: Sequence[DateView], quantity: int) -> DateView | None:
    """Of a product's dates, the next one first, that which is taken when none was asked for.

    The next with so many places, else the next with any, else the next.
    """
    bookable = [date for date in dates if date.bookable]
    room = [date for date in bookable if date.left >= quantity] or [date for date in bookable if date.left]
    return next(iter(room or bookable), None)


def dated(
    session: Session, drafts: list[LineDraft], standing: Sequence[OrderLine], *, now: datetime
) -> tuple[list[LineDraft], tuple[DateView, ...]]:
    """The drafts with their workshops' dates, and those dates, locked with those that the order has places on by now.

    What the order's own line is for stays its date, also if it has no room any more: nobody is moved without having chosen.
    """
    counted_on = {line.workshop_date_id for line in standing if line.workshop_date_id}
    if not counted_on and not any(draft.kind is Kind.WORKSHOP or draft.workshop_date_id for draft in drafts):
        return drafts, ()
    chosen = {line.price_id: line.workshop_date_id for line in reversed(standing)}
    drafts = [replace(each, workshop_date_id=each.workshop_date_id or chosen.get(each.price_id)) for each in drafts]
    named = {draft.workshop_date_id for draft in drafts if draft.workshop_date_id}
    open_ones = {draft.product_id for draft in drafts if draft.kind is Kind.WORKSHOP and not draft.workshop_date_id}
    dates = workshops.lock(session, named | counted_on, of_products=open_ones, now=now)
    drafts = [_on_its_date(draft, drafts, dates) for draft in drafts]
    named = {draft.workshop_date_id for draft in drafts if draft.workshop_date_id}
    return drafts, tuple(date for date in dates if date.id in named)


def _on_its_date(draft: LineDraft, drafts: list[LineDraft], dates: list[DateView]) -> LineDraft:
    """A draft on the date it asks for, or on the next of its product with room for all who ask for none."""
    theirs = [date for date in dates if date.product_id == draft.product_id]
    if draft.workshop_date_id:
        if draft.kind is not Kind.WORKSHOP or draft.workshop_date_id not in {date.id for date in theirs}:
            raise UnknownDate(product=draft.product_id, date=draft.workshop_date_id)
        return draft
    if draft.kind is not Kind.WORKSHOP:
        return draft
    undated = [each for each in drafts if each.product_id == draft.product_id and not each.workshop_date_id]
    found = next_with_room(theirs, sum(each.quantity for each in undated))
    return replace(draft, workshop_date_id=found.id if found else None)

"""Mentions: what names a person in a text. Stripe's events do, and an attempt to pay does for which an address was only typed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import or_
from sqlmodel import Session, col, select

from core.events.inbox import StripeEvent
from core.foundation.writes.packing import says_one_of
from core.gateway import personal_parts
from core.gateway.sessions import CheckoutState
from core.orders.checkouts import Checkout
from core.privacy.persons import Person


@dataclass(frozen=True)
class Mentions:
    """The ids of those that are found by reading all there are: of other people's orders as well, and of none."""

    events: Sequence[str]
    attempts: Sequence[str]


def find(session: Session, person: Person) -> Mentions:
    """Look through all events and attempts for their addresses. That may take seconds."""
    return Mentions(
        _naming(session, StripeEvent, StripeEvent.payload, person),
        _naming(session, Checkout, Checkout.parameters, person),
    )


def forget(session: Session, person: Person, found: Mentions) -> None:
    """Take who they are out of these, and out of every event about their own orders."""
    about = or_(col(StripeEvent.order_id).in_(person.order_ids), col(StripeEvent.id).in_(found.events))
    # In the order of their ids, as everybody locks them.
    for event in session.exec(select(StripeEvent).where(about).order_by(col(StripeEvent.id)).with_for_update()):
        event.payload = orjson.dumps(_without(personal_parts.removed(orjson.loads(event.payload)), person)).decode()
    # One that is still open Stripe may have to be sent in the very same words again.
    over = (col(Checkout.id).in_(found.attempts), col(Checkout.state) != CheckoutState.OPEN)
    for attempt in session.exec(select(Checkout).where(*over).order_by(Checkout.id).with_for_update()):
        attempt.parameters = without_wish(attempt)
    session.flush()


def without_wish(attempt: Checkout) -> dict[str, Any]:
    """What an attempt was opened with, but for the address that was typed for it."""
    return {name: value for name, value in attempt.parameters.items() if name != "customer_email"}


def _naming(session: Session, table: Any, column: Any, person: Person) -> list[str]:
    # As it is, and as it stands in JSON: with letters beyond ASCII, or without.
    spelled = {form for each in person.written for form in (each, orjson.dumps(each).decode(), json.dumps(each))}
    forms = {form.strip('"') for form in spelled}
    return list(session.exec(select(table.id).where(says_one_of(session, column, forms))))


def _without(said: object, person: Person) -> object:
    """The same without texts that name them, wherever they stand."""
    match said:
        case str() if any(each.casefold() in said.casefold() for each in person.written):
            return ""
        case list():
            return [_without(each, person) for each in said]
        case dict():
            return {name: _without(value, person) for name, value in said.items()}
        case _:
            return said

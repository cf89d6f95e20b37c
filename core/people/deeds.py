"""Deeds: one click of somebody at the owner's side, allowed and written down in the transaction of what it does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core.foundation import masking
from core.foundation.errors import NotPermitted, StripeRefused
from core.foundation.settings import Settings
from core.people import audit, staff
from core.people.audit import AuditEntry
from core.people.staff import Action, Staff
from core.shop import Shop


@dataclass(frozen=True)
class Deed:
    """Who clicked, by the sign-in of their browser, and which click it was: the same `token` is the same click."""

    sign_in_id: str
    token: str


def permit(session: Session, settings: Settings, deed: Deed, action: Action, *, now: datetime) -> Staff:
    """Who it is that does this, as the database has it now. Raises NotPermitted."""
    who = staff.of_sign_in(session, deed.sign_in_id, owners=settings.owners, now=now)
    if who is None or not who.may(action):
        raise NotPermitted(action)
    return who


def begin(
    session: Session, settings: Settings, deed: Deed, action: Action, *, subject: str, detail: str = "", now: datetime
) -> Staff:
    """Who it is that does this to `subject`, written into the audit log. Raises NotPermitted, or DoneAlready."""
    who = permit(session, settings, deed, action, now=now)
    audit.record(
        session, who=who.email, role=who.role, action=action, subject=subject, detail=detail, token=deed.token, now=now
    )
    return who


@contextmanager
def refusals_noted(shop: Shop, deed: Deed | None) -> Iterator[None]:
    """Within it, what Stripe refuses of what was begun by this click is written down and raised, so that the click's entry is not
    taken for something that happened. What nobody clicked has none."""
    try:
        yield
    except StripeRefused as refusal:
        with shop.transaction() as session:
            if deed and (begun := audit.of_token(session, deed.token)):
                note_refused(session, begun, refusal, now=shop.now())
        raise


def note_refused(session: Session, begun: AuditEntry, refusal: StripeRefused, *, now: datetime) -> None:
    """Write down that Stripe refused what this entry tells of."""
    why = masking.masked(refusal.message or refusal.code, most=300)
    audit.record(
        session, who=begun.who, role=begun.role, action=begun.action, subject=begun.subject,
        detail=f"not done, Stripe refused it: {why}", now=now,
    )  # fmt: skip

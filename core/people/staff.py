"""Staff: who may work at the owner's side, as what, and on which sign-in.

The owners are those whom OWNER_EMAILS names; others are invited. They sign in by a code as buyers do, and what they may do is
asked of the database each time.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, update
from sqlmodel import Field, Session, col, select

from core.foundation.addresses import fold
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record, minor_units, new_id, text_enum
from core.foundation.writes.inserts import InsertOnce
from core.people import second_factor
from core.people.second_factor import Standing
from core.people.sign_in import SignIn

# So long a sign-in opens the owner's side. A buyer's library stays open for longer.
STAYS = timedelta(hours=12)


class Role(StrEnum):
    """What somebody is here: `support` helps buyers up to a limit, `viewer` looks only."""

    OWNER = "owner"
    SUPPORT = "support"
    VIEWER = "viewer"


class Action(StrEnum):
    """What can be done at the owner's side, beside looking."""

    REFUND = "refund"
    RESEND = "resend"
    READDRESS = "readdress"
    ERASE = "erase"
    TAKE_BACK = "take_back"
    GIVE_BACK = "give_back"
    PAYMENT_LINK = "payment_link"
    NOTE = "note"
    GIVE = "give"
    MEND = "mend"
    SET_ASIDE = "set_aside"
    EXPORT = "export"
    END_PLAN = "end_plan"
    # What its buyer pays for; and who has a seat of what was paid for.
    CHANGE_PLAN = "change_plan"
    SEATS = "seats"
    # Stripe's own page of a buyer's card and invoices, where plans are changed and ended, too.
    PORTAL = "portal"
    STAFF = "staff"
    API_KEYS = "api_keys"
    SEASON = "season"
    REHEARSE = "rehearse"
    LICENSE = "license"
    LICENSE_TERMS = "license_terms"
    SHELVES = "shelves"
    # To move or cancel a date on which people have places; and what is done with and for those people.
    DATES = "dates"
    ATTENDEES = "attendees"
    PROMOTE = "promote"
    TEST_LETTER = "test_letter"
    DIGEST = "digest"
    IMPORT = "import"
    WITHDRAWAL = "withdrawal"
    WEBHOOKS = "webhooks"


MAY: dict[Role, frozenset[Action]] = {
    Role.OWNER: frozenset(Action),
    Role.SUPPORT: frozenset(Action)
    - {
        Action.READDRESS,
        Action.TAKE_BACK,
        Action.END_PLAN,
        Action.CHANGE_PLAN,
        Action.PORTAL,
        Action.STAFF,
        Action.SEASON,
        Action.REHEARSE,
        Action.LICENSE_TERMS,
        Action.SHELVES,
        Action.DATES,
        Action.PROMOTE,
        Action.DIGEST,
        Action.IMPORT,
        Action.GIVE,
        Action.ERASE,
        Action.API_KEYS,
        Action.WEBHOOKS,
    },
    Role.VIEWER: frozenset(),
}


class StaffMember(Record, table=True):
    """Somebody who was invited. One who was removed keeps the row, and may be invited again.

    `refund_limit` is how much of one order they may send back as support, in minor units of whatever it was paid in; null for as
    much as the shop lets everybody.
    """

    __tablename__ = "staff"

    id: str = Field(primary_key=True)
    email: str
    folded: str = Field(unique=True)
    role: Role = text_enum(Role)
    invited_by: str
    invited_at: datetime
    removed_at: datetime | None = None
    refund_limit: int | None = minor_units(default=None)


@dataclass(frozen=True)
class Staff:
    """Somebody who is signed in at the owner's side right now. `refund_limit` is their own, in minor units; None for the shop's."""

    email: str
    role: Role
    refund_limit: int | None = None

    def may(self, action: Action) -> bool:
        """Whether the role allows it at all."""
        return action in MAY[self.role]


@dataclass(frozen=True)
class Listed:
    """Somebody as the list of staff shows them. `id` is empty for those whom OWNER_EMAILS names: they are not removed here.
    `second_factor` is whether they have one, `refund_limit` their own limit, in minor units, if they have one."""

    id: str
    email: str
    role: Role
    invited_by: str
    invited_at: datetime | None
    signed_in_at: datetime | None
    second_factor: bool = False
    refund_limit: int | None = None

    @property
    def folded(self) -> str:
        """The form in which addresses are compared."""
        return fold(self.email)


@dataclass(frozen=True)
class Arrival:
    """Somebody of the staff whose mailed code was right: on which sign-in, and what that still lacks."""

    staff: Staff
    row: SignIn
    standing: Standing


def of_sign_in(session: Session, sign_in_id: str, *, owners: Collection[str], now: datetime) -> Staff | None:
    """Who works here on this sign-in, or None: for a stranger, a buyer, whoever was removed, after 12 hours, and for whoever has
    a second factor, or is to have one, and did not give it.

    What is taken up by a letter signs nobody in here: only a code does. Without a sign-in nothing is asked.
    """
    found = arrived(session, sign_in_id, owners=owners, now=now)
    return found.staff if found and found.standing is Standing.OPEN else None


def arrived(
    session: Session, sign_in_id: str, *, owners: Collection[str], now: datetime, lock: bool = False
) -> Arrival | None:
    """The same, but for the second factor: whoever lacks it may not even look."""
    row = session.get(SignIn, sign_in_id, with_for_update=lock or None) if sign_in_id else None
    if row is None or row.ended_at is not None or row.letter is not None or row.created_at + STAYS <= now:
        return None
    found = of_address(session, row.email, owners=owners)
    return Arrival(found, row, second_factor.standing(session, row)) if found else None


def of_address(session: Session, address: str, *, owners: Collection[str]) -> Staff | None:
    """Who works here under this address, signed in or not."""
    folded = fold(address)
    if folded in {fold(each) for each in owners}:
        return Staff(address, Role.OWNER)
    member = session.exec(
        select(StaffMember).where(StaffMember.folded == folded, col(StaffMember.removed_at).is_(None))
    ).first()
    return Staff(member.email, member.role, member.refund_limit) if member else None


# Of two who invite somebody at once the later one finds the earlier one's row.
_NEW = InsertOnce(StaffMember, conflict="(folded) do nothing")


def invite(session: Session, address: str, role: Role, *, by: str, now: datetime) -> StaffMember:
    """Let somebody work here, in this role, and owe them the letter that says so. Whoever does already gets the role."""
    new = StaffMember(id=new_id("staff"), email=address, folded=fold(address), role=role, invited_by=by, invited_at=now)
    _NEW(session, [new.model_dump()])
    query = select(StaffMember).where(StaffMember.folded == new.folded).with_for_update()
    member = session.exec(query.execution_options(populate_existing=True)).one()
    member.email, member.role, member.invited_by, member.invited_at = address, role, by, now
    if member.removed_at or role is not Role.SUPPORT:
        member.refund_limit = None  # what they were trusted with before they left, or in another role, is over
    member.removed_at = None
    session.flush()
    time = outbox.stamp(now)  # a second invitation is a second letter
    outbox.owe(session, Job.INVITATION, member.id, time, key=f"{member.id}:{time}")
    return member


def remove(session: Session, member_id: str, *, now: datetime) -> StaffMember | None:
    """End somebody's work here at once: their next click is a stranger's. None if nobody of this id works here."""
    query = select(StaffMember).where(StaffMember.id == member_id, col(StaffMember.removed_at).is_(None))
    member = session.exec(query.with_for_update()).first()
    if member:
        member.removed_at = now
        theirs = update(SignIn).where(col(SignIn.email) == member.folded, col(SignIn.ended_at).is_(None))
        session.exec(theirs.values(ended_at=now))
        session.flush()
    return member


def limit(session: Session, member_id: str, most: int | None) -> StaffMember | None:
    """Let somebody of the support send back so much of one order, in minor units; None for as much as the shop lets everybody.
    Returns None if nobody of this id works here as support."""
    query = select(StaffMember).where(
        StaffMember.id == member_id, col(StaffMember.removed_at).is_(None), StaffMember.role == Role.SUPPORT
    )
    member = session.exec(query.with_for_update()).first()
    if member:
        member.refund_limit = most
        session.flush()
    return member


def listed(session: Session, *, owners: Collection[str]) -> list[Listed]:
    """Everybody who may work here, with when they last signed in."""
    found = [Listed("", each, Role.OWNER, "OWNER_EMAILS", None, None) for each in owners]
    query = select(StaffMember).where(col(StaffMember.removed_at).is_(None)).order_by(col(StaffMember.invited_at))
    named = {fold(each) for each in owners}
    found += [
        Listed(row.id, row.email, row.role, row.invited_by, row.invited_at, None, refund_limit=row.refund_limit)
        for row in session.exec(query)
        if row.folded not in named
    ]
    folded = [each.folded for each in found]
    seen = select(SignIn.email, func.max(SignIn.created_at)).where(col(SignIn.email).in_(folded)).group_by(SignIn.email)
    last = dict(session.exec(seen).all())
    having = second_factor.all_set(session, folded)
    return [replace(each, signed_in_at=last.get(each.folded), second_factor=each.folded in having) for each in found]

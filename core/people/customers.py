"""Customers: who bought, and the addresses that were found to be theirs."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, String, update
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, col, select

from core.foundation.addresses import fold
from core.foundation.database import NOW, Overtaken
from core.foundation.records import Record, new_id, text_enum
from core.foundation.writes.inserts import InsertOnce
from core.foundation.writes.rows import Rows, read_ahead
from core.kinds import entitlement_records
from core.kinds.licenses import LicenseKey


class Customer(Record, table=True):
    """Somebody who bought. `email` is the folded form of their main address: one is found by `whose`, never by it.

    `seller_reference` is the id that they have in the seller's own programs: `external_id` in what these are told.
    The links in letters of before `links_since` open nothing any more.
    Whoever was erased keeps the row, to which their orders belong, and has no address any more: `email` is the id then.
    """

    __tablename__ = "customers"
    __table_args__ = (Index("ix_customers_created_at_id", "created_at", "id"),)

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    created_at: datetime
    erased_at: datetime | None = None
    links_since: datetime | None = None
    seller_reference: str | None = Field(default=None, unique=True)


class How(StrEnum):
    """How an address came to be a customer's: Stripe reported it for what they paid, a code proved it, an owner said so."""

    CHECKOUT = "checkout"
    CODE = "code"
    OWNER = "owner"


class CustomerAddress(Record, table=True):
    """An address of one customer and of no other. `address` is what letters go to, `folded` what is compared."""

    __tablename__ = "customer_addresses"

    folded: str = Field(primary_key=True)
    address: str
    # Looked at when the transaction ends: whether the customer is new is known only when the address was written.
    customer_id: str = Field(
        sa_column=Column(
            String, ForeignKey("customers.id", deferrable=True, initially="DEFERRED"), nullable=False, index=True
        )
    )
    how: How = text_enum(How)
    verified_at: datetime


# What an order needs a person for that was bought under an id of the seller's programs by which its customer does not go.
UNREFERRED = "other_external_id"
# Whose address it is, which nobody else changes meanwhile.
_KNOWN = Rows(CustomerAddress, "folded", locked=True)
_NEW_CUSTOMER = InsertOnce(Customer, "id", "email", "created_at")
# The update changes nothing; without it the row that is there already would not be returned.
_TAKE = InsertOnce(
    CustomerAddress,
    conflict="(folded) do update set folded = excluded.folded",
    returning="folded, customer_id",
)

_TAKE_FREE = InsertOnce(CustomerAddress, conflict="(folded) do nothing")


def remember(session: Session, address: str, *, how: How, now: datetime) -> str:
    """Return the id of the customer whose address this is, known or new from now on."""
    return remember_all(session, [address], how=how, now=now)[fold(address)]


def look_up_ahead(session: Session, addresses: Iterable[str]) -> None:
    """Have the database look whose these addresses are with whatever it is asked next. `remember_all` asks nothing more then; if
    somebody takes one of them in between, the unit of work is to be done again, so it must be repeatable."""
    read_ahead(session, [_KNOWN], {*map(fold, addresses)})


def remember_all(session: Session, addresses: Iterable[str], *, how: How, now: datetime) -> dict[str, str]:
    """The same of several, each by the folded form of its address."""
    by_folded = {fold(address): address for address in addresses}
    known = _KNOWN.known(session, by_folded.keys()) if by_folded else []
    owners = {row.folded: row.customer_id for row in known or []}
    # In one order for everybody: two who take the same addresses would wait for each other.
    new = {folded: new_id("cus") for folded in sorted(by_folded.keys() - owners.keys())}
    rows = [_row(by_folded[folded], customer_id, how=how, now=now) for folded, customer_id in new.items()]
    if known is None:
        owners |= dict(_TAKE(session, rows))
    else:
        _TAKE_FREE(session, rows, _taken)
        owners |= new
    made = [(folded, customer_id) for folded, customer_id in new.items() if owners[folded] == customer_id]
    _NEW_CUSTOMER(session, [{"id": made_id, "email": folded, "created_at": now} for folded, made_id in made])
    return owners


def _taken() -> Exception:
    return Overtaken("an address is somebody's by now")


def take(session: Session, address: str, customer_id: str, *, how: How, now: datetime) -> str:
    """Let the address be this customer's if it is nobody's yet; return whose it is, which nobody else changes meanwhile."""
    [(_, owner)] = _TAKE(session, [_row(address, customer_id, how=how, now=now)])
    return str(owner)


def refer(session: Session, customer_id: str, reference: str) -> None:
    """Note the id that a customer has in the seller's own programs, unless they have one, or somebody else has this one."""
    another = _another()
    other = select(another.id).where(another.seller_reference == reference).exists()
    mine = (col(Customer.id) == customer_id, col(Customer.seller_reference).is_(None), ~other)
    if session.exec(update(Customer).where(*mine).values(seller_reference=reference)).rowcount:
        entitlement_records.renew(session, customer_id, now=session.info[NOW]())


@cache  # to name all columns once more takes longer than to ask
def _another() -> type[Customer]:
    return aliased(Customer)


def reference_of(session: Session, customer_id: str) -> str | None:
    """The id that a customer has in the seller's own programs, if they have one."""
    return references_of(session, [customer_id]).get(customer_id)


def references_of(session: Session, customer_ids: Collection[str]) -> dict[str, str | None]:
    """The same of these customers, by customer. Of nobody nothing is asked."""
    if not customer_ids:
        return {}
    query = select(Customer.id, Customer.seller_reference).where(col(Customer.id).in_(customer_ids))
    return dict(session.exec(query).all())


def take_reference(session: Session, other: str, customer_id: str) -> str | None:
    """Let a customer whom another joins be known by the other's id in the seller's programs, if they have none of their own there;
    else return that id, by which nobody goes any more."""
    row = session.get_one(Customer, other, populate_existing=True)
    reference, row.seller_reference = row.seller_reference, None
    session.flush()
    if reference:
        refer(session, customer_id, reference)
    return None if reference_of(session, customer_id) == reference else reference


def without_reference(attention: str) -> str:
    """What an order needs a person for, without that its customer goes by no such id."""
    return "\n".join(line for line in attention.splitlines() if not line.startswith(f"{UNREFERRED}:"))


def _row(address: str, customer_id: str, *, how: How, now: datetime) -> dict[str, Any]:
    return {
        "folded": fold(address), "address": address.strip(), "customer_id": customer_id, "how": how, "verified_at": now,
    }  # fmt: skip


def whose(session: Session, address: str) -> str | None:
    """The id of the customer whose address this is, or None."""
    found = select(CustomerAddress.customer_id).where(CustomerAddress.folded == fold(address))
    return session.exec(found).first()


def key_holders(session: Session, *which: ColumnElement[bool]) -> list[tuple[str, bool]]:
    """The customers who were given one of these keys without an order, each with the mode of theirs."""
    query = select(CustomerAddress.customer_id, LicenseKey.livemode).join(
        LicenseKey, col(LicenseKey.holder) == CustomerAddress.folded
    )
    return list(session.exec(query.where(col(LicenseKey.grant_id).is_(None), *which).distinct()))


def remember_holder(session: Session, address: str, *, now: datetime) -> None:
    """Know whoever has this address as a customer if they were given a key: of one that was given in an earlier state of the shop
    nobody had said so."""
    held = select(LicenseKey.id).where(LicenseKey.holder == fold(address), col(LicenseKey.grant_id).is_(None))
    if session.exec(held.limit(1)).first():
        remember(session, address, how=How.OWNER, now=now)


def whose_with_all(session: Session, address: str) -> tuple[str | None, set[str]]:
    """The id of the customer whose address this is, with all of theirs, folded; None and this one alone if it is nobody's."""
    owner = select(CustomerAddress.customer_id).where(CustomerAddress.folded == fold(address)).scalar_subquery()
    query = select(CustomerAddress.customer_id, CustomerAddress.folded)
    rows = session.exec(query.where(CustomerAddress.customer_id == owner)).all()
    return next((customer_id for customer_id, _ in rows), None), {fold(address), *(folded for _, folded in rows)}


def as_stored(session: Session, address: str) -> str:
    """The address as its customer's is kept, whatever the capitals of this one; itself if it is nobody's."""
    kept = session.exec(select(CustomerAddress.address).where(CustomerAddress.folded == fold(address))).first()
    return kept or address


def addresses_of(session: Session, customer_id: str) -> Sequence[CustomerAddress]:
    """The customer's addresses, oldest first."""
    query = select(CustomerAddress).where(CustomerAddress.customer_id == customer_id)
    return session.exec(query.order_by(col(CustomerAddress.verified_at), col(CustomerAddress.folded))).all()

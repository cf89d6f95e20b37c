"""Invoices: what Stripe wrote for a payment, where to read it, and by which later one it was corrected."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlmodel import Field, Session, col, select

from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record
from core.gateway.objects import moment
from core.invoicing import billing_details
from core.orders.checkouts import Checkout


class Invoice(Record, table=True):
    """An invoice at Stripe, by its id. `hosted_url` is the page where anybody who has its address may read it, and `pdf_url`
    the same as a file.

    `revision` counts from 0 how often the buyer's details had been written when it was made, and `replaces` is the one before it.
    `credit_note` is by what it was taken back, once it was.
    """

    __tablename__ = "invoices"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    payment_id: str = Field(foreign_key="payments.id", index=True)
    number: str = ""
    hosted_url: str = ""
    pdf_url: str = ""
    revision: int = 0
    replaces: str | None = None
    credit_note: str = ""
    credit_note_number: str = ""
    credit_note_pdf_url: str = ""
    issued_at: datetime


def keep(session: Session, found: dict[str, Any], *, order_id: str, payment_id: str, now: datetime) -> None:
    """Keep what Stripe says of an invoice of a payment, and owe its correction where it is not made out to whom its buyer said.

    They may have said so before Stripe wrote it. The order must be locked.
    """
    details = billing_details.of_order(session, order_id)
    right = details is not None and found.get("customer_name") == details.name
    new = session.get(Invoice, str(found["id"])) is None
    revision = details.revision if details and right else 0
    row = record(session, found, order_id=order_id, payment_id=payment_id, revision=revision, now=now)
    if details and new and not right:
        key = f"{order_id}:{details.revision}:{row.id}"
        outbox.owe(session, Job.CORRECT_INVOICES, order_id, str(details.revision), key=key)


def record(
    session: Session,
    found: dict[str, Any],
    *,
    order_id: str,
    payment_id: str,
    revision: int = 0,
    replaces: str | None = None,
    now: datetime,
) -> Invoice:
    """Keep what Stripe says of an invoice that was finalised. The same again changes nothing; an older word takes nothing back.

    The order must be locked.
    """
    row = session.get(Invoice, str(found["id"]))
    if row is None:
        finalized = (found.get("status_transitions") or {}).get("finalized_at") or found.get("created")
        row = Invoice(
            id=found["id"], order_id=order_id, payment_id=payment_id, revision=revision, replaces=replaces,
            issued_at=moment(finalized) or now,
        )  # fmt: skip
        session.add(row)
    row.number = row.number or found.get("number") or ""
    if not _of_somebody_erased(session, order_id):
        row.hosted_url = row.hosted_url or found.get("hosted_invoice_url") or ""
        row.pdf_url = row.pdf_url or found.get("invoice_pdf") or ""
    session.flush()
    return row


def credit(session: Session, row: Invoice, note: dict[str, Any]) -> None:
    """Keep by what an invoice was taken back. The order must be locked."""
    row.credit_note, row.credit_note_number = note["id"], note.get("number") or ""
    if not _of_somebody_erased(session, row.order_id):
        row.credit_note_pdf_url = note.get("pdf") or ""
    session.flush()


def _of_somebody_erased(session: Session, order_id: str) -> bool:
    """Whether its buyer was erased: nothing that is told late may lead to who they were."""
    erased = select(Checkout.id).where(Checkout.order_id == order_id, Checkout.erased_as != "").limit(1)
    return session.exec(erased).first() is not None


def of_orders(session: Session, order_ids: Collection[str]) -> dict[str, list[Invoice]]:
    """The invoices of each of these orders, oldest first; those that have none are left out."""
    found: dict[str, list[Invoice]] = {}
    query = select(Invoice).where(col(Invoice.order_id).in_(order_ids))
    for row in session.exec(query.order_by(col(Invoice.issued_at), col(Invoice.revision), col(Invoice.id))):
        found.setdefault(row.order_id, []).append(row)
    return found


def of_payment(session: Session, payment_id: str) -> list[Invoice]:
    """The invoices of a payment, oldest first: the last is the one that counts."""
    query = select(Invoice).where(Invoice.payment_id == payment_id)
    return list(session.exec(query.order_by(col(Invoice.revision), col(Invoice.issued_at), col(Invoice.id))))

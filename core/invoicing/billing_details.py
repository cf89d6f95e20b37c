"""Billing details: what a buyer writes about their company after they have paid, for as long as that is still to be corrected."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Field, Session, col, select

from core.foundation.errors import DetailsTooLate, DetailsUnfit, OrderNotFound
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record
from core.orders import history, orders, payments
from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.status import Status
from core.people import customers
from core.shop import Shop

# So long after a payment its invoice can still be made out to somebody else.
OPEN_FOR = timedelta(days=30)
_LONGEST = 200
_GONE = (Status.REFUNDED, Status.CHARGED_BACK)
# How a number begins, or where its company is, says which kind it is to Stripe.
_EU_VAT = frozenset((
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "GR", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
))  # fmt: skip
_OTHER_IDS = {
    "GB": "gb_vat", "CH": "ch_vat", "NO": "no_vat", "US": "us_ein", "AU": "au_abn", "CA": "ca_bn", "NZ": "nz_gst",
    "IN": "in_gst", "JP": "jp_cn", "SG": "sg_gst", "ZA": "za_vat", "IS": "is_vat", "LI": "li_vat", "TR": "tr_tin",
}  # fmt: skip


class BillingDetails(Record, table=True):
    """To whom the invoices of an order are made out, as its buyer wrote afterwards. `revision` counts how often they did."""

    __tablename__ = "billing_details"

    order_id: str = Field(primary_key=True, foreign_key="orders.id")
    name: str
    line1: str
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    state: str = ""
    country: str
    tax_id: str = ""
    revision: int
    written_at: datetime

    @property
    def lines(self) -> tuple[str, ...]:
        """The address but for its country, line by line."""
        town = " ".join(filter(None, [self.postal_code, self.city]))
        return tuple(filter(None, [self.line1, self.line2, town, self.state]))

    @property
    def said(self) -> "Details":
        """The same as it was written into the form."""
        return Details(**{name: getattr(self, name) for name in Details.__dataclass_fields__})

    @property
    def address(self) -> dict[str, str]:
        """The address as Stripe takes it, which refuses what is empty."""
        names = ("line1", "line2", "postal_code", "city", "state", "country")
        return {name: value for name in names if (value := getattr(self, name))}

    @property
    def tax_id_type(self) -> str:
        """What kind of number `tax_id` is to Stripe, or an empty string where Stripe could not tell."""
        if self.country in _EU_VAT or self.tax_id[:2] in _EU_VAT:
            return "eu_vat"
        return _OTHER_IDS.get(self.country, "")


@dataclass(frozen=True)
class Details:
    """What somebody writes into the form."""

    name: str
    line1: str
    country: str
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    state: str = ""
    tax_id: str = ""


def write(shop: Shop, order_id: str, details: Details, *, email: str) -> BillingDetails:
    """Keep what the signed-in buyer of an order wrote, and owe the job that corrects its invoices.

    The same again changes nothing. Raises OrderNotFound for an order that is not theirs, DetailsTooLate, or DetailsUnfit.
    """
    wanted = _checked(details)
    now = shop.now()
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        if order is None or order.customer_id is None or customers.whose(session, email) != order.customer_id:
            raise OrderNotFound(order=order_id)
        if not may_be_written(order, payments.of_order(session, order_id), now=now):
            raise DetailsTooLate(order=order_id, days=OPEN_FOR.days)
        row = session.get(BillingDetails, order_id)
        if row is not None and all(getattr(row, name) == value for name, value in vars(wanted).items()):
            return row
        revision = row.revision + 1 if row else 1
        row = session.merge(
            BillingDetails(order_id=order_id, **vars(wanted), revision=revision, written_at=now)
        )  # fmt: skip
        history.note(session, order_id, f"billing_details:{revision}", actor="buyer", now=now)
        if not order.from_season:
            outbox.owe(session, Job.CORRECT_INVOICES, order_id, str(revision), key=f"{order_id}:{revision}")
        session.flush()
        return row


def of_order(session: Session, order_id: str) -> BillingDetails | None:
    """What the buyer of an order wrote, or None."""
    return session.get(BillingDetails, order_id)


def of_orders(session: Session, order_ids: Collection[str]) -> dict[str, BillingDetails]:
    """The same of several orders, by their ids."""
    rows = session.exec(select(BillingDetails).where(col(BillingDetails.order_id).in_(order_ids)))
    return {row.order_id: row for row in rows}


def may_be_written(order: Order, received: Sequence[Payment], *, now: datetime) -> bool:
    """Whether what an order received can still be made out to somebody: it was paid lately, and not all of it went back."""
    newest = max((payment.paid_at for payment in received if payment.amount), default=None)
    return newest is not None and now < newest + OPEN_FOR and order.status not in _GONE


def _checked(details: Details) -> Details:
    said = {name: _plain(value) for name, value in vars(details).items()}
    said["country"] = said["country"].upper()
    said["tax_id"] = re.sub(r"[\s.-]", "", said["tax_id"]).upper()
    for name in ("name", "line1", "country"):
        if not said[name]:
            raise DetailsUnfit(field=name, problem="empty")
    for name, value in said.items():
        if len(value) > _LONGEST:
            raise DetailsUnfit(field=name, problem="long")
    if not re.fullmatch(r"[A-Z]{2}", said["country"]):
        raise DetailsUnfit(field="country", problem="unknown")
    if said["tax_id"] and not re.fullmatch(r"[0-9A-Z]{4,30}", said["tax_id"]):
        raise DetailsUnfit(field="tax_id", problem="unknown")
    return Details(**said)


def _plain(text: str) -> str:
    return " ".join("".join(each for each in text if each.isprintable() or each.isspace()).split())

"""Corrections: an invoice that was made out to somebody else is taken back by a credit note, and another one is written.

What was paid stays paid, and every amount, tax and rate what it was: the new invoice says it once more to whom it should have.
A step that was taken is found again at Stripe, so that the job may break off anywhere and be begun anew.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.catalog import products, seller, tax
from core.catalog.seller import Seller
from core.foundation.errors import InvoiceUnequal, StripeRefused
from core.gateway import invoice_calls
from core.gateway.invoice_calls import Invoices
from core.gateway.objects import id_of
from core.invoicing import billing_details, invoices
from core.invoicing.billing_details import BillingDetails
from core.invoicing.invoices import Invoice
from core.orders import history, orders
from core.orders.orders import Order
from core.shop import Shop

# How long a name and a value may be that stand on an invoice beside its lines.
_LONGEST_FIELD = 140
_LONGEST_FOOTER = 5000


@dataclass(frozen=True)
class _Task:
    """What is to be written to whom, in place of these invoices."""

    order: Order
    details: BillingDetails
    seller: Seller
    old: tuple[Invoice, ...]

    def key(self, step: str, invoice: str) -> str:
        """The idempotency key of a step."""
        return f"{step}:{invoice}:{self.details.revision}"


def correct(shop: Shop, order_id: str, revision: str, theirs: Invoices | None = None) -> None:
    """Write the invoices of an order anew to whom its buyer said last. Nothing, if they said something else since: then that
    has a job of its own. Raises StripeTrouble, or InvoiceUnequal before anything is taken back."""
    task = _task(shop, order_id, int(revision))
    if task is None or not task.old:
        return
    theirs = theirs or invoice_calls.of_shop(shop.settings)
    for old in task.old:
        _correct(shop, theirs, task, old)


def _task(shop: Shop, order_id: str, revision: int) -> _Task | None:
    with shop.reading() as session:
        details = billing_details.of_order(session, order_id)
        if details is None or details.revision != revision:
            return None
        of_payments: dict[str, Invoice] = {}
        for row in invoices.of_orders(session, [order_id]).get(order_id, []):
            newest = of_payments.get(row.payment_id)
            of_payments[row.payment_id] = row if newest is None or row.revision >= newest.revision else newest
        old = tuple(row for row in of_payments.values() if row.revision < revision)
        who = seller.of(products.texts(session), shop.settings)
        return _Task(session.get_one(Order, order_id), details, who, old)


def _correct(shop: Shop, theirs: Invoices, task: _Task, row: Invoice) -> None:
    old = theirs.find(row.id)
    if old is None or not old.get("customer"):
        return
    customer = str(id_of(old["customer"]))
    told = _readdressed(theirs, task, customer)
    new = _written(theirs, task, old, customer, told)
    note = _credited(theirs, task, old, new)
    if new["status"] == "draft":
        new = theirs.finalize(new["id"], key=task.key("finalize", row.id))
    if new["status"] == "open":
        new = theirs.mark_paid(new["id"], key=task.key("paid", row.id))
    with shop.transaction() as session:
        orders.lock(session, row.order_id)
        if note:
            invoices.credit(session, session.get_one(Invoice, row.id), note)
        invoices.record(
            session, new, order_id=row.order_id, payment_id=row.payment_id, revision=task.details.revision,
            replaces=row.id, now=shop.now(),
        )  # fmt: skip
        history.note(
            session, row.order_id, f"invoice_corrected:{new['id']}", actor="worker", detail=row.number, now=shop.now()
        )


def _readdressed(theirs: Invoices, task: _Task, customer: str) -> bool:
    """Have Stripe know who the customer is; return whether it took the tax id, which it refuses where that cannot be."""
    details = task.details
    theirs.readdress(customer, {"name": details.name, "address": details.address}, key=task.key("readdress", customer))
    kind = details.tax_id_type
    if not details.tax_id or not kind:
        return False
    if any(each["value"] == details.tax_id for each in theirs.tax_ids_of(customer)):
        return True
    with suppress(StripeRefused):
        theirs.add_tax_id(customer, kind, details.tax_id, key=task.key("tax_id", customer))
        return True
    return False


def _written(theirs: Invoices, task: _Task, old: dict[str, Any], customer: str, tax_id_told: bool) -> dict[str, Any]:
    """The new invoice with all that stood on the old one, found again if it was written before. Raises InvoiceUnequal."""
    corrects = {"corrects": old["id"], "revision": str(task.details.revision)}
    known = (each for each in theirs.of_customer(customer) if corrects.items() <= (each.get("metadata") or {}).items())
    new = next(known, None) or theirs.draft(
        _parameters(task, old, customer, corrects, tax_id_told), key=task.key("draft", old["id"])
    )
    if new["status"] == "draft" and not (new.get("lines") or {}).get("data"):
        lines = [_line(each) for each in theirs.lines(old["id"])]
        new = theirs.add_lines(new["id"], lines, key=task.key("lines", old["id"]))
    if new["total"] != old["total"]:
        raise InvoiceUnequal(invoice=old["id"], amount=new["total"], of=old["total"])
    return new


def _parameters(
    task: _Task, old: dict[str, Any], customer: str, corrects: dict[str, str], tax_id_told: bool
) -> dict[str, Any]:
    fields = [
        {"name": "Order", "value": task.order.number},
        {"name": "Replaces", "value": old.get("number") or old["id"]},
    ]
    if task.details.tax_id and not tax_id_told:
        fields.append({"name": "Tax id", "value": task.details.tax_id[:_LONGEST_FIELD]})
    return {
        "customer": customer, "currency": old["currency"], "auto_advance": False, "collection_method": "charge_automatically",
        "pending_invoice_items_behavior": "exclude", "custom_fields": fields,
        "footer": "\n".join(task.seller.lines)[:_LONGEST_FOOTER],
        "metadata": {"order_id": task.order.id, **corrects},
    }  # fmt: skip


def _line(old: dict[str, Any]) -> dict[str, Any]:
    """What stood on the old one, at the price after its discount, with the very tax that was taken."""
    off = sum(int(each.get("amount") or 0) for each in old.get("discount_amounts") or [])
    line: dict[str, Any] = {
        "amount": int(old["amount"]) - off, "description": old.get("description") or "Sold",
        "period": {"start": old["period"]["start"], "end": old["period"]["end"]},
    }  # fmt: skip
    if taxes := [_tax(each) for each in old.get("taxes") or []]:
        line["tax_amounts"] = taxes
    return line


def _tax(old: dict[str, Any]) -> dict[str, Any]:
    taxable = int(old.get("taxable_amount") or 0)
    rate = tax.roundest_rate(int(old["amount"]), taxable) or "0"
    return {
        "amount": int(old["amount"]), "taxable_amount": taxable,
        **({"taxability_reason": old["taxability_reason"]} if old.get("taxability_reason") else {}),
        "tax_rate_data": {
            "display_name": "Tax", "percentage": float(rate), "inclusive": old.get("tax_behavior") == "inclusive",
        },
    }  # fmt: skip


def _credited(theirs: Invoices, task: _Task, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any] | None:
    """What takes the old invoice back, found again if it was written before; None where nothing is left of it to be."""
    notes = [each for each in theirs.credit_notes_of(old["id"]) if each.get("status") != "void"]
    ours = next((each for each in notes if (each.get("metadata") or {}).get("corrected_by") == new["id"]), None)
    left = int(old["total"]) - _sum(notes)
    if ours or left <= 0:
        return ours
    return theirs.credit(
        {
            # The money stays: what was paid for the old invoice counts for the new one.
            "invoice": old["id"], "amount": left, "out_of_band_amount": left, "reason": "order_change",
            "memo": f"Written anew to {task.details.name}"[:_LONGEST_FIELD], "metadata": {"corrected_by": new["id"]},
        },
        key=task.key("credit", old["id"]),
    )  # fmt: skip


def _sum(notes: Sequence[dict[str, Any]]) -> int:
    return sum(int(each["total"]) for each in notes)

"""Corrections of invoices: lines with taxes of somebody's own on a draft, and credit notes that take a paid one back.

Money that was paid otherwise alone is credited here: no refunds and no credit on a balance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.billing import invoice_drafts, invoice_items, invoice_lines
from sandbox.catalogue import products_and_prices
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.protocol import derived_objects
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

KIND = "credit_note"
NOT_A_DRAFT = "Lines can only be added to a draft invoice."
NOT_FINAL = "You can only create credit notes for invoices that are open or paid."


def add_lines(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}/add_lines: of amounts with the taxes that are said."""
    invoice = account.find("invoice", call.id)
    if invoice["status"] != "draft":
        raise invalid(NOT_A_DRAFT)
    before = invoice_drafts.snapshot(invoice)
    new = [_line(account, invoice, given) for given in call.params["lines"]]
    invoice_drafts.put(account, invoice, [*invoice["lines"]["data"], *new])
    if said := call.params.get("invoice_metadata"):
        account.store.change(invoice, metadata=metadata.merge(invoice["metadata"], said))
    invoice_drafts.announce(account, invoice, before)
    return invoice


def _line(account: Account, invoice: Object, given: Object) -> Object:
    amount, now = given.get("amount", 0), account.clock.now()
    price = products_and_prices.sold_once(account, given.get("description") or "Sold", amount, invoice["currency"])
    item = invoice_items.make(
        account,
        price,
        amount=amount,
        customer=invoice["customer"],
        description=given.get("description"),
        discountable=True,
        invoice=invoice["id"],
        metadata=metadata.fresh(given.get("metadata")),
        period=given.get("period", {"start": now, "end": now}),
        quantity=given.get("quantity", 1),
    )
    levied = [_tax(account, each) for each in given.get("tax_amounts", [])]
    return {**invoice_lines.of_item(item, account, None), "invoice": invoice["id"], "taxes": levied}


def _tax(account: Account, given: Object) -> Object:
    data = given["tax_rate_data"]
    rate = account.store.save(
        blank(
            "tax_rate",
            id=ids.new("txr"),
            active=False,
            country=data.get("country"),
            created=account.clock.now(),
            description=data.get("description"),
            display_name=data["display_name"],
            effective_percentage=data["percentage"],
            inclusive=data["inclusive"],
            jurisdiction=data.get("jurisdiction"),
            metadata={},
            percentage=data["percentage"],
            rate_type="percentage",
            state=data.get("state"),
        )
    )
    return {
        "amount": given["amount"],
        "tax_behavior": "inclusive" if data["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": given.get("taxability_reason", "not_available"),
        "taxable_amount": given["taxable_amount"],
        "type": "tax_rate_details",
    }


def credit(account: Account, call: Call) -> Object:
    """POST /v1/credit_notes"""
    params = call.params
    invoice = account.find("invoice", params["invoice"], param="invoice")
    if invoice["status"] not in ("open", "paid"):
        raise invalid(NOT_FINAL, param="invoice")
    notes = _of(account, invoice)
    left = invoice["total"] - sum(note["total"] for note in notes)
    amount, outside = params.get("amount", 0), params.get("out_of_band_amount", 0)
    if amount <= 0:
        raise invalid("You must pass one of: amount, lines, or shipping_cost.", param="amount")
    if amount > left:
        text = f"The amount to be credited ({amount}) is greater than what is left of the invoice ({left})."
        raise invalid(text, param="amount")
    paid = invoice["status"] == "paid"
    if outside != (amount if paid else 0):
        text = f"The sum of credit amount, refund amount and out of band amount ({outside}) must equal the amount ({amount})."
        raise invalid(text, param="out_of_band_amount")
    note = account.store.save(_note(account, invoice, params, number=len(notes) + 1))
    before = invoice_drafts.snapshot(invoice)
    credited = "post_payment_credit_notes_amount" if paid else "pre_payment_credit_notes_amount"
    account.store.change(invoice, **{credited: invoice[credited] + amount})
    invoice_drafts.announce(account, invoice, before)
    account.emit("credit_note.created", note)
    return note


def _note(account: Account, invoice: Object, params: Object, *, number: int) -> Object:
    id, amount, now = ids.new("cn"), params["amount"], account.clock.now()
    paid = invoice["status"] == "paid"
    line = blank(
        "credit_note_line_item",
        id=ids.new("cnli"),
        amount=amount,
        description=params.get("memo") or "Credit",
        discount_amount=0,
        metadata={},
        quantity=1,
        type="custom_line_item",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    return blank(
        KIND,
        id=id,
        amount=amount,
        created=now,
        currency=invoice["currency"],
        customer=invoice["customer"],
        effective_at=params.get("effective_at", now),
        invoice=invoice["id"],
        lines=derived_objects.envelope(f"/v1/credit_notes/{id}/lines", [line]),
        memo=params.get("memo"),
        metadata=metadata.fresh(params.get("metadata")),
        number=f"{invoice['number']}-CN-{number:02d}",
        out_of_band_amount=params.get("out_of_band_amount"),
        pdf=f"{account.settings.base_url}/credit-note/{id}",
        post_payment_amount=amount if paid else 0,
        pre_payment_amount=0 if paid else amount,
        reason=params.get("reason"),
        status="issued",
        subtotal=amount,
        total=amount,
        type="post_payment" if paid else "pre_payment",
    )


def _of(account: Account, invoice: Object) -> list[Object]:
    return [each for each in account.store.all(KIND) if each["invoice"] == invoice["id"]]


def listing(account: Account, call: Call) -> Object:
    """GET /v1/credit_notes"""
    return lists.page(account, call, KIND)

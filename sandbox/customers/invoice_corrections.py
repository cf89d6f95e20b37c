"""Corrections of invoices: lines with taxes of somebody's own on a draft, and credit notes that take one back or a part of it.

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
NOT_OPEN = "You can only void a credit note of an open invoice."
IS_VOID = "This credit note is already void."


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
    left = invoice["total"] - sum(note["total"] for note in notes if note["status"] != "void")
    lines, outside = _credited(params), params.get("out_of_band_amount", 0)
    amount = sum(line["amount"] for line in lines)
    if params.get("amount", amount) != amount:
        text = f"The sum of the lines ({amount}) must equal the amount ({params['amount']})."
        raise invalid(text, param="amount")
    if amount <= 0:
        raise invalid("You must pass one of: amount, lines, or shipping_cost.", param="amount")
    if amount > left:
        text = f"The amount to be credited ({amount}) is greater than what is left of the invoice ({left})."
        raise invalid(text, param="amount")
    paid = invoice["status"] == "paid"
    if outside != (amount if paid else 0):
        text = f"The sum of credit amount, refund amount and out of band amount ({outside}) must equal the amount ({amount})."
        raise invalid(text, param="out_of_band_amount")
    note = account.store.save(_note(account, invoice, params, lines, number=len(notes) + 1))
    _count(account, invoice, "post_payment" if paid else "pre_payment", amount)
    account.emit("credit_note.created", note)
    return note


def update(account: Account, call: Call) -> Object:
    """POST /v1/credit_notes/{id}: what is noted on it."""
    note = account.find(KIND, call.id)
    said: Object = {"metadata": metadata.merge(note["metadata"], call.params.get("metadata"))}
    if "memo" in call.params:
        said["memo"] = call.params["memo"] or None
    if previous := account.store.change(note, **said):
        account.emit("credit_note.updated", note, previous)
    return note


def void(account: Account, call: Call) -> Object:
    """POST /v1/credit_notes/{id}/void: what it took off is owed again."""
    note = account.find(KIND, call.id)
    invoice = account.find("invoice", note["invoice"])
    if note["status"] == "void":
        raise invalid(IS_VOID)
    if invoice["status"] != "open":
        raise invalid(NOT_OPEN)
    account.store.change(note, status="void", voided_at=account.clock.now())
    _count(account, invoice, "pre_payment", -note["total"])
    account.emit("credit_note.voided", note)
    return note


def _count(account: Account, invoice: Object, when: str, amount: int) -> None:
    """Have the invoice say how much credit notes took off it, before or after it was paid."""
    before, column = invoice_drafts.snapshot(invoice), f"{when}_credit_notes_amount"
    account.store.change(invoice, **{column: invoice[column] + amount})
    invoice_drafts.announce(account, invoice, before)


def _credited(params: Object) -> list[Object]:
    """The lines of a credit note: those that are asked for, else one of the amount."""
    whole = {"unit_amount": params.get("amount", 0), "description": params.get("memo")}
    return [
        blank(
            "credit_note_line_item",
            id=ids.new("cnli"),
            amount=given.get("unit_amount", 0) * given.get("quantity", 1),
            description=given.get("description") or "Credit",
            discount_amount=0,
            metadata={},
            quantity=given.get("quantity", 1),
            type="custom_line_item",
            unit_amount=given.get("unit_amount", 0),
            unit_amount_decimal=str(given.get("unit_amount", 0)),
        )
        for given in params.get("lines") or [whole]
    ]


def _note(account: Account, invoice: Object, params: Object, lines: list[Object], *, number: int) -> Object:
    id, amount, now = ids.new("cn"), sum(line["amount"] for line in lines), account.clock.now()
    paid = invoice["status"] == "paid"
    return blank(
        KIND,
        id=id,
        amount=amount,
        created=now,
        currency=invoice["currency"],
        customer=invoice["customer"],
        effective_at=params.get("effective_at", now),
        invoice=invoice["id"],
        lines=derived_objects.envelope(f"/v1/credit_notes/{id}/lines", lines),
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

"""Credit notes: by an amount or by lines, changed and taken back."""

import pytest
from stripe import InvalidRequestError

from tests.sandbox.conftest import World


def an_invoice(world: World, *, paid: bool = False) -> str:
    customer = world.api.customers.create({"email": "nora@example.com"}).id
    made = world.api.invoices.create({"customer": customer, "currency": "eur"}).id
    world.api.invoices.add_lines(made, {"lines": [{"amount": 2900}]})
    world.api.invoices.finalize_invoice(made)
    if paid:
        world.api.invoices.pay(made, {"paid_out_of_band": True})
    return made


def test_lines_add_up_to_what_is_credited(world: World) -> None:
    hour = {"type": "custom_line_item", "unit_amount": 400, "quantity": 2, "description": "An hour less"}
    travel = {"type": "custom_line_item", "unit_amount": 100}
    invoice = an_invoice(world)
    note = world.api.credit_notes.create({"invoice": invoice, "lines": [hour, travel]})
    assert (note.amount, note.pre_payment_amount, note.post_payment_amount) == (900, 900, 0)
    assert [(line.amount, line.quantity, line.description) for line in note.lines.data] == [
        (800, 2, "An hour less"), (100, 1, "Credit"),
    ]  # fmt: skip
    assert world.api.invoices.retrieve(invoice).pre_payment_credit_notes_amount == 900
    with pytest.raises(InvalidRequestError, match="must equal the amount"):
        world.api.credit_notes.create({"invoice": invoice, "amount": 500, "lines": [hour]})


def test_what_is_void_takes_nothing_off_any_more(world: World) -> None:
    invoice = an_invoice(world)
    first = world.api.credit_notes.create({"invoice": invoice, "amount": 2900})
    with pytest.raises(InvalidRequestError, match="greater than what is left"):
        world.api.credit_notes.create({"invoice": invoice, "amount": 1})
    voided = world.api.credit_notes.void_credit_note(first.id)
    assert (voided.status, voided.voided_at is not None) == ("void", True)
    assert world.api.invoices.retrieve(invoice).pre_payment_credit_notes_amount == 0
    second = world.api.credit_notes.create({"invoice": invoice, "amount": 2900})
    assert second.number != first.number
    assert [event.data.object.id for event in world.events("credit_note.voided")] == [first.id]
    with pytest.raises(InvalidRequestError, match="already void"):
        world.api.credit_notes.void_credit_note(first.id)


def test_of_a_paid_invoice_none_is_taken_back_and_what_is_noted_can_change(world: World) -> None:
    given = {"invoice": an_invoice(world, paid=True), "amount": 500, "out_of_band_amount": 500}
    note = world.api.credit_notes.create(given)
    with pytest.raises(InvalidRequestError, match="open invoice"):
        world.api.credit_notes.void_credit_note(note.id)
    changed = world.api.credit_notes.update(note.id, {"memo": "By transfer", "metadata": {"by": "us"}})
    assert (changed.memo, changed.metadata["by"]) == ("By transfer", "us")
    (event,) = world.events("credit_note.updated")
    assert event.data.previous_attributes["memo"] is None

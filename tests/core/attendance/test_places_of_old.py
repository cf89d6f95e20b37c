"""Places that were paid for before each had a row of its own: a migration gives them theirs, and a ticket with it."""

from alembic import command

from core.attendance import tickets
from tests import builders
from tests.command_line.test_migrate import alembic_config
from tests.core.attendance.conftest import Clinic


def test_each_place_of_old_gets_an_attendee_and_a_ticket(clinic: Clinic) -> None:
    sold = [clinic.sell(3, cart="a"), clinic.sell(1, cart="b")]
    refunded = clinic.sell(1, cart="c")
    clinic.refund(refunded)
    before = [(row.order_id, row.order_line_id, row.place, row.date_id) for row in clinic.rows() if row.holds]
    config = alembic_config(clinic.shop.engine)
    command.downgrade(config, "0028-1")
    command.upgrade(config, "head")
    assert [(row.order_id, row.order_line_id, row.place, row.date_id) for row in clinic.rows()] == before
    assert all(row.holds for row in clinic.rows())
    for order_id, names in zip(sold, (["Nora Lindqvist", "Guest 2", "Guest 3"], ["Nora Lindqvist"]), strict=True):
        found = [tickets.view(clinic.shop, token) for token in clinic.tickets(order_id)]
        assert [view.name for view in found] == names
    clinic.refund(sold[0])
    assert builders.taken(clinic.shop)["clinic/1"] == 1

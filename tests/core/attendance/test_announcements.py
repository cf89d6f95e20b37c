"""Endpoints hear of each change of an attendee, by whichever way, and of nobody's name."""

import orjson

from core.attendance import changes, check_in, giving_up
from core.outgoing.messages import WebhookMessage
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.core.attendance.conftest import NORA, Clinic
from tests.core.outgoing.receiver import listens


def test_what_becomes_of_a_place_is_told_each_time_and_names_nobody(clinic: Clinic, shop: Shop, clock: Clock) -> None:
    listens(shop, "http://127.0.0.1:9/", "attendee.changed")
    order_id = clinic.sell(2)
    owner = colleagues.works_as(shop, Role.OWNER)
    row = clinic.rows()[0].id
    for act in (
        lambda token: changes.rename(shop, token, "Otto Berg"),
        lambda token: changes.move(shop, token, "clinic/2", signed_in=NORA),
        lambda _: check_in.check_in(shop, row, deed=colleagues.deed(owner)),
        lambda _: check_in.undo(shop, row, deed=colleagues.deed(owner)),
        lambda token: giving_up.cancel(shop, token, signed_in=NORA),
    ):
        clock.pass_(minutes=1)
        act(clinic.tickets(order_id)[0])
    clock.pass_(minutes=1)
    clinic.refund(order_id)
    rows = sorted(builders.rows(shop, WebhookMessage), key=lambda row: row.created_at)
    said = [orjson.loads(row.body)["data"] for row in rows]
    assert [(each["date"], each["state"]) for each in said if each["place"] == 1] == [
        ("clinic/1", "expected"), ("clinic/1", "expected"), ("clinic/2", "expected"), ("clinic/2", "checked_in"),
        ("clinic/2", "expected"), ("clinic/2", "canceled"),
    ]  # fmt: skip
    assert [each["state"] for each in said if each["place"] == 2] == ["expected", "revoked"]
    assert {each["livemode"] for each in said} == {False}
    assert {each["person"] for each in said} == {builders.order(shop, order_id).customer_id}
    assert "Otto" not in str(said)

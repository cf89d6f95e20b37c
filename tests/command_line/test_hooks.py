"""`pushcart hooks`: endpoints and what they were told, at a terminal."""

from core.outgoing.messages import DeliveryState
from core.people.audit import AuditEntry
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run
from tests.core.outgoing.receiver import deliveries


@builders.on_sqlite
def test_an_endpoint_is_added_tested_and_removed(pushcart: Run, shop: Shop) -> None:
    made = pushcart("hooks", "add", "https://app.example/hooks", "--topics", "order.paid,seat.changed", "--json").json
    assert isinstance(made, dict)
    (listed,) = pushcart("hooks", "list", "--json").json
    assert (listed["url"], listed["topics"]) == ("https://app.example/hooks", ["order.paid", "seat.changed"])
    assert made["secret"] not in str(listed)
    assert pushcart("hooks", "ping", made["id"]).output.startswith("A test is on its way: whd_")
    said = pushcart("hooks", "replay", made["id"], "--since", "2026-11-01", "--until", "2026-12-01", "--json").json
    assert said == {"sent_again": 1}
    assert [row.state for row in deliveries(shop)] == [DeliveryState.WAITING]
    assert pushcart("hooks", "remove", made["id"]).output == "app.example is told nothing from now on.\n"
    again = pushcart("hooks", "ping", made["id"])
    assert (again.status, again.complaints) == (
        1, [f"There is no endpoint or message {made['id']}. `pushcart hooks list` and `hooks log` have their ids."],
    )  # fmt: skip
    assert {each.who for each in builders.rows(shop, AuditEntry)} == {"terminal"}

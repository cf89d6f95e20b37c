"""`pushcart api-key`: made, listed and revoked at a terminal."""

import pytest

from core.people import api_keys
from core.people.api_keys import Scope
from core.people.audit import AuditEntry
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run


def test_a_key_is_made_listed_and_revoked(pushcart: Run, shop: Shop) -> None:
    made = pushcart("api-key", "create", "The app", "--scopes", "entitlements,seats", "--json").json
    assert isinstance(made, dict)
    assert set(made) == {"id", "key"}
    with shop.reading() as session:
        assert api_keys.check(session, made["key"], Scope.SEATS).key_id == made["id"]
    (listed,) = pushcart("api-key", "list", "--json").json
    assert (listed["id"], listed["name"], listed["scopes"]) == (made["id"], "The app", ["entitlements", "seats"])
    assert (listed["made_by"], listed["ended_at"], made["key"] in str(listed)) == ("terminal", None, False)
    assert pushcart("api-key", "revoke", made["id"]).output == "The app opens nothing from now on.\n"
    again = pushcart("api-key", "revoke", made["id"])
    assert (again.status, again.complaints) == (
        1, [f"There is no API key {made['id']} that works. `pushcart api-key list` has their ids."],
    )  # fmt: skip
    assert {(each.who, each.subject) for each in builders.rows(shop, AuditEntry)} == {("terminal", made["id"])}
    assert made["id"] in pushcart("api-key", "list").output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("The app", "--scopes", "seats,money"), "There is no scope money. A key may be for entitlements, seats, licenses."),
        (("The app", "--scopes", ""), "A key must be for something. A key may be for entitlements, seats, licenses."),
        ((" ", "--scopes", "seats"), "Give it a name, by which you will know it among others."),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_cannot_be_made_is_said(pushcart: Run, shop: Shop, words: tuple[str, ...], complaint: str) -> None:
    said = pushcart("api-key", "create", *words)
    assert (said.status, said.complaints) == (2, [complaint])
    assert builders.rows(shop, api_keys.ApiKey) == []

"""`pushcart staff`: who may work at the owner's side, for somebody at a terminal."""

from core.people.audit import AuditEntry
from core.people.second_factor import SecondFactor
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.command_line.conftest import Run


def test_somebody_is_invited_listed_and_removed(pushcart: Run, shop: Shop) -> None:
    assert (
        pushcart("staff", "invite", "sam@berg.com", "--role", "support").output
        == "sam@berg.com is invited as support.\n"
    )
    assert [job.partition(":")[0] for job in builders.jobs(shop)] == ["invitation"]
    listed = pushcart("staff", "list", "--json").json
    assert isinstance(listed, list)
    assert [(each["email"], each["role"], each["invited_by"]) for each in listed] == [
        ("sam@berg.com", "support", "terminal")
    ]
    assert pushcart("staff", "remove", "Sam@berg.com").output == "sam@berg.com works here no longer.\n"
    assert pushcart("staff", "list", "--json").json == []
    assert [(each.who, each.detail) for each in sorted(builders.rows(shop, AuditEntry), key=lambda each: each.at)] == [
        ("terminal", "invited sam@berg.com as support"),
        ("terminal", "removed sam@berg.com"),
    ]


def test_nobody_is_removed_who_was_not_invited(pushcart: Run) -> None:
    said = pushcart("staff", "remove", "ida@berg.com")
    # As of any order or customer that there is none of: 2 is for words that make no sense, whatever the shop holds.
    assert said.status == 1
    assert said.complaints == ["ida@berg.com was not invited. Those whom OWNER_EMAILS names are removed there."]


def test_what_somebody_of_the_support_sends_back_is_limited(pushcart: Run, shop: Shop) -> None:
    pushcart("staff", "invite", "sam@berg.com", "--role", "support")
    said = pushcart("staff", "limit", "Sam@berg.com", "50,00")
    assert said.output == "sam@berg.com may send back €50.00 of one order.\n"
    listed = pushcart("staff", "list", "--json").json
    assert isinstance(listed, list)
    assert [each["refund_limit"] for each in listed] == [5000]
    assert pushcart("staff", "limit", "sam@berg.com", "0", "--json").json == {
        "email": "sam@berg.com", "refund_limit": 0,
    }  # fmt: skip
    assert pushcart("staff", "limit", "sam@berg.com", "much").status == 2
    assert pushcart("staff", "limit", "sam@berg.com", "--json").json == {"email": "sam@berg.com", "refund_limit": None}
    assert [each.detail for each in builders.rows(shop, AuditEntry) if "refund" in each.detail].count(
        "sam@berg.com may refund 5000"
    ) == 1
    pushcart("staff", "invite", "sam@berg.com", "--role", "viewer")
    for who in ("sam@berg.com", "ida@berg.com"):
        refused = pushcart("staff", "limit", who, "50")
        assert (refused.status, refused.complaints) == (1, [f"{who} does not work here as support."])


def test_what_is_no_address_is_refused(pushcart: Run) -> None:
    assert pushcart("staff", "invite", "sam").status == 2


def test_the_second_factor_of_somebody_who_lost_it_is_reset(pushcart: Run, shop: Shop) -> None:
    colleagues.with_device(shop, Role.SUPPORT)
    address = colleagues.ADDRESSES[Role.SUPPORT]
    listed = pushcart("staff", "list", "--json").json
    assert isinstance(listed, list)
    assert [each["second_factor"] for each in listed if each["email"] == address] == [True]
    assert pushcart("staff", "reset-second-factor", address.upper(), "--json").json == {"reset": address}
    assert builders.rows(shop, SecondFactor) == []
    again = pushcart("staff", "reset-second-factor", address)
    assert (again.status, again.complaints) == (1, [f"{address} has no second factor."])
    assert [each.detail for each in builders.rows(shop, AuditEntry) if each.who == "terminal"] == [
        f"second factor of {address} reset"
    ]

"""Keys of another shop: what no line may say is named with its number, and the other lines are taken."""

import pytest

from core.kinds.licenses import LicenseActivation, LicenseKey
from core.licensing import administration, found_licenses, imports
from core.licensing.imports import Imported
from core.people import address_changes
from core.people.customers import How
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe

HEAD = "key,product,machines,expires_at,fingerprint,created_at\n"
GOOD = "OLD-1,kit,3,2031-01-31,desk,2024-01-31T10:00:00+02:00\n"


def brought(shop: Shop, text: str, *, livemode: bool = False) -> Imported:
    with shop.transaction() as session:
        return imports.read(session, text, livemode=livemode, now=shop.now())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("OLD-2,kit,,0001-01-01T00:00+10:00,,", "which is no date"),
        ("OLD-2,kit,,9999-12-31T23:00-10:00,,", "which is no date"),
        ("OLD-2,kit,,,desk,9999-12-31T23:00-10:00", "which is no date"),
        (f"OLD-2,kit,{'9' * 499},,,", "which is no number"),
        ("OLD-2,kit,٣,,,", "which is no number"),
        (f"OLD-2,kit,,,{'ü' * 501},", "more than 500 letters"),
        (f"OLD-2,kit,,,{'u' * 150_000},", "no line of a CSV file"),
    ],
    ids=str,
)
def test_a_line_that_no_database_or_calendar_holds_is_named(shop: Shop, line: str, reason: str) -> None:
    found = brought(shop, f"{HEAD}{GOOD}{line}\n")
    assert (found.keys, found.machines) == (1, 1)
    [(number, said)] = found.problems
    assert (number, reason in said) == (3, True), said


def test_lines_may_end_as_anywhere(shop: Shop) -> None:
    for end in ("\r", "\r\n"):
        brought(shop, f"{HEAD}{GOOD}".replace("\n", end))
    assert brought(shop, HEAD + GOOD) == Imported(known=1)
    assert brought(shop, "k" * 150_000).problems == [(1, "the columns key, product are missing")]


def test_a_status_means_what_it_meant_there(shop: Shop) -> None:
    """`inactive` is a key that no machine uses yet, with Lemon Squeezy as with Easy Digital Downloads."""
    said = ("", "active", "Inactive", "disabled", "revoked", "expired", "suspended")
    lines = "".join(f"OLD-{number},kit,{status},\n" for number, status in enumerate(said, 1))
    found = brought(shop, f"key,product,status,expires_at\n{lines}OLD-8,kit,expired,2026-01-31\n")
    assert found.problems == [
        (8, "has the status suspended, which is none of active, inactive, expired, disabled and revoked")
    ]
    with shop.reading() as session:
        numbers = (1, 2, 3, 4, 5, 6, 8)
        keys = [found_licenses.by_key(session, f"OLD-{number}", lock=False, now=shop.now()) for number in numbers]
        standing = [each and each.standing(shop.now(), livemode=False).value for each in keys]
    assert standing == ["active", "active", "active", "disabled", "disabled", "expired", "expired"]
    assert [f"{each.expires_at:%Y-%m-%d}" for each in keys if each and each.expires_at] == ["2026-11-23", "2026-01-31"]


def test_a_key_that_is_there_is_not_another_buyers(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    bought = builders.license_key(shop, order_id)
    brought(shop, "key,product,email\nOLD-1,kit,kim@example.com\nOLD-2,kit,\n")
    before = builders.rows(shop, LicenseKey)
    others = "".join(f"{key},kit,ole@example.com,desk\n" for key in ("OLD-1", "OLD-2", bought))
    for livemode in (False, True):
        found = brought(shop, f"key,product,email,fingerprint\n{others}", livemode=livemode)
        said = "has a key that is there already, and differs: it is not of this buyer"
        assert found == Imported(problems=[(2, said), (3, said), (4, said)])
    assert builders.rows(shop, LicenseKey) == before
    assert builders.rows(shop, LicenseActivation) == []
    theirs = f"OLD-1,kit,KIM@Example.com\nOLD-1,kit,\n{bought},kit,nora@lindqvist.example\n"
    assert brought(shop, f"key,product,email\n{theirs}") == Imported(known=3)
    # Within one file it is the first of them who has it.
    found = brought(shop, "key,product,email\nOLD-3,kit,kim@example.com\nOLD-3,kit,ole@example.com\n")
    assert (found.keys, [line for line, _ in found.problems]) == (1, [3])


def test_a_key_that_is_there_is_of_whose_address_became_another(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    bought = builders.license_key(shop, order_id)
    brought(shop, "key,product,email\nOLD-1,kit,nora@lindqvist.example\n")
    with shop.transaction() as session:
        address_changes.change(
            session, "nora@lindqvist.example", "nora@example.com", how=How.OWNER, actor="owner", now=shop.now()
        )
    for email, known in (("nora@example.com", 2), ("nora@lindqvist.example", 0)):
        lines = "".join(f"{key},kit,{email}\n" for key in ("OLD-1", bought))
        assert brought(shop, f"key,product,email\n{lines}").known == known


def test_keys_that_were_tried_out_with_a_test_key_are_good_once_they_are_brought_for_real(shop: Shop) -> None:
    def standing() -> str:
        with shop.reading() as session:
            found = found_licenses.by_key(session, "OLD-1", lock=False, now=shop.now())
            assert found
            return found.standing(shop.now(), livemode=True)

    brought(shop, HEAD + GOOD)
    assert standing() == "revoked"
    assert brought(shop, HEAD + GOOD, livemode=True) == Imported(keys=1)
    assert standing() == "active"
    # And not back again, nor twice.
    assert brought(shop, HEAD + GOOD) == brought(shop, HEAD + GOOD, livemode=True) == Imported(known=1)
    assert standing() == "active"
    # What an owner gave away while trying is none of it.
    with shop.transaction() as session:
        row, text = administration.issue(session, "kit", livemode=False, now=shop.now())
    assert brought(shop, f"key,product\n{text},kit\n", livemode=True) == Imported(known=1)
    assert [each.livemode for each in builders.rows(shop, LicenseKey) if each.id == row.id] == [False]

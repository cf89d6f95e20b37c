"""Keys of another shop: what no line may say is named with its number, and the other lines are taken."""

import pytest

from core.licensing import imports
from core.licensing.imports import Imported
from core.shop import Shop

HEAD = "key,product,machines,expires_at,fingerprint,created_at\n"
GOOD = "OLD-1,kit,3,2031-01-31,desk,2024-01-31T10:00:00+02:00\n"


def brought(shop: Shop, text: str) -> Imported:
    with shop.transaction() as session:
        return imports.read(session, text, livemode=False, now=shop.now())


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

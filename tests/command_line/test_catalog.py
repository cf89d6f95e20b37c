"""`pushcart catalog apply`: the whole file or nothing of it."""

from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.conftest import CATALOGUE

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

BROKEN = """
[[products]]
id = "guide"
name = "Field Guide"
kind = "download"
[[products.prices]]
id = "guide-eur"
amount = 10
currency = "eur"

[[products]]
id = "plan"
name = "Plan"
kind = "plan"
colour = "blue"
[[products.prices]]
id = "plan-eur"
amount = 900
currency = "eur"
"""


def test_a_catalogue_is_applied_as_often_as_one_likes(pushcart: Run) -> None:
    first = pushcart("catalog", "apply", str(CATALOGUE), "--json")
    assert first.status == 0, first.errors
    assert first.json == {"products": 9, "prices": 10, "files": 6, "left_alone": [], "taken_off": []}
    again = pushcart("catalog", "apply", str(CATALOGUE))
    assert again.output == "9 products with 10 prices and 6 files are on the shelves.\n"


def test_a_catalogue_with_mistakes_is_refused_with_a_sentence_for_each(pushcart: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN)
    said = pushcart("catalog", "apply", str(path))
    assert (said.status, said.output) == (1, "")
    heading, *mistakes = said.complaints
    assert heading == "The catalogue was not applied:"
    assert mistakes == [
        "Line 6: price “guide-eur” of product “Field Guide”: Stripe charges no less than €0.50",
        "Line 15: product “Plan”: `colour` is not known here",
    ]


@pytest.mark.parametrize(("name", "sentence"), [("none.toml", "there is no file"), ("not.toml", "is not TOML")])
def test_a_file_that_cannot_be_read_is_named(pushcart: Run, tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "not.toml").write_text("[[products")
    said = pushcart("catalog", "apply", str(tmp_path / name))
    assert said.status == 1
    assert len(said.complaints) == 2
    assert sentence in said.complaints[1]
    assert name in said.complaints[1]


def test_what_a_file_would_change_is_said_before_anything_does(pushcart: Run, tmp_path: Path) -> None:
    assert pushcart("catalog", "apply", str(CATALOGUE)).status == 0
    path = tmp_path / "exported.toml"
    assert pushcart("catalog", "export", str(path)).output == f"The catalogue is in {path}.\n"
    assert pushcart("catalog", "apply", str(path), "--dry-run").output == "Nothing would change.\n"
    path.write_text(path.read_text().replace("amount = 2900", "amount = 3500").replace("Field Guide", "Guide"))
    said = pushcart("catalog", "apply", str(path), "--dry-run")
    assert said.output.splitlines() == [
        "guide name: Field Guide -> Guide",
        "guide price guide-eur: €29.00 -> nothing",
        "guide price guide-eur-2: nothing -> €35.00",
        "3 changes; nothing was changed yet.",
    ]
    assert pushcart("catalog", "apply", str(CATALOGUE), "--dry-run", "--json").json == {"changes": []}


def test_what_is_sold_is_listed(pushcart: Run) -> None:
    assert pushcart("catalog", "list").output == "Nothing is for sale yet.\n"
    pushcart("catalog", "apply", str(CATALOGUE))
    lines = pushcart("catalog", "list").output.splitlines()
    assert lines[0].split() == ["id", "kind", "on_sale", "prices", "sold", "differs"]
    assert lines[3].split() == ["plan", "plan", "yes", "€9.00/month,", "€90.00/year"]
    guide = pushcart("catalog", "list", "--json").json[0]
    assert guide == {
        "id": "guide", "name": "Field Guide", "kind": "download", "active": True, "availability": "on_sale",
        "prices": [{"id": "guide-eur", "amount": 2900, "currency": "eur", "interval": None}], "sold": [], "differs": [],
        "at_stripe": [],
    }  # fmt: skip
    assert pushcart("catalog", "export").output.startswith("# The catalogue of ")
    exported = pushcart("catalog", "export", "--json").json
    assert next(each["id"] for each in exported["products"]) == "guide"

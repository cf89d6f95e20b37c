"""The catalogues that come with the shop: each sentence in the code has a translation, with the same fields."""

import ast
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from core.languages import catalogs, extraction
from core.languages.extraction import Gaps

OURS = sorted(path.stem for path in Path(catalogs.__file__).parent.glob("*.po"))
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def template() -> Catalog:
    return extraction.template()


def test_german_comes_with_the_shop() -> None:
    assert "de" in OURS


@pytest.mark.parametrize("language", OURS)
def test_every_sentence_is_translated_with_its_fields(language: str) -> None:
    path = Path(catalogs.__file__).with_name(f"{language}.po")
    assert extraction.gaps(catalogs.read(path)) == Gaps((), ())


def test_sentences_are_found_in_code_in_strings_and_in_templates(template: Catalog) -> None:
    assert template.get("Your purchases")
    assert template.get("Go on to payment"), "a call within an f-string"
    assert template.get("Order {number} of {date} is paid: {total}."), "a template"


@pytest.mark.parametrize("folder", ["core", "storefront", "webhook"])
def test_sentences_are_said_whole(folder: str) -> None:
    """What is put together before it is translated is found by nobody, and fits no language."""
    pieces = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "core.languages" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("_", "marked", "ngettext")
            ):
                whole = all(not isinstance(each, ast.JoinedStr | ast.BinOp) for each in node.args[:2])
                pieces += [] if whole else [f"{path.relative_to(ROOT)}:{node.lineno}"]
    assert pieces == []

"""Words: every error has a sentence, and nothing that people wrote turns into markup."""

from datetime import UTC, datetime
from enum import StrEnum
from types import SimpleNamespace

import pytest

from core.foundation.errors import AddressUnfit, ShopError, Unfit
from core.foundation.money import Money
from core.foundation.settings import Settings
from core.languages import sentences as languages
from storefront import amounts, process, sentences, words


def members(kind: type[ShopError]) -> list[type[ShopError]]:
    return [kind, *(member for child in kind.__subclasses__() for member in members(child))]


WHEN = {"starts_at": datetime(2026, 12, 10, 16, tzinfo=UTC), "timezone": "Europe/Copenhagen"}


@pytest.mark.parametrize("kind", members(ShopError), ids=lambda kind: kind.__name__)
def test_every_member_of_the_family_has_a_sentence(monkeypatch: pytest.MonkeyPatch, kind: type[ShopError]) -> None:
    monkeypatch.setattr(process, "shop", lambda: SimpleNamespace(settings=Settings()))
    error = kind.__new__(kind)
    for name, annotation in annotations(kind).items():
        setattr(error, name, WHEN.get(name) or sample(annotation))
    sentence = sentences.of(error)
    assert sentence.endswith((".", "**"))
    assert kind.__name__ not in sentence


def sample(annotation: object) -> object:
    """A value for a field of this type."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return next(iter(annotation))
    return {int: 2, datetime: WHEN["starts_at"]}.get(annotation, "eur")  # type: ignore[call-overload]


@pytest.mark.parametrize("why", Unfit)
def test_whoever_types_no_address_is_told_how_to_type_one(why: Unfit) -> None:
    sentence = sentences.of(AddressUnfit(why))
    assert sentence.endswith(".")
    assert "mail" in sentence


def annotations(kind: type[ShopError]) -> dict[str, object]:
    return {
        name: each for base in reversed(kind.__mro__) for name, each in getattr(base, "__annotations__", {}).items()
    }


def test_nothing_in_a_name_is_markup() -> None:
    assert words.plain("*a* [b](c) :red[d] $e$ `f`") == r"\*a\* \[b\](c) \:red\[d\] \$e\$ \`f\`"


@pytest.mark.parametrize(
    ("written", "split"),
    [
        ("see http://shop.example", "see http:color[:]{}//shop.example"),
        ("HTTPS://shop.example", "HTTPS:color[:]{}//shop.example"),
        ("www.shop.example", "www:color[.]{}shop.example"),
        ("nora@shop.example", "nora:color[@]{}shop.example"),
    ],
)
def test_no_address_that_somebody_wrote_becomes_a_link(written: str, split: str) -> None:
    assert words.plain(written) == split


@pytest.mark.parametrize(
    ("written", "split"),
    [
        (":material/home:", r":color[:]{}material/home\:"),
        (":streamlit:", r":color[:]{}streamlit\:"),
        ("a -> b", "a -:color[>]{} b"),
        ("a <-> b", r"a \<:color[-]{}:color[>]{} b"),
        ("5 >= 4 -- yes", r"5 \>:color[=]{} 4 -:color[-]{} yes"),
        ("AT&amp;T, R&D", r"AT\&amp;T, R&D"),
    ],
)
def test_no_icon_or_sign_is_made_of_what_somebody_wrote(written: str, split: str) -> None:
    assert words.plain(written) == split


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("# one", r"\# one"),
        ("- one\n+ two", "\\- one\n\\+ two"),
        ("1. one\n 2) two", "1\\. one\n 2\\) two"),
        ("10.30, 1.5", "10.30, 1.5"),
        ("name\n===", "name\n\\==="),
        ("    code\n\tcode", " code\n code"),
    ],
)
def test_no_line_begins_a_heading_a_list_or_code(written: str, kept: str) -> None:
    assert words.plain(written) == kept


@pytest.mark.parametrize("name", ["\u05e0\u05d5\u05e8\u05d4", "Nora\u202e", "\u0646\u0648\u0631\u0627 Lind"])
def test_what_is_written_from_right_to_left_turns_no_amount_beside_it(name: str) -> None:
    assert words.plain(name) == f"\u2068{name}\u2069"
    # Nobody ends that themselves.
    assert words.plain(f"{name}\u2069\u2067") == f"\u2068{name}\u2069"
    assert words.plain("Zoë Łuk, 李") == "Zoë Łuk, 李"


def test_commands_in_what_core_says_are_shown_as_such_and_nothing_else_is_markup() -> None:
    assert words.told("Run `pushcart *x*` for *this*.") == r"Run `pushcart *x*` for \*this\*."


@pytest.mark.parametrize(
    ("octets", "said"), [(12, "12 bytes"), (60_000, "60 kB"), (8_412_000, "8.4 MB"), (2_500_000_000, "2.5 GB")]
)
def test_sizes_are_said_as_people_say_them(octets: int, said: str) -> None:
    assert amounts.size(octets) == said


def test_only_web_addresses_of_a_seller_s_text_become_links() -> None:
    said = words.linked("I agree to [x](y), see https://shop.example/terms?a=1. <b>")
    assert said.startswith(r"I agree to \[x\](y), see [https:color[:]{}//shop.example")
    assert said.endswith(r"](https://shop.example/terms?a=1). \<b\>")
    assert words.linked("javascript:alert(1) http://") == words.plain("javascript:alert(1) http://")


def test_an_amount_below_zero_has_a_minus_and_no_hyphen() -> None:
    assert amounts.written(Money(-2083, "eur")) == "−€20.83"
    with languages.spoken("de"):
        assert amounts.price(Money(-2083, "eur")) == "−20,83\N{NO-BREAK SPACE}€"


def test_no_two_options_of_a_field_are_called_alike() -> None:
    names = {1: "A", 2: "B", 3: "A", 4: "A", 5: "A (2)", 6: "A, x"}
    assert words.apart(names, lambda _: "") == {1: "A", 2: "B", 3: "A (2)", 4: "A (3)", 5: "A (2) (2)", 6: "A, x"}
    assert words.apart(names, lambda each: "x" if each < 4 else "y") == {
        1: "A, x", 2: "B", 3: "A, x (2)", 4: "A, y", 5: "A (2)", 6: "A, x (3)",
    }  # fmt: skip

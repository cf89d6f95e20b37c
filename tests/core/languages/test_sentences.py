"""Sentences from catalogues: which language is spoken, what stands in for what is missing, and files that are wrong."""

from collections.abc import Iterator
from contextvars import Context
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.languages import catalogs, sentences
from core.languages.sentences import _, ngettext

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    catalogs.set_up(default="en", folder=tmp_path)
    yield tmp_path
    catalogs.set_up(default="en", folder=None)


def write(folder: Path, language: str, **translated: str) -> None:
    entries = [f'msgid "{sentence}"\nmsgstr "{said}"\n' for sentence, said in translated.items()]
    (folder / f"{language}.po").write_text("\n".join([HEAD, *entries]), encoding="utf-8")
    catalogs.of.cache_clear()
    catalogs.nearest.cache_clear()


def test_english_needs_no_catalogue() -> None:
    assert _("Your purchases") == "Your purchases"
    assert ngettext("{number} seat", "{number} seats", 2).format(number=2) == "2 seats"


def test_a_sentence_is_said_in_the_language_that_is_spoken() -> None:
    with sentences.spoken("de"):
        assert _("Your purchases") == "Ihre Einkäufe"
        assert _("Nobody translated this.") == "Nobody translated this."
    assert _("Your purchases") == "Your purchases"


def test_a_region_is_spoken_to_in_its_language() -> None:
    with sentences.spoken("de-AT"):
        assert sentences.language() == "de"


@pytest.mark.parametrize("tag", ["", "xx", "tlh-KL", "../../etc/passwd", "*"])
def test_who_asks_for_an_unknown_language_gets_the_shops_own(folder: Path, tag: str) -> None:
    catalogs.set_up(default="de", folder=folder)
    with sentences.spoken(tag):
        assert sentences.language() == "de"


def test_a_sellers_file_adds_a_language_and_english_stands_in(folder: Path) -> None:
    write(folder, "fr", Checkout="Paiement")
    with sentences.spoken("fr-CA"):
        assert (_("Checkout"), _("Your purchases")) == ("Paiement", "Your purchases")


def test_a_sellers_file_goes_before_the_shops_and_leaves_the_rest(folder: Path) -> None:
    write(folder, "de", Checkout="Zur Kasse")
    with sentences.spoken("de"):
        assert (_("Checkout"), _("Your purchases")) == ("Zur Kasse", "Ihre Einkäufe")


def test_a_region_of_its_own_leans_on_its_language(folder: Path) -> None:
    write(folder, "de_CH", Checkout="Zur Kasse")
    with sentences.spoken("de-ch"):
        assert (sentences.language(), _("Your purchases")) == ("de_CH", "Ihre Einkäufe")


@pytest.mark.parametrize(
    "said", ["À {adresse}.", "À vous.", "À {address.__class__}.", "À {address", "À {address!r}.", "À {}."]
)
def test_a_translation_with_other_fields_is_left_out(folder: Path, said: str) -> None:
    write(folder, "fr", **{"To {address}.": said})
    with sentences.spoken("fr"), capture_logs() as logs:
        assert _("To {address}.").format(address="a@b.com") == "To a@b.com."
    assert [entry["event"] for entry in logs] == ["translation_left_out"]


def test_a_form_for_one_thing_may_do_without_the_number(folder: Path) -> None:
    (folder / "fr.po").write_text(
        HEAD + '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
        'msgid "{number} seat"\nmsgid_plural "{number} seats"\nmsgstr[0] "une place"\nmsgstr[1] "{number} places"\n'
    )
    with sentences.spoken("fr"):
        assert ngettext("{number} seat", "{number} seats", 0).format(number=0) == "une place"
        assert ngettext("{number} seat", "{number} seats", 3).format(number=3) == "3 places"


def test_a_file_that_cannot_be_read_leaves_english(folder: Path) -> None:
    (folder / "fr.po").write_bytes(b'msgid "Checkout"\nmsgstr "\xff\xfe')
    with sentences.spoken("fr"), capture_logs() as logs:
        assert _("Checkout") == "Checkout"
    assert [entry["event"] for entry in logs] == ["catalogue_unreadable"]


def test_where_nobody_has_said_the_listener_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "_listener", lambda: "de")
    nobody_has_said = Context()
    assert nobody_has_said.run(_, "Your purchases") == "Ihre Einkäufe"
    with sentences.spoken("en"):
        assert _("Your purchases") == "Your purchases"

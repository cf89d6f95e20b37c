"""The message catalogues: one file of each language, ours and the seller's, read once per process when first spoken.

A seller's file is named by its language, such as `fr.po` or `de_AT.po`. What it lacks is said as in ours, then in English. A
translation whose named fields are others than the sentence's is left out and logged: no buyer meets an exception for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from string import Formatter

import structlog
from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

ENGLISH = "en"
_OURS = Path(__file__).parent

log = structlog.get_logger()


@dataclass(frozen=True)
class _House:
    """What this shop speaks by itself, and the folder of the seller's own catalogues."""

    default: str = ENGLISH
    folder: Path | None = None


_house = _House()


def set_up(*, default: str, folder: Path | None) -> None:
    """Say what this process' shop speaks by itself, and where the seller's catalogues are."""
    global _house
    if (told := _House(default, folder)) != _house:
        _house = told
        of.cache_clear()
        nearest.cache_clear()


def default() -> str:
    """What is spoken where nobody has chosen."""
    return nearest(_house.default) or ENGLISH


def known() -> list[str]:
    """The languages that can be spoken, the shop's own first."""
    return sorted(files(_house.folder), key=lambda language: (language != default(), language))


def files(folder: Path | None) -> Mapping[str, list[Path]]:
    """The catalogues by their languages, the seller's of this folder before ours."""
    found: dict[str, list[Path]] = {ENGLISH: []}
    for place in (folder, _OURS):
        for path in sorted(place.glob("*.po")) if place else ():
            if is_language(path.stem):
                found.setdefault(path.stem, []).append(path)
    return found


def is_language(name: str) -> bool:
    """Whether dates and money can be written in a language of this name."""
    try:
        return bool(Locale.parse(name))
    except (ValueError, UnknownLocaleError):
        return False


@lru_cache(maxsize=256)
def nearest(tag: str) -> str:
    """The catalogue for a tag as browsers send it: for `de-AT` that of `de_AT`, else that of `de`; empty if there is none."""
    known = {name.casefold(): name for name in files(_house.folder)}
    parts = tag.casefold().replace("-", "_").split("_")
    return next((known[name] for end in range(len(parts), 0, -1) if (name := "_".join(parts[:end])) in known), "")


@cache
def of(language: str) -> NullTranslations:
    """The sentences of a language for which there is a catalogue, and behind them those of the ones that stand in for it."""
    behind = of(language.rpartition("_")[0]) if "_" in language else NullTranslations()
    for path in reversed(files(_house.folder).get(language, [])):
        sentences = _compiled(path)
        sentences.add_fallback(behind)
        behind = sentences
    return behind


def _compiled(path: Path) -> GNUTranslations:
    catalog = read(path)
    for message in list(catalog):
        if message.id and (why := mistake(message)):
            log.warning("translation_left_out", file=path.name, sentence=message.id, why=why)
            catalog.delete(message.id, message.context)
    with BytesIO() as file:
        write_mo(file, catalog)
        file.seek(0)
        return GNUTranslations(file)


def read(path: Path) -> Catalog:
    """What a catalogue's file holds; nothing, with a line in the log, if it cannot be read."""
    try:
        with path.open("rb") as file:
            return read_po(file, locale=path.stem, abort_invalid=True)
    except (OSError, ValueError, PoFileError) as error:
        log.error("catalogue_unreadable", file=path.name, why=str(error))
        return Catalog(locale=path.stem)


def mistake(message: Message) -> str:
    """Why a translation cannot stand for its sentence, or an empty string. One that is missing is no mistake."""
    sentences, translations = forms(message.id), [said for said in forms(message.string) if said]
    try:
        wanted = [_fields(each) for each in sentences]
        found = [_fields(each) for each in translations]
    except ValueError:
        return "its braces do not match"
    if unknown := set().union(*found) - set().union(*wanted):
        return f"it has fields that the sentence has not: {', '.join(sorted(unknown))}"
    # A form for one thing may do without the number.
    if len(sentences) == 1 and found and (lost := wanted[0] - found[0]):
        return f"it lacks fields of the sentence: {', '.join(sorted(lost))}"
    return ""


def forms(said: object) -> list[str]:
    """A sentence of a catalogue as a list: of one, or of those for different numbers."""
    return [str(each) for each in said] if isinstance(said, tuple | list) else [str(said)]


def _fields(sentence: str) -> set[str]:
    """The named fields, each with how it is to be written."""
    return {
        f"{{{name}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}}"
        for _, name, spec, conversion in Formatter().parse(sentence)
        if name is not None
    }

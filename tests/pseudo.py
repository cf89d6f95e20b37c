"""A language that shows what was translated: each sentence stands in brackets, and what has none was never asked for.

It goes by the name of Esperanto, in which dates and money can be written.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from core.languages import catalogs, extraction, sentences
from tests.conftest import CATALOGUE

LANGUAGE = "eo"
_BRACKETED = re.compile("⟦[^⟦⟧]*⟧")
# Two words or more one after another, and not what is typed by machines.
_WORDS = re.compile(r"[A-Za-z][A-Za-z’']+(?:[,;:–—-]* [A-Za-z’']+)+")
_ATTRIBUTES = re.compile(r"\b(?:alt|title|aria-label|placeholder)=(?:\"([^\"]*)\"|'([^']*)')")


@contextmanager
def spoken(folder: Path) -> Iterator[None]:
    """The shop speaks it by itself, and here."""
    (folder / f"{LANGUAGE}.po").write_bytes(_catalogue())
    catalogs.set_up(default=LANGUAGE, folder=folder)
    try:
        with sentences.spoken(LANGUAGE):
            yield
    finally:
        catalogs.set_up(default=catalogs.ENGLISH, folder=None)


def untranslated(text: str, own: Iterable[str] = ()) -> list[str]:
    """What is said in several words outside brackets, and is neither the seller's nor the buyer's `own`."""
    left = text
    for each in sorted({*own, *_sellers()}, key=len, reverse=True):
        left = left.replace(each, "·")
    while _BRACKETED.search(left):
        left = _BRACKETED.sub("·", left)
    return list(_WORDS.findall(left))


def seen(html: str) -> str:
    """What is to be seen or heard of a page: its text, and the words of its attributes."""
    page = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", html, flags=re.DOTALL)
    said = [" ".join(filter(None, found)) for found in _ATTRIBUTES.findall(page)]
    return unescape(re.sub(r"<[^>]*>", " · ", page)) + " · ".join(["", *map(unescape, said)])


@cache
def _catalogue() -> bytes:
    found = Catalog(locale=LANGUAGE, charset="utf-8", fuzzy=False)
    for message in extraction.template():
        if message.id:
            said = tuple(f"⟦{each}⟧" for each in catalogs.forms(message.id))
            found.add(message.id, said if len(said) > 1 else said[0])
    with BytesIO() as file:
        write_po(file, found)
        return file.getvalue()


@cache
def _sellers() -> frozenset[str]:
    """Whatever the tests' catalogue says, in one piece and in lines."""
    texts = set(_texts(tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))))
    return frozenset({*texts, *(line.strip(" -*#") for text in texts for line in text.splitlines())} - {""})


def _texts(found: Any) -> Iterator[str]:
    match found:
        case str():
            yield found
        case dict():
            for each in found.values():
                yield from _texts(each)
        case list():
            for each in found:
                yield from _texts(each)

"""Shelf pages: what a buyer looks for among the offers, and so many of them at once that a page stays light."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from core.kinds.offers import Offer

# From so many products on a shop can be searched, and a page shows no more of them.
MOST = 24
# Letters that no decomposition takes apart into one that is typed more often, and a mark.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})


@dataclass(frozen=True)
class ShelfPage:
    """The offers of one page, which of so many `pages` it is, counted from 1, and how many were `found` on all of them."""

    offers: tuple[Offer, ...]
    number: int
    pages: int
    found: int


def is_searchable(count: int) -> bool:
    """Whether there are so many products that nobody looks through all of them."""
    return count >= MOST


def searched(everything: Sequence[Offer], text: str) -> tuple[Offer, ...]:
    """Those that have every word of the text somewhere in what a tile says of them: those that have it in their names first.

    Upper and lower case, and accents, make no difference. An empty text finds all of them.
    """
    words = _folded(text).split()
    found = [offer for offer in everything if _has(f"{offer.name} {offer.summary} {offer.facts} {offer.shelf}", words)]
    return tuple(sorted(found, key=lambda offer: not _has(offer.name, words))) if words else tuple(found)


def matches(text: str, sought: str) -> bool:
    """Whether every word that is sought stands somewhere in the text, in whatever case and with whatever accents."""
    return _has(text, _folded(sought).split())


def page_of(found: Sequence[Offer], number: int) -> ShelfPage:
    """The page of this number, or the nearest that there is."""
    pages = max(1, -(-len(found) // MOST))
    number = min(max(number, 1), pages)
    return ShelfPage(tuple(found[(number - 1) * MOST : number * MOST]), number, pages, len(found))


def _has(text: str, words: Sequence[str]) -> bool:
    folded = _folded(text)
    return all(word in folded for word in words)


def _folded(text: str) -> str:
    """The text without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_LETTERS)

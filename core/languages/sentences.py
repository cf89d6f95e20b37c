"""Sentences in the language that is spoken now: every sentence that a buyer reads goes through `_`.

The English sentence is its own name in the catalogues. Whole sentences are named, never pieces of one, and what differs has a
name in braces: `_("Sent to {address}.").format(address=address)`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from core.languages import catalogs

_spoken: ContextVar[str] = ContextVar("spoken", default="")
# Asked where nobody has said which language it is, such as in a callback of a page.
_listener: Callable[[], str] = str


def _(sentence: str) -> str:
    """The sentence in the language that is spoken, or in English where that language has none for it."""
    return catalogs.of(language()).gettext(sentence)


def ngettext(one: str, many: str, number: int) -> str:
    """The sentence for this number of things. Languages have one, two or several forms of it.

    `ngettext("{number} seat", "{number} seats", seats).format(number=seats)`.
    """
    return catalogs.of(language()).ngettext(one, many, number)


def marked(sentence: str) -> str:
    """The sentence as it is, found by those who translate: for a table of sentences that `_` is asked for later."""
    return sentence


def language() -> str:
    """The language that is spoken now, such as `en` or `de`; the shop's own where nobody has said."""
    return _spoken.get() or _listener() or catalogs.default()


def tag() -> str:
    """The same as pages say it in `lang`: `de-CH`."""
    return language().replace("_", "-")


def speak(language: str) -> None:
    """Speak this language from here on, in this thread or task; the shop's own if it is empty or there is no such catalogue."""
    _spoken.set(catalogs.nearest(language) or catalogs.default())


@contextmanager
def spoken(language: str) -> Iterator[None]:
    """Speak this language within; the shop's own if it is empty or there is no such catalogue."""
    before = _spoken.set(catalogs.nearest(language) or catalogs.default())
    try:
        yield
    finally:
        _spoken.reset(before)


def listen(listener: Callable[[], str]) -> None:
    """Ask this one where nobody has said which language is spoken; it answers with an empty string if it cannot know."""
    global _listener
    _listener = listener

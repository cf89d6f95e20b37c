"""Words: text that people wrote, shown as it is, and how many there are of something."""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from itertools import chain
from itertools import count as count_from
from typing import Any, TypeVar

import streamlit as st

from core.catalog.products import Interval, Kind
from core.languages.sentences import _, marked, ngettext

Each = TypeVar("Each", bound=Hashable)

# How often a plan is billed.
EACH = {Interval.MONTH: marked("monthly"), Interval.YEAR: marked("yearly")}


def each(interval: Interval) -> str:
    """The same in the language of the page."""
    return _(EACH[interval])


# What Markdown makes something of, and a backslash before it keeps as it is: anywhere, and where a line begins.
_MARK = r"[\\`*_\[\]<>~$:|]|&(?=#?\w+;)"
_BEGINS = re.compile(r"(?m)^( {0,3})(\d{1,9}(?=[.)](?:\s|$))|(?=[-+=#]))")
_INDENTED = re.compile(r"(?m)^(?: {4}| {0,3}\t)[ \t]*")
# What is found in a text only once its backslashes are gone: addresses, Streamlit's icons, and what it makes dashes and arrows of.
_FOUND_LATER = r"@|(?i:(?<=http):(?=//)|(?<=https):(?=//)|(?<=www)\.)|:(?=material[/_]|streamlit:)|(?<=[-<>~])[-=>]"
_SPECIAL = re.compile(rf"(?P<later>{_FOUND_LATER})|{_MARK}")
# Letters that are written from right to left, and signs that turn what follows them.
_TURNED = re.compile(
    "[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_ISOLATES = dict.fromkeys(range(0x2066, 0x206A))


def plain(text: str) -> str:
    """Text as it is written: nothing in it is Markdown, no address becomes a link, and it turns nothing round but itself."""
    if _TURNED.search(text):
        text = f"\u2068{text.translate(_ISOLATES)}\u2069"
    escaped = _SPECIAL.sub(_as_it_is, _INDENTED.sub(" ", text))
    return _BEGINS.sub(r"\1\2\\", escaped)


def _as_it_is(found: re.Match[str]) -> str:
    # A directive without effect splits what is found later.
    return f":color[{found[0]}]{{}}" if found["later"] else f"\\{found[0]}"


def linked(text: str) -> str:
    """Text as it is written, in which web addresses are links."""
    parts = re.split(r"(https?://[^\s()<>\[\]\"]*[^\s()<>\[\]\".,;])", text)
    return "".join(f"[{plain(part)}]({part})" if place % 2 else plain(part) for place, part in enumerate(parts))


def told(text: str) -> str:
    """Text of core's own: as it is written, but for commands between backticks, which are shown as such."""
    parts = text.split("`")
    return "".join(f"`{part}`" if place % 2 else plain(part) for place, part in enumerate(parts))


def quiet(text: str, **options: Any) -> None:
    """Secondary text. st.caption would fade its links too far."""
    st.markdown(f":gray[:small[{text}]]", **options)


def count(number: int, one: str, many: str) -> str:
    """`1 seat`, `5 seats`."""
    return f"{number} {one if number == 1 else many}"


def apart(names: Mapping[Each, str], more: Callable[[Each], str]) -> dict[Each, str]:
    """The names of a field's options, no two of them alike: those that would be say `more`, and where that is alike too, a number.

    A field tells the server by its name what was chosen, and of several that are called alike Streamlit takes the last.
    """
    often = Counter(names.values())
    found: dict[Each, str] = {}
    for each, name in names.items():
        told = name if often[name] == 1 else ", ".join(filter(None, (name, more(each))))
        numbered = (f"{told} ({number})" for number in count_from(2))
        found[each] = next(way for way in chain([told], numbered) if way not in found.values())
    return found


def unit(kind: Kind) -> tuple[str, str]:
    """What one of it is called, and several of it."""
    match kind:
        case Kind.PLAN:
            return _("seat"), _("seats")
        case Kind.WORKSHOP:
            return _("place"), _("places")
        case Kind.LICENSE:
            return _("licence"), _("licences")
        case Kind.DOWNLOAD:
            return _("copy"), _("copies")


def amount_of(kind: Kind, quantity: int) -> str:
    """So many of it: `5 seats`."""
    match kind:
        case Kind.PLAN:
            said = ngettext("{number} seat", "{number} seats", quantity)
        case Kind.WORKSHOP:
            said = ngettext("{number} place", "{number} places", quantity)
        case Kind.LICENSE:
            said = ngettext("{number} licence", "{number} licences", quantity)
        case Kind.DOWNLOAD:
            said = ngettext("{number} copy", "{number} copies", quantity)
    return said.format(number=quantity)


def email_rule() -> tuple[str, str]:
    """What a field for an address takes, and what it says of anything else: Streamlit's own words are English."""
    return r"^[^@\s]+@[^@\s]+\.[^@\s]+$", _("Type your full email, such as name@company.com.")

"""Decimals as people write them: with a point or a comma, whatever the language of the page."""

import re
from decimal import Decimal

# Spelled out in ASCII: `\d` and Decimal() would take the digits of every script.
_WRITTEN = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,6}))?")


def parse(text: str) -> Decimal | None:
    """The number that this says, as `12`, `12.5` or `12,5`; None for whatever could mean something else, such as thousands that are
    set apart."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or (len(found[2] or "") == 3 and int(found[1])):
        return None
    return Decimal(f"{found[1]}.{found[2] or 0}")


def typed(number: float) -> str:
    """A number as it stands in a field, and `parse` reads it."""
    whole, _, part = f"{number:.6f}".partition(".")
    part = part.rstrip("0")
    # Of three decimals it is not clear that they are no thousands.
    return f"{whole}.{part.ljust(4, '0') if len(part) == 3 else part}".rstrip(".")

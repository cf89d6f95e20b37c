"""Email addresses: which ones letters could be sent to, as far as that can be seen from their form."""

from __future__ import annotations

import re

_ATOM = r"[^\s@.,:;<>()\[\]\"\\]+"
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}")


def is_address(text: str) -> bool:
    """Whether it may be one: `name@gmail` and `x@example..com` are none."""
    return ADDRESS.fullmatch(text) is not None

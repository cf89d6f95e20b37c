"""Form bodies and queries as Stripe reads them: `a[b][c]`, `a[0][b]`, `a[]` and repeated keys become nested values.

What is an array and what a hash is for the schema to say (metadata may well have the key "0"), so arrays stay
dictionaries here, keyed by their index; those written `a[]` are kept as a list under the key "".
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.ground.errors import invalid

KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
PART = re.compile(r"\[([^\[\]]*)\]")
# No parameter of Stripe's has this many levels.
DEEPEST = 16
SHOWN = 100
Form = dict[str, Any]
MOST = 5000
# Two digits must follow.
BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
NOT_UTF_8 = "Invalid request: invalid UTF-8 sequence."


def text(body: bytes) -> str:
    """A body as text. Raises StripeError when it is not UTF-8, whatever charset it is said to be in."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise invalid(NOT_UTF_8) from None


def decode(text: str) -> Form:
    """Nested dictionaries of strings. Raises StripeError for what cannot be read, and keys that contradict each other."""
    form: Form = {}
    if broken := BROKEN.search(text):
        raise invalid(f"Invalid %-encoding ({broken[0]})")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST, errors="strict")
    except UnicodeDecodeError:
        raise invalid(NOT_UTF_8) from None
    except ValueError:
        raise invalid(f"Invalid request: more than {MOST} parameters.") from None
    for name, value in pairs:
        read = KEY.match(name)
        parts = [read[1], *PART.findall(read[2])] if read else []
        if not 0 < len(parts) <= DEEPEST:
            raise invalid(f"Invalid parameter name: {name[:SHOWN]}", param=name[:SHOWN])
        try:
            _place(form, parts, value)
        except TypeError:
            raise invalid(f"Invalid request (check that your POST content is consistent): {name}", param=name) from None
    return form


def _place(node: Form, parts: list[str], value: str) -> None:
    head, rest = parts[0], parts[1:]
    if rest:
        child = node.setdefault(head, {})
        if not isinstance(child, dict):
            raise TypeError
        if rest == [""]:
            child.setdefault("", []).append(value)
        elif rest[0] == "":
            _place_in_list(child.setdefault("", []), rest[1:], value)
        else:
            _place(child, rest, value)
    elif head not in node:
        node[head] = value
    else:
        _repeat(node, head, value)


def _repeat(node: Form, head: str, value: str) -> None:
    before = node[head]
    if isinstance(before, dict):
        raise TypeError
    node[head] = [*(before if isinstance(before, list) else [before]), value]


def _place_in_list(items: list[Any], parts: list[str], value: str) -> None:
    # `a[][x]=1&a[][y]=2&a[][x]=3` is two items: a key that is already there begins the next one.
    if not items or parts[0] in items[-1]:
        items.append({})
    if not isinstance(items[-1], dict):
        raise TypeError
    _place(items[-1], parts, value)

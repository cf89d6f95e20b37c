"""Metadata: up to 50 keys of up to 40 characters, with values of up to 500."""

from __future__ import annotations

from typing import Any

from sandbox.ground.errors import invalid

KEYS, KEY_LENGTH, VALUE_LENGTH = 50, 40, 500


def merge(current: dict[str, str], given: Any) -> dict[str, str]:
    """The metadata after an update: an empty value deletes its key, an empty string for the whole hash all keys."""
    if given is None:
        return current
    if given == "":
        return {}
    merged = {**current, **given}
    _check(given)
    kept = {key: value for key, value in merged.items() if value != ""}
    if len(kept) > KEYS:
        raise invalid(f"Metadata can have up to {KEYS} keys, but you've set {len(kept)}.", param="metadata")
    return kept


def fresh(given: Any) -> dict[str, str]:
    """The metadata of a new object."""
    return merge({}, given)


def _check(given: dict[str, str]) -> None:
    for key, value in given.items():
        if len(key) > KEY_LENGTH:
            text = f"Metadata keys can have up to {KEY_LENGTH} characters, but you passed in a key that is {len(key)}"
            raise invalid(f"{text} characters. Invalid key: {key}", param="metadata")
        if len(value) > VALUE_LENGTH:
            text = f"Metadata values can have up to {VALUE_LENGTH} characters, but you passed in a value that is"
            raise invalid(f"{text} {len(value)} characters. Invalid value: {value}", param=f"metadata[{key}]")

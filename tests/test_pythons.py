"""What Pythons differ in from 3.11.0 on, where the oldest would do something else without a word."""

import ast
import re

import pytest

from tests.test_architecture import every_source, name_of

# `(…)++` and its like: https://github.com/python/cpython/issues/106052, mended in Python 3.11.5. Debian 12 has 3.11.2.
POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[+*?]|\{\d*,?\d*\})\+")


def texts(source: str) -> list[str]:
    """All texts in a module, with those parts of f-strings that are written there."""
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.mark.parametrize("pattern", ["(?:ab)++", "(a|b)*+c", "(?:a){2,}+", "f(?:a)?+"])
def test_a_group_that_is_repeated_possessively_is_seen(pattern: str) -> None:
    assert any(
        map(POSSESSIVE_GROUP.search, texts(f"import re\nre.compile({pattern!r})\nre.compile(rf'{{x}}{pattern}')"))
    )


def test_no_pattern_repeats_a_group_possessively() -> None:
    found = {name_of(path) for path in every_source() if any(map(POSSESSIVE_GROUP.search, texts(path.read_text())))}
    assert found == set()

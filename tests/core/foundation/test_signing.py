"""Tokens: whatever they carry, they may stand as a part of a path, and those of before are still read."""

import re

import pytest
from itsdangerous import URLSafeTimedSerializer

from core.foundation import signing

KEY = "a secret of sixteen letters"
CARRIED = ["ord_1/cus_2", "a" * 400, ["dl_1", "f" * 64, "dl_1", "f" * 64], {"a": "b" * 300}, "ü-…" * 60, 7]


@pytest.mark.parametrize("value", CARRIED, ids=range(len(CARRIED)))
def test_a_token_begins_with_a_letter_or_digit_and_is_read_again(value: object) -> None:
    token = signing.sign(KEY, signing.DOWNLOAD, value)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*\.[\w-]+\.[\w-]+", token, re.ASCII)
    assert signing.read(KEY, signing.DOWNLOAD, token) == value


def test_a_token_that_was_compressed_before_is_still_read() -> None:
    token = URLSafeTimedSerializer(KEY, salt=f"pushcart.{signing.DOWNLOAD}").dumps("a" * 400)
    assert token.startswith(".")
    assert signing.read(KEY, signing.DOWNLOAD, token) == "a" * 400

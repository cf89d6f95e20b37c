"""The text of licence keys: of the promised form, known again however they are typed, and with a check that shows slips."""

import random
import string

import pytest

from core.kinds import license_keys
from core.kinds.license_keys import ALPHABET


@pytest.mark.parametrize("prefix", ["", "TALLY"])
def test_a_key_is_a_prefix_25_characters_and_a_check(prefix: str) -> None:
    key = license_keys.make(prefix)
    groups = key.split("-")
    assert groups[:-6] == [prefix] * bool(prefix)
    assert [len(group) for group in groups[-6:]] == [5] * 5 + [1]
    assert set("".join(groups[-6:])) <= set(ALPHABET)
    assert license_keys.is_well_formed(key)
    assert license_keys.hint(key) == "".join(groups)[-6:]


def test_keys_are_never_the_same() -> None:
    assert len({license_keys.make() for _ in range(2000)}) == 2000


def test_the_check_is_crockfords() -> None:
    """His own example says that the number 1234 (16J in base32) has the check D."""
    assert ALPHABET[license_keys._check("16J")] == "D"


def test_one_wrong_character_or_two_that_changed_places_are_noticed() -> None:
    for _ in range(50):
        key = license_keys.canonical(license_keys.make())
        place = random.randrange(26)
        for other in ALPHABET:
            wrong = key[:place] + other + key[place + 1 :]
            assert license_keys.is_well_formed(wrong) is (wrong == key)
        swapped = key[:9] + key[10] + key[9] + key[11:]
        assert license_keys.is_well_formed(swapped) is (swapped == key)


@pytest.mark.parametrize("text", ["", "A", "ABCDE-FGHJK-MNPQR-STVWX", "ÄÖÜ" * 10, "\ud800" * 26, "0" * 26 + "!"])
def test_what_is_no_key_is_not_taken_for_one(text: str) -> None:
    assert not license_keys.is_well_formed(text)
    assert len(license_keys.fingerprint(text)) == 64


def test_a_key_is_known_however_it_is_typed() -> None:
    key = "TALLY-0123A-1BCDE-FGHJK-MNPQR-STVWX-Y"
    for typed in (key.lower(), key.replace("-", " "), key.replace("-", ""), f"  {key}\n", key.replace("0", "O"),
                  key.replace("1", "l"), key.replace("1", "i"), key.replace("-", "–")):  # fmt: skip
        assert license_keys.fingerprint(typed) == license_keys.fingerprint(key), typed
    # As word processors and mail programs write it, and as it is copied from them.
    for hyphen in "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d":
        assert license_keys.fingerprint(key.replace("-", hyphen)) == license_keys.fingerprint(key), ascii(hyphen)
    for unseen in "\u00ad\u200b\u200c\u200d\u200e\u2060\ufeff\u00a0\u202f":
        assert license_keys.fingerprint(unseen + key.replace("-", f"-{unseen}")) == license_keys.fingerprint(key), (
            ascii(unseen)
        )
    others = {key[:-1] + letter for letter in string.ascii_uppercase if letter not in "YLIO"}
    assert len({license_keys.fingerprint(other) for other in others}) == len(others)

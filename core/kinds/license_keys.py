"""The text of a licence key: how one is made, known again however it is typed, and kept so that no table holds it readable."""

import secrets
from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from unicodedata import category

from core.foundation import signing

# Crockford's base32: without I, L, O and U, which people mistake for other characters or read too much into.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH, _GROUP = 25, 5
# Crockford's check is the number modulo 37; the five values that have no character of the alphabet are not used.
_CHECK_MODULUS = 37
_MISREAD = str.maketrans("OIL", "011")
_MINUS, _HYPHENS_AND_UNSEEN = "\N{MINUS SIGN}", ("Pd", "Cf")
# Of a key that is shown to whom it does not belong to.
HINT = 6


def make(prefix: str = "") -> str:
    """A new key: the prefix, 25 random characters (125 bits) and one that shows most slips in typing them."""
    return _written(prefix, (secrets.token_bytes(_LENGTH) for _ in count()))


def of_line(order_id: str, line: int, position: int, *, key: str, prefix: str = "") -> str:
    """The key at this position of this line of an order, as random to whoever has not the shop's `key`. An order that is lost
    with its database, and written again, has the very same."""
    subjects = (f"{order_id}:{line}:{position}:{turn}" for turn in count())
    return _written(prefix, (signing.derived(key, signing.LICENSE_KEY, subject) for subject in subjects))


def _written(prefix: str, draws: Iterator[bytes]) -> str:
    """The first of these draws that has a check of the alphabet, as a key."""
    for drawn in draws:
        body = "".join(ALPHABET[byte % len(ALPHABET)] for byte in drawn[:_LENGTH])
        check = _check(body)
        if check < len(ALPHABET):
            groups = [body[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP)]
            return "-".join([prefix] * bool(prefix) + [*groups, ALPHABET[check]])
    raise AssertionError("there is always another draw")


def is_well_formed(text: str) -> bool:
    """Whether the text may be a key of the shop's own making: its last 26 characters are of the alphabet and check out."""
    body = canonical(text)[-_LENGTH - 1 :]
    if len(body) <= _LENGTH or not set(body) <= set(ALPHABET):
        return False
    return _check(body[:-1]) == ALPHABET.index(body[-1])


def canonical(text: str) -> str:
    """The form in which keys are compared: capitals without spaces, hyphens and what nobody sees, and without what is easily
    misread."""
    kept = "".join(character for character in text.upper() if not _is_between(character))
    return kept.translate(_MISREAD)


def _is_between(character: str) -> bool:
    """Whether it only parts the groups of a key, in whichever way somebody's word processor or mail program writes that."""
    return character.isspace() or character == _MINUS or category(character) in _HYPHENS_AND_UNSEEN


def fingerprint(text: str) -> str:
    """What a key is found by. A key has 125 random bits: no salt makes it harder to guess."""
    return sha256(canonical(text).encode("utf-8", "surrogatepass")).hexdigest()


def hint(text: str) -> str:
    """The last six characters, by which people tell keys from each other."""
    return canonical(text)[-HINT:]


def _check(body: str) -> int:
    number = 0
    for character in body:
        number = (number * len(ALPHABET) + ALPHABET.index(character)) % _CHECK_MODULUS
    return number

"""Mail addresses: what is taken for one, and when two of them are the same.

An address is kept and written to as it was given. Only for comparing is it folded, and no further than is safe: domains by
IDNA, which is how mail finds them, and the letters A to Z before the @, where what is composed otherwise and looks the same
(NFC) is the same. What another alphabet would fold (`straße` and `strasse`, the dotless `ı`) may be two people's mailboxes.
"""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from email.utils import unquote
from functools import lru_cache
from hashlib import sha256

import idna
from email_validator import EmailNotValidError, validate_email

from core.foundation.errors import AddressUnfit, Unfit

# RFC 2606 and 6761: no mail reaches these, so that a demo and tests may use them.
RESERVED = ("example", "example.com", "example.net", "example.org", "invalid", "test", "localhost")
_LONGEST = 254
# The Greek question mark and grave accent, and the sign of Kelvin.
_LIKE_ASCII = re.compile("([\u037e\u1fef\u212a])")
_ASCII = str.maketrans({chr(code): chr(code).lower() for code in range(ord("A"), ord("Z") + 1)})


def checked(text: str, *, reachable: bool) -> str:
    """The address in this text, to be kept. Raises AddressUnfit. No mail server is asked.

    `reachable` refuses domains that are reserved for examples: a shop that takes real money has no use for them.
    """
    address = text.strip()
    if len(address) > _LONGEST:
        raise AddressUnfit(Unfit.TOO_LONG)
    try:
        found = validate_email(address, check_deliverability=False, test_environment=not reachable)
    except EmailNotValidError:
        raise AddressUnfit(_why(address)) from None
    domain = found.ascii_domain
    if "." not in domain or (reachable and is_reserved(domain)):
        raise AddressUnfit(Unfit.RESERVED if is_reserved(domain) else Unfit.NO_ENDING)
    return found.normalized


@dataclass(frozen=True)
class Mailbox:
    """Somebody who writes: a name, which may be empty and may hold anything, and an address."""

    name: str
    address: str


def mailbox(text: str) -> Mailbox:
    """What stands in `Smith, Jones & Co. <shop@berg.com>`, or in an address alone. Raises AddressUnfit for several.

    Not what a mail program would read: to one, a comma ends an address, and the shop would write as `Smith`.
    """
    if not text.isprintable():
        raise AddressUnfit(Unfit.CHARACTERS)
    name, bracket, rest = text.strip().rpartition("<")
    if not bracket:
        return Mailbox("", text.strip())
    if not rest.endswith(">") or "<" in name or ">" in name:
        raise AddressUnfit(Unfit.SEVERAL)
    return Mailbox(unquote(name.strip()), rest.removesuffix(">").strip())


def checked_sender(text: str, *, reachable: bool) -> str:
    """A From header, `Shop <shop@berg.com>` or the address alone, whose address is fit. Raises AddressUnfit."""
    address = checked(mailbox(text).address, reachable=reachable)
    if not address.rpartition("@")[0].isascii():  # many mail servers take none such from anybody
        raise AddressUnfit(Unfit.CHARACTERS)
    return text


def in_ascii(address: str) -> str:
    """The address as mail servers know it, its domain by IDNA. What stands before the @ may still be of any alphabet."""
    local, at, domain = address.rpartition("@")
    return local + at + (domain if domain.isascii() else _folded_domain(domain))


def fold(address: str) -> str:
    """The form in which addresses are compared, also one that Stripe took and we would not. Never to be written to."""
    local, at, domain = address.strip().rpartition("@")
    # Composed once more: some letters of A to Z are composed with what follows them only when they are small.
    small = local.translate(_ASCII) if local.isascii() else _composed(_composed(local).translate(_ASCII))
    return small + at + _folded_domain(domain)


def spellings(address: str) -> set[str]:
    """How an address that is the same may stand where it was kept as it was typed, in small letters: with its domain by IDNA and as
    people write it."""
    folded = fold(address)
    local, at, domain = folded.rpartition("@")
    found = {folded}
    with suppress(UnicodeError):
        found.add(local + at + idna.decode(domain))
    # Databases lower letters of other alphabets, too, or do not.
    return found | {each.lower() for each in found}


def veiled(address: str) -> str:
    """An address that only its owner knows again: `n…@lindqvist.example`."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…{at}{domain}" if at else ""


def mark(address: str) -> str:
    """Stands for an address where it must not be read, such as in a link."""
    return "cus_" + sha256(fold(address).encode()).hexdigest()[:24]


def is_reserved(domain: str) -> bool:
    """Whether the domain is one that is reserved for examples and tests, or below one."""
    name = domain.translate(_ASCII).rstrip(".")
    return any(name == reserved or name.endswith(f".{reserved}") for reserved in RESERVED)


def _composed(text: str) -> str:
    """The text by NFC, but for signs of which that would make another letter of ASCII."""
    return "".join(
        part if _LIKE_ASCII.fullmatch(part) else unicodedata.normalize("NFC", part) for part in _LIKE_ASCII.split(text)
    )


@lru_cache(maxsize=10_000)  # most people's addresses are of a few providers
def _folded_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:  # no name that IDNA knows: IDNAError is one of these
        return domain.translate(_ASCII)


def _why(address: str) -> Unfit:
    """What the person who typed it should look at."""
    _, at, domain = address.rpartition("@")
    if not address:
        return Unfit.EMPTY
    if not at:
        return Unfit.NO_AT
    if address.count("@") > 1 or any(mark in address for mark in ",; "):
        return Unfit.SEVERAL
    if ".." in address or domain.startswith(".") or address.startswith(".") or ".@" in address:
        return Unfit.DOTS
    if is_reserved(domain):
        return Unfit.RESERVED
    return Unfit.CHARACTERS if "." in domain.rstrip(".") else Unfit.NO_ENDING

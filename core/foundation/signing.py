"""Signing and sealing: tokens, cookies and mail links that nobody can change, and secrets that are kept unreadable.

Each purpose has a key of its own, derived from SECRET_KEY, so that nothing made for one passes for another.
"""

import hmac
from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from itsdangerous import BadSignature, SignatureExpired, Signer, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode
from itsdangerous.url_safe import URLSafeSerializerMixin

from core.foundation.errors import AccessDenied, LinkExpired, LinkInvalid, SealBroken

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

DOWNLOAD = "download"
BROWSER = "browser"
LETTER = "letter"
TICKET = "ticket"
# A ticket on its way through an address, for one browser alone.
ENTRANCE = "entrance"
SIGN_IN = "sign-in"
UPLOAD = "upload"
# Which orders a browser has open by the links in letters.
OPENED = "opened"
# What opens a place in a workshop, and an entry of a waiting list, for as long as there is one.
PLACE = "place"
WAITING = "waiting"
# Which of their orders somebody means who withdrew from one.
WHICH = "which-order"
# What ends the letters that somebody need not have.
UNSUBSCRIBE = "unsubscribe"

# The copy of an order that its Checkout Session carries.
ORDER = "order"

# What is sealed: the keys of licences, and those that licences' answers are signed with.
LICENSE_KEY = "license-key"
LICENSE_SIGNING = "license-signing"
# The secrets of second factors.
DEVICE = "device"
# Where a payment page is, until somebody has shown to be a person.
PAYMENT_PAGE = "payment-page"
# The secrets that outgoing webhooks are signed with.
WEBHOOK = "webhook"

_MINUTE = 60
MAX_AGE = {
    DOWNLOAD: 15 * _MINUTE,
    BROWSER: 400 * 24 * 60 * _MINUTE,
    LETTER: 366 * 24 * 60 * _MINUTE,
    OPENED: 366 * 24 * 60 * _MINUTE,
    TICKET: 2 * _MINUTE,
    ENTRANCE: 2 * _MINUTE,
    SIGN_IN: 90 * 24 * 60 * _MINUTE,
    UPLOAD: 60 * _MINUTE,
    # By then it has to be decided.
    WHICH: 14 * 24 * 60 * _MINUTE,
}


class _InPaths(URLSafeTimedSerializer):
    """Tokens that begin with a letter. The library marks a payload that it has compressed by a dot in front, and a part of a
    path that begins with one is refused by Streamlit and by many a proxy."""

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(super(URLSafeSerializerMixin, self).dump_payload(obj))


def sign(key: str, purpose: str, value: Any) -> str:
    """A URL-safe text that carries `value` openly and cannot be changed."""
    return _InPaths(key, salt=f"pushcart.{purpose}").dumps(value)


def read(key: str, purpose: str, token: str) -> Any:
    """The value of a token made for the same purpose. Raises LinkExpired past MAX_AGE seconds, LinkInvalid when forged."""
    signer = URLSafeTimedSerializer(key, salt=f"pushcart.{purpose}")
    try:
        return signer.loads(token, max_age=MAX_AGE[purpose])
    except SignatureExpired as late:
        # Signed by us all the same, so what it says may still be used to help its owner along.
        subject = signer.load_payload(late.payload) if late.payload else None
        raise LinkExpired(subject=subject if isinstance(subject, str) else "") from None
    except BadSignature:
        raise LinkInvalid() from None


def sign_for_good(key: str, purpose: str, value: str) -> str:
    """The value with a signature: the same one each time, which does not age. `value` is of letters, digits, `_`, `-` and `.`."""
    return Signer(key, salt=f"pushcart.{purpose}").sign(value).decode()


def read_for_good(key: str, purpose: str, token: str) -> str:
    """The value that was signed for this purpose. Raises LinkInvalid when forged."""
    try:
        return Signer(key, salt=f"pushcart.{purpose}").unsign(token).decode()
    except (BadSignature, UnicodeError):
        raise LinkInvalid() from None


def signature(key: str, purpose: str, text: str) -> str:
    """The signature of any text, to be kept beside it."""
    return Signer(key, salt=f"pushcart.{purpose}").get_signature(text).decode()


def is_signed(key: str, purpose: str, text: str, by: str) -> bool:
    """Whether a text was signed so for this purpose."""
    return Signer(key, salt=f"pushcart.{purpose}").verify_signature(text, by)


def derived(key: str, purpose: str, subject: str) -> bytes:
    """64 bytes that follow from `key` for this subject of this purpose, and that nobody foresees who does not have it."""
    return hmac.digest(key.encode(), f"pushcart.{purpose}\n{subject}".encode(), "sha512")


def seal(key: str, purpose: str, secret: str) -> str:
    """The secret, unreadable without `key`: what the database keeps of it."""
    return _box(key, purpose).encrypt(secret.encode()).decode()


def unseal(key: str, purpose: str, sealed: str) -> str:
    """The secret again. Raises SealBroken if it was sealed with another key or for another purpose."""
    from cryptography.fernet import InvalidToken

    try:
        return _box(key, purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken() from None


@lru_cache(maxsize=16)
def _box(key: str, purpose: str) -> "Fernet":
    # Here, since it takes a while to import and most processes never need it.
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), length=32, salt=None, info=f"pushcart.{purpose}".encode()).derive(key.encode())
    return Fernet(urlsafe_b64encode(derived))


# The cookies: which browser this is (it may open what it bought), who is signed in on it, and which orders are open on it.
BROWSER_COOKIE = "pushcart_browser"
SIGN_IN_COOKIE = "pushcart_sign_in"
ORDERS_COOKIE = "pushcart_orders"


def in_cookie(key: str, purpose: str, cookie: str | None) -> str:
    """What a cookie of ours says, or an empty string when it is missing, forged or too old: then it is nobody's."""
    try:
        value = read(key, purpose, cookie or "")
    except AccessDenied:
        return ""
    return value if isinstance(value, str) else ""


def listed_in_cookie(key: str, purpose: str, cookie: str | None) -> list[str]:
    """The same of a cookie that says several things: each of them, or nothing."""
    try:
        values = read(key, purpose, cookie or "")
    except AccessDenied:
        return []
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []

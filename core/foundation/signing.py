"""Signing: download tokens, cookies and mail links, each with a salt of its own so that none passes for another."""

from base64 import urlsafe_b64encode
from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from core.foundation.errors import AccessDenied, LinkExpired, LinkInvalid

DOWNLOAD = "download"
BROWSER = "browser"
LETTER = "letter"
TICKET = "ticket"
SIGN_IN = "sign-in"
# What is sealed rather than signed.
DEVICE = "device"

_MINUTE = 60
MAX_AGE = {
    DOWNLOAD: 15 * _MINUTE,
    BROWSER: 400 * 24 * 60 * _MINUTE,
    LETTER: 7 * 24 * 60 * _MINUTE,
    TICKET: 2 * _MINUTE,
    SIGN_IN: 90 * 24 * 60 * _MINUTE,
}


def sign(key: str, purpose: str, value: Any) -> str:
    """A URL-safe text that carries `value` openly and cannot be changed."""
    return URLSafeTimedSerializer(key, salt=f"pushcart.{purpose}").dumps(value)


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


def seal(key: str, purpose: str, value: str) -> str:
    """A text that only `unseal` reads, with the same key and for the same purpose."""
    return str(_fernet(key, purpose).encrypt(value.encode()), "ascii")


def unseal(key: str, purpose: str, sealed: str) -> str:
    """What was sealed, or an empty string if it was under another key."""
    from cryptography.fernet import InvalidToken

    try:
        return str(_fernet(key, purpose).decrypt(sealed.encode()), "utf-8")
    except InvalidToken:
        return ""


def _fernet(key: str, purpose: str) -> Any:
    from cryptography.fernet import Fernet  # here, since hardly any process needs it
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), length=32, salt=None, info=f"pushcart.{purpose}".encode()).derive(key.encode())
    return Fernet(urlsafe_b64encode(derived))


# The two cookies: which browser this is (it may open what it bought), and who is signed in on it.
BROWSER_COOKIE = "pushcart_browser"
SIGN_IN_COOKIE = "pushcart_sign_in"


def in_cookie(key: str, purpose: str, cookie: str | None) -> str:
    """What a cookie of ours says, or an empty string when it is missing, forged or too old: then it is nobody's."""
    try:
        value = read(key, purpose, cookie or "")
    except AccessDenied:
        return ""
    return value if isinstance(value, str) else ""

"""Signing: download tokens, cookies and mail links, each with a salt of its own so that none passes for another."""

from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from core.foundation.errors import AccessDenied, LinkExpired, LinkInvalid

DOWNLOAD = "download"
BROWSER = "browser"
LETTER = "letter"
TICKET = "ticket"
SIGN_IN = "sign-in"
UPLOAD = "upload"

_MINUTE = 60
MAX_AGE = {
    DOWNLOAD: 15 * _MINUTE,
    BROWSER: 400 * 24 * 60 * _MINUTE,
    LETTER: 7 * 24 * 60 * _MINUTE,
    TICKET: 2 * _MINUTE,
    SIGN_IN: 90 * 24 * 60 * _MINUTE,
    UPLOAD: 60 * _MINUTE,
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

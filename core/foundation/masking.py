"""Masking: what no log line and no stored error may tell: secrets, tokens, licence keys, and people's addresses.

Two kinds are found: the secrets that this process has read, in every way of writing them, and what has the shape of one.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import BaseModel, SecretStr

_MOST = 4000
# Shorter ones would blot out ordinary words, and protect nothing.
_LEAST = 4
# Up to here a secret may well be part of a word: it is masked where it stands alone.
_WORD = 8

_Replace = str | Callable[[re.Match[str]], str]

# What an address is made of. Backslashes, since letters beyond ASCII often arrive as \u00fc or \xc3\xbc.
_LOCAL = r'[^\s\x00-\x1f@＠﹫<>()\[\]:;,"]'
_DOMAIN = r"(?:\[[^\]\s]{1,64}\]|(?:[^\s\x00-),+/:;<=>?@\[\]^`{|}~]|%[0-9A-Fa-f]{2})+)"
# `@` as URLs, HTML, JSON and Python write it.
_WRITTEN_AT = r"(?:%(?:25)*40|&#(?:64|x40);|\\u0040|\\x40)"
# What stands before an address without being part of it: `email='`.
_BEFORE = re.compile(r"(?:[A-Za-z_]+=)?['`{|/?&=*]*")


def _address(found: re.Match[str]) -> str:
    before = _BEFORE.match(found[0])
    kept = before[0] if before and before.end() < found.end() else ""
    # A sentence or a value that is quoted ends behind it.
    return f"{kept}[address]{found[0][len(found[0].rstrip('.')) :]}"


def _code(found: re.Match[str]) -> str:
    return re.sub(r"(?<![\w.])\d{3}[ -]?\d{3}(?![\w-]|\.\d)", "[code]", found[0])


def _shape(pattern: str, replace: _Replace, *hints: str) -> tuple[tuple[str, ...], re.Pattern[str], _Replace]:
    return hints, re.compile(pattern), replace


# A shape is only looked for in a text that has one of its hints, since looking for all of them costs ten times as much.
_SHAPES = (
    # Credentials in the address of a server.
    _shape(r"(?<=://)[^\s/\"'<>]*@", "[secret]@", "://"),
    # Keys, at Stripe and of our own, and the secrets of endpoints, sessions and payments.
    _shape(r"(?<![A-Za-z0-9])(?:sk|rk|ek)_(?:test|live|org)_[\w*]+", "[key]", "_test_", "_live_", "_org_"),
    _shape(r"(?<![A-Za-z0-9])pk_(?!test_|live_)(?=[a-z]*\d)[a-z0-9]{16,}", "[key]", "pk_"),
    _shape(r"whsec_[\w+/=*-]+", "[secret]", "whsec_"),
    _shape(r"(?<=_secret_)[A-Za-z0-9*]{6,}", "***", "_secret_"),
    # Signatures: Stripe's, and those of the messages that we send.
    _shape(r"\b(v[01]=)[0-9a-fA-F*]{16,}", r"\1***", "v1=", "v0="),
    _shape(r"\bv1,[A-Za-z0-9+/]{20,}=*", "v1,***", "v1,"),
    # Credentials in headers, connection strings and settings.
    _shape(r"(?i)\b(bearer|basic)([ +]|%20)(?=\S*(?-i:[A-Z\d=_]))[\w.~+/*=%-]{8,}", r"\1\2***", "earer", "asic", "EARER", "ASIC"),
    _shape(
        r"(?i)((?:password|passwd|pwd)[\"']?\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s&,;)]+)", r"\1***",
        "assw", "pwd", "ASSW", "PWD",
    ),
    # What opens something for whoever has it: in our own paths and queries, in signed addresses, in Stripe's links.
    _shape(
        r"(/(?:downloads|sign-in|join|ticket|waiting|unsubscribe)/)[^\s/?#\"'<>]+", r"\1[token]",
        "/downloads/", "/sign-in/", "/join/", "/ticket/", "/waiting/", "/unsubscribe/",
    ),
    _shape(
        r"(?i)([?&](?:letter|ticket|token|code|key|sig|signature|x-amz-[\w-]+)=)[^\s&#\"'<>]+", r"\1[token]", "?", "&",
    ),
    _shape(r"https://(?:billing|invoice|pay)\.stripe\.com/[^\s\"'<>]+", "[link]", ".stripe.com/"),
    _shape(r"(/p/session/)[\w-]+", r"\1[token]", "/p/session/"),
    _shape(r"(?<![\w-])\.?[\w*-]{2,}+\.[\w-]{6}\.(?:[\w-]{27}|[\w-]{43}|[\w-]{86})(?![\w-])", "[token]", "."),
    _shape(r"(?i)(?<![A-Z0-9])[A-Z0-9]{5}(?:-[A-Z0-9]{5}){3,}(?:-[A-Z0-9])?(?![A-Z0-9])", "[licence key]", "-"),
    # People. A run of letters is looked at from its beginning only, and never twice. Groups are not repeated possessively (`)++`):
    # Python before 3.11.5, which Debian 12 has, then finds nothing.
    _shape(
        rf"(?<!{_LOCAL})(?:(?!{_WRITTEN_AT}){_LOCAL})+{_WRITTEN_AT}{_DOMAIN}", _address,
        "40", "&#64;", r"\u0040", r"\x40",
    ),
    _shape(rf"(?<!{_LOCAL}){_LOCAL}++[@＠﹫]{_DOMAIN}", _address, "@", "＠", "﹫"),
    # Six digits are a sign-in code where the line speaks of codes.
    _shape(r"(?im)^.*(?:code|sign.?in).*$", _code, "ode", "ign", "ODE", "IGN"),
)  # fmt: skip

_SECRET_NAME = re.compile(r"(?i)(?:password|passwd|secret|token|authorization|cookie|signature|api[-_]?key|digits)$")
_CODE_NAME = re.compile(r"(?i)code$")

# What is no longer than this is remembered for the next time.
_SHORT = 40
_known: set[str] = set()
_forms: tuple[str, ...] = ()
_words: re.Pattern[str] | None = None


def know(*secrets: str) -> None:
    """From now on mask these values in this process, however they are written. Very short ones are no secrets."""
    global _forms, _words
    new = {secret for secret in secrets if len(secret) >= _LEAST} - _known
    if not new:
        return
    _known.update(new)
    masked_name.cache_clear()
    _masked_word.cache_clear()
    # The longest first: a short one may be part of a long one.
    forms = sorted({form for secret in _known for form in _written(secret)}, key=len, reverse=True)
    _forms = tuple(form for form in forms if len(form) >= _WORD)
    short = [re.escape(form) for form in forms if len(form) < _WORD]
    _words = re.compile(rf"(?<!\w)(?:{'|'.join(short)})(?!\w)") if short else None


def know_settings(settings: BaseModel) -> None:
    """Mask every SecretStr of these settings, and the passwords in their addresses."""
    for value in dict(settings).values():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, SecretStr):
                know(each.get_secret_value())
            know(*_passwords_in(each.get_secret_value() if isinstance(each, SecretStr) else each))


def masked(text: str, *, most: int = _MOST) -> str:
    """The text without secrets and addresses, and without its middle if it has more than some `most` characters."""
    return _masked_word(text) if len(text) <= _SHORT <= most else _masked(text, most)


@lru_cache(1024)
def _masked_word(text: str) -> str:
    # Types of events, names of states: what is logged again and again.
    return _masked(text, _SHORT)


def _masked(text: str, most: int) -> str:
    for form in _forms:
        text = text.replace(form, "***")
    if _words:
        text = _words.sub("***", text)
    text = _shortened(text, most)
    for hints, pattern, replace in _SHAPES:
        for hint in hints:
            if hint in text:
                text = pattern.sub(replace, text)
                break
    return text


@lru_cache(512)
def masked_name(name: str, *, most: int = _MOST) -> str:
    """The same of what a value is called by, which is one of few."""
    return masked(name, most=most)


@lru_cache(512)
def _may_be_secret(name: str) -> tuple[bool, bool]:
    return bool(_SECRET_NAME.search(name)), bool(_CODE_NAME.search(name))


def is_secret(name: str, value: Any) -> bool:
    """Whether a value of this name is a secret or a sign-in code, whatever it looks like."""
    secret, code = _may_be_secret(name)
    return secret or bool(code and re.fullmatch(r"\d{6}", str(value)))


def described(error: BaseException, *, most: int = 1000) -> str:
    """What an error says, to be stored or logged: its class and its masked words."""
    try:
        words = str(error)
    except Exception:  # somebody else's class: what it cannot say is not said
        words = ""
    name = type(error).__name__
    # Errors of our own family name their class themselves.
    return masked(words if words.startswith(f"{name}(") else f"{name}: {words}", most=most)


def _written(secret: str) -> set[str]:
    """The secret as itself, in URLs, in JSON and as Python shows it."""
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in quoted}
    shown = {json.dumps(secret)[1:-1], repr(secret)[1:-1], ascii(secret)[1:-1], repr(secret.encode())[2:-1]}
    return {secret, *quoted, *lower, *shown}


def _passwords_in(address: Any) -> tuple[str, ...]:
    if isinstance(address, str) and "://" in address:
        with suppress(ValueError):
            password = urlsplit(address).password or ""
            return password, unquote(password)
    return ()


def _shortened(text: str, most: int) -> str:
    """Beginning and end, cut between words: half a token or address would have no shape to be known by."""
    if len(text) <= most:
        return text
    head, tail = text[: most // 4], text[-(most - most // 4) :]
    head = head[: max(head.rfind(" "), head.rfind("\n")) + 1]
    starts = [at for at in (tail.find(" "), tail.find("\n")) if at >= 0]
    tail = tail[min(starts) :] if starts else ""
    return f"{head}[… {len(text) - len(head) - len(tail)} characters …]{tail}"

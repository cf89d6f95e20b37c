"""Codes: six digits that are mailed to an address, and prove that mail to it reaches whoever types them.

Several may be good at once, each with tries of its own: who asks twice may type either. With the first that is used all end.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, update
from sqlmodel import Field, Session, col, select

from core.foundation.addresses import fold
from core.foundation.errors import LinkExpired, LinkInvalid
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record, new_id
from core.languages import sentences
from core.people import customers
from core.shop import Shop
from core.traffic import counting
from core.traffic.counting import Count, Sender
from core.traffic.rate_limits import Limit

CODE_MINUTES = 10
# So many letters a field for a code takes: whoever copies one from a letter often takes its whole line along. Of more than a field
# takes nothing would be taken, and nothing said.
MOST_TYPED = 200
_LENGTH = 6
# What a code is about with which somebody has all about them erased.
ERASURE = "erasure"
_TRIES_PER_CODE = 5

# Of one address and by one sender three codes in ten minutes, so that a stranger who asks for them leaves some to its owner.
_ASKING = Limit("codes for an address by a sender", 3, 600)
_ASKING_FOR = Limit("codes for an address", 9, 600)
_ASKING_BY = Limit("codes by an address", 20, 3600)
_ASKING_BY_BROWSER = Limit("codes by a browser", 12, 3600)
_ASKING_IN_ALL = Limit("codes in all", 300, 600)
# Fewer than two codes allow: wrong digits of a stranger's end one code of an address at most, and never the next one.
_TRYING = Limit("tries for an address by a sender", 8, 600)
_TRYING_BY = Limit("tries by an address", 60, 3600)


class SignInCode(Record, table=True):
    """A code that was asked for. The digits are derived from the id, so that no table and no job ever holds them.

    It goes to `email`, and whoever types it is known by the `folded` form. One that proves an address which is to become
    another, or join it, is `about` that other one, folded, and one that erases is about ERASURE: they sign nobody in. The letter
    speaks the `language` of the page that asked for it. `browser_id` is where it was asked for, and `veiled` if the address
    must not be read there.
    """

    __tablename__ = "sign_in_codes"

    id: str = Field(primary_key=True)
    email: str
    folded: str = Field(index=True)
    about: str = ""
    language: str = ""
    browser_id: str = Field(default="", index=True)
    veiled: bool = False
    tries: int = 0
    used_at: datetime | None = None
    expires_at: datetime
    created_at: datetime = Field(index=True)


@dataclass(frozen=True)
class Proof:
    """The digits that somebody typed to show that mail to this address reaches them; `about` as in the code's row."""

    address: str
    digits: str
    about: str = ""


@dataclass(frozen=True)
class Awaited:
    """A code that was asked for on a browser and not typed yet: where it went, and until when it is good."""

    address: str
    until: datetime
    veiled: bool


def owe(
    session: Session, email: str, *, about: str = "", browser: str = "", veiled: bool = False, now: datetime
) -> None:
    """Write a new code for this address, and owe the letter that brings it."""
    code = make(session, email, about=about, browser=browser, veiled=veiled, now=now)
    outbox.owe(session, Job.SIGN_IN_CODE, code.id, key=code.id, to=code.email)


def make(
    session: Session, email: str, *, about: str = "", browser: str = "", veiled: bool = False, now: datetime
) -> SignInCode:
    """Write a new code for this address; older ones stay as good as they were.

    It goes to the address as a customer's is kept: in other capitals it may be somebody else's mailbox.
    """
    code = SignInCode(
        id=new_id("code"), email=customers.as_stored(session, email), folded=fold(email), about=about and fold(about),
        language=sentences.language(), browser_id=browser, veiled=veiled, created_at=now,
        expires_at=now + timedelta(minutes=CODE_MINUTES),
    )  # fmt: skip
    session.add(code)
    session.flush()
    return code


def awaited(session: Session, browser: str, *, now: datetime) -> Awaited | None:
    """The newest code that would sign somebody in on this browser, as long as it may still be typed; None if there is none."""
    if not browser:
        return None
    theirs = select(SignInCode).where(SignInCode.browser_id == browser, SignInCode.about == "", *_alive(now))
    row = session.exec(theirs.order_by(col(SignInCode.created_at).desc()).limit(1)).first()
    return Awaited(row.email, row.expires_at, row.veiled) if row else None


def is_overtaken(session: Session, code: SignInCode) -> bool:
    """Whether a newer code of its purpose was asked for, so that a letter that did not go yet would only be one more."""
    newer = select(SignInCode.id).where(
        SignInCode.folded == code.folded, SignInCode.about == code.about, col(SignInCode.created_at) > code.created_at
    )
    return session.exec(newer.limit(1)).first() is not None


def await_no_more(session: Session, browser: str) -> None:
    """Forget which codes this browser waits for. They stay good for whoever has them."""
    if browser:
        session.exec(update(SignInCode).where(col(SignInCode.browser_id) == browser).values(browser_id=""))


def digits_of(code_id: str, *, signing_key: str) -> str:
    """The six digits of a code."""
    mac = hmac.new(signing_key.encode(), f"sign-in-code:{code_id}".encode(), sha256).digest()
    return f"{int.from_bytes(mac[:8]) % 10**_LENGTH:0{_LENGTH}d}"


def limit_asking(shop: Shop, address: str, sender: Sender) -> None:
    """Raise TooManyTries when this address was sent enough codes for now, or this sender has asked for enough."""
    about = fold(address)
    counting.admit(
        shop,
        [
            Count(_ASKING, f"{about} {sender.address}"),
            Count(_ASKING_BY_BROWSER, sender.browser),
            Count(_ASKING_BY, sender.address),
            Count(_ASKING_FOR, about),
            Count(_ASKING_IN_ALL, "everybody"),
        ],
    )


def limit_trying(shop: Shop, address: str, sender: Sender) -> None:
    """Raise TooManyTries when this sender has tried enough digits for this address, or altogether, for now."""
    counting.admit(shop, [Count(_TRYING, f"{fold(address)} {sender.address}"), Count(_TRYING_BY, sender.address)])


def judge(
    session: Session, proofs: Sequence[Proof], *, signing_key: str, now: datetime
) -> LinkExpired | LinkInvalid | None:
    """Why these digits do not prove their addresses, or None if all do: then their codes are used up.

    Returned and not raised, so that the try is committed and counts.
    """
    verdicts: list[LinkExpired | LinkInvalid | None] = []
    codes: list[SignInCode] = []
    for proof in sorted(proofs, key=lambda proof: fold(proof.address)):  # locked by everybody in the same order
        alive = _alive_codes(session, proof, now=now)
        verdicts.append(_judge(alive, read(proof.digits, _LENGTH), signing_key=signing_key))
        codes += alive
    verdict = next((each for each in verdicts if each), None)
    for code in codes:
        code.tries += 1
        code.used_at = code.used_at if verdict else now
        session.add(code)
    session.flush()
    return verdict


def _alive(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Those that may still be typed."""
    return (
        col(SignInCode.used_at).is_(None), col(SignInCode.expires_at) >= now, col(SignInCode.tries) < _TRIES_PER_CODE,
    )  # fmt: skip


def _alive_codes(session: Session, proof: Proof, *, now: datetime) -> list[SignInCode]:
    about = proof.about and fold(proof.about)
    query = select(SignInCode).where(SignInCode.folded == fold(proof.address), SignInCode.about == about, *_alive(now))
    return list(session.exec(query.order_by(SignInCode.id).with_for_update()))


def read(typed: str, length: int) -> str:
    """The code of so many digits in what somebody typed, or copied with its line; where there is none, that without blanks."""
    found = re.findall(rf"(?<!\d)\d{{{length}}}(?!\d)", typed, re.ASCII)
    return str(found[0]) if len(found) == 1 else "".join(typed.split())


def _judge(alive: Sequence[SignInCode], digits: str, *, signing_key: str) -> LinkExpired | LinkInvalid | None:
    if not alive:
        return LinkExpired()
    # Each is looked at, so that how long it takes says nothing.
    right = [
        hmac.compare_digest(digits_of(code.id, signing_key=signing_key).encode(), digits.encode()) for code in alive
    ]
    return None if any(right) else LinkInvalid()

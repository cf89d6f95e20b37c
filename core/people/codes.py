"""Codes: six digits that are mailed to an address, and prove that mail to it reaches whoever types them."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import update
from sqlmodel import Field, Session, col, select

from core.foundation import outbox
from core.foundation.addresses import fold
from core.foundation.database import Record, new_id
from core.foundation.errors import LinkExpired, LinkInvalid
from core.languages import sentences
from core.people import customers
from core.shop import Shop
from core.traffic import counting
from core.traffic.counting import Count, Sender
from core.traffic.rate_limits import Limit

CODE_MINUTES = 10
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
    speaks the `language` of the page that asked for it.
    """

    __tablename__ = "sign_in_codes"

    id: str = Field(primary_key=True)
    email: str
    folded: str = Field(index=True)
    about: str = ""
    language: str = ""
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


def owe(session: Session, email: str, *, about: str = "", now: datetime) -> None:
    """Write a new code for this address, and owe the letter that brings it."""
    code = make(session, email, about=about, now=now)
    outbox.owe(session, outbox.Job.SIGN_IN_CODE, code.id, key=code.id, to=code.email)


def make(session: Session, email: str, *, about: str = "", now: datetime) -> SignInCode:
    """Write a new code for this address; older ones of its purpose stop working.

    It goes to the address as a customer's is kept: in other capitals it may be somebody else's mailbox.
    """
    folded, about = fold(email), about and fold(about)
    older = update(SignInCode).where(
        col(SignInCode.folded) == folded, col(SignInCode.about) == about, col(SignInCode.used_at).is_(None)
    )
    session.exec(older.values(used_at=now))
    code = SignInCode(
        id=new_id("code"), email=customers.as_stored(session, email), folded=folded, about=about,
        language=sentences.language(), created_at=now,
        expires_at=now + timedelta(minutes=CODE_MINUTES),
    )  # fmt: skip
    session.add(code)
    session.flush()
    return code


def digits_of(code_id: str, *, signing_key: str) -> str:
    """The six digits of a code."""
    mac = hmac.new(signing_key.encode(), f"sign-in-code:{code_id}".encode(), sha256).digest()
    return f"{int.from_bytes(mac[:8]) % 1_000_000:06d}"


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
        code = _newest_code(session, proof)
        verdicts.append(_judge(code, proof.digits.strip(), signing_key=signing_key, now=now))
        codes += [code] if code else []
    verdict = next((each for each in verdicts if each), None)
    for code in codes:
        code.tries += 1
        code.used_at = code.used_at if verdict else now
        session.add(code)
    session.flush()
    return verdict


def _newest_code(session: Session, proof: Proof) -> SignInCode | None:
    query = select(SignInCode).where(
        SignInCode.folded == fold(proof.address), SignInCode.about == (proof.about and fold(proof.about))
    )
    return session.exec(query.order_by(col(SignInCode.created_at).desc()).limit(1).with_for_update()).first()


def _judge(
    code: SignInCode | None, digits: str, *, signing_key: str, now: datetime
) -> LinkExpired | LinkInvalid | None:
    if code is None or code.used_at or code.expires_at < now or code.tries >= _TRIES_PER_CODE:
        return LinkExpired()
    right = hmac.compare_digest(digits_of(code.id, signing_key=signing_key).encode(), digits.encode())
    return None if right else LinkInvalid()

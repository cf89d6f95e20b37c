"""The five calls that a seller's software makes: activate, validate, deactivate, lease, and a token for offline use.

Each looks at the licence as it stands now: a refund, a dispute, an expiry or an owner's word bites at the very next call.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from sqlmodel import Session

from core.connections.gates import Gates
from core.foundation.database import repeatable
from core.kinds.license_keys import fingerprint
from core.licensing import answers, found_licenses, offline_tokens, places, signing_keys
from core.licensing.answers import Answer, Code
from core.licensing.found_licenses import FoundLicense, Standing
from core.licensing.places import Full, MovedTooOften, Taken
from core.shop import Shop
from core.traffic import rate_limits
from core.traffic.rate_limits import Limit

BY_ADDRESS = Limit("licence calls by address", 60)
BY_KEY = Limit("activations by key", 10)
UNKNOWN = Limit("unknown keys by address", 5)
# Of a key that somebody has locked no more machines wait at the database than go through at once.
_GATES = Gates()
# How long a leased place is kept without being asked for again.
LEASE = timedelta(minutes=15)


class Call(StrEnum):
    """What is asked."""

    ACTIVATE = "activate"
    VALIDATE = "validate"
    DEACTIVATE = "deactivate"
    LEASE = "lease"
    OFFLINE = "offline"


@dataclass(frozen=True)
class Question:
    """Who asks: the key, for which product, on which machine. `ttl` is how long an offline token is to last."""

    key: str
    product: str
    fingerprint: str = ""
    activation_id: str = ""
    label: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    nonce: str = ""
    ttl: timedelta = offline_tokens.USUAL


@dataclass(frozen=True)
class Reply:
    """An answer as it goes out: its bytes, and the header that signs them."""

    status: int
    body: bytes
    signature: str
    retry_after: int


def reply(shop: Shop, call: Call, question: Question, *, address: str) -> Reply:
    """Answer the call. `address` is who asks, for the limits; nothing of it is kept."""
    # To be told whether a key is good changes nothing of it; all else locks it.
    with nullcontext() if call is Call.VALIDATE else _GATES.through(fingerprint(question.key)):
        found = _answer(shop, call, question, address)
    return signed(shop, found, nonce=question.nonce)


def signed(shop: Shop, answer: Answer, *, nonce: str = "") -> Reply:
    """The answer as it goes out."""
    signer = signing_keys.signer(shop)
    token = signer.token(dict(answer.claims)) if answer.claims else ""
    body = answers.body(answer, nonce=nonce, token=token, now=shop.now())
    return Reply(answer.status, body, signer.header(body), answer.retry_after)


@repeatable
def refuse(shop: Shop, problems: Sequence[Mapping[str, str]], *, address: str) -> Reply:
    """Answer what is no question: with what is wrong with it. It counts for the limits like any other."""
    wait = 0
    if shop.settings.rate_limits == "on":
        with shop.transaction() as session:
            wait = rate_limits.hit(session, BY_ADDRESS, address, now=shop.now())
    limited = Answer(Code.RATE_LIMITED, retry_after=wait)
    return signed(shop, limited if wait else Answer(Code.INVALID_REQUEST, problems=problems))


@repeatable
def _answer(shop: Shop, call: Call, question: Question, address: str) -> Answer:
    now, limited = shop.now(), shop.settings.rate_limits == "on"
    # What is counted stays counted, also if the answer is no: nothing is raised in here.
    with shop.transaction() as session:
        if limited and (wait := rate_limits.hit(session, BY_ADDRESS, address, now=now)):
            return Answer(Code.RATE_LIMITED, retry_after=wait)
        found = found_licenses.by_key(session, question.key, lock=call is not Call.VALIDATE, now=now)
        if found is None:
            wait = rate_limits.hit(session, UNKNOWN, address, now=now) if limited else 0
            return Answer(Code.RATE_LIMITED, retry_after=wait) if wait else Answer(Code.NOT_FOUND)
        moves = limited and call in (Call.ACTIVATE, Call.OFFLINE)
        if moves and (wait := rate_limits.hit(session, BY_KEY, found.id, now=now)):
            return Answer(Code.RATE_LIMITED, retry_after=wait)
        standing = found.standing(now, livemode=shop.settings.livemode)
        said = Answer(Code.VALID, found, standing)
        if found.product != question.product:
            return replace(said, code=Code.PRODUCT_MISMATCH)
        return _of_this_product(session, shop, call, question, said, found, standing, now)


def _of_this_product(
    session: Session, shop: Shop, call: Call, question: Question, said: Answer, found: FoundLicense, standing: Standing,
    now: datetime,
) -> Answer:  # fmt: skip
    said = replace(said, code=Code.VALID if found.serves(standing) else answers.OF_STANDING[standing])
    match call:
        case Call.VALIDATE:
            return _validated(session, question, said, found, now)
        case Call.DEACTIVATE:
            left = places.leave(
                session, found.id, fingerprint=question.fingerprint, activation_id=question.activation_id, now=now
            )
            return replace(said, used=found.used - left)
        case Call.ACTIVATE | Call.LEASE | Call.OFFLINE:
            if call is Call.LEASE and not found.floating:
                return Answer(Code.INVALID_REQUEST, problems=[{"field": "key", "problem": "not a floating licence"}])
            if not found.serves(standing):
                return said
            return _placed(session, shop, call, question, said, found, standing, now)
        case _:
            assert_never(call)


def _validated(session: Session, question: Question, said: Answer, found: FoundLicense, now: datetime) -> Answer:
    if said.code is not Code.VALID or not (question.fingerprint or question.activation_id):
        return said
    machine = places.see(
        session, found.id, fingerprint=question.fingerprint, activation_id=question.activation_id, now=now
    )
    return replace(said, machine=machine) if machine else replace(said, code=Code.NOT_ACTIVATED)


def _placed(
    session: Session, shop: Shop, call: Call, question: Question, said: Answer, found: FoundLicense, standing: Standing,
    now: datetime,
) -> Answer:  # fmt: skip
    until = offline_tokens.ends_at(found, question.ttl, now=now) if call is Call.OFFLINE else now + LEASE
    if call is Call.OFFLINE and found.floating:
        again = offline_tokens.none_before(session, found, question.fingerprint, now=now)
        if again:
            return _moved_too_often(again, now)
    # Of a licence that has ended, and that leaves machines as they are, no other machine takes a place.
    ended = standing is Standing.EXPIRED
    taken = places.take(
        session, found, fingerprint=question.fingerprint, label=question.label, meta=dict(question.meta),
        lease_until=until if found.floating else None, only_kept=ended, now=now,
    )  # fmt: skip
    match taken:
        case None:
            return replace(said, code=Code.EXPIRED)
        case Full():
            return replace(said, code=Code.ACTIVATION_LIMIT, machines=taken.machines, used=len(taken.machines))
        case MovedTooOften():
            return _moved_too_often(taken.again, now)
        case Taken():
            said = replace(said, machine=taken.machine, used=found.used + taken.is_new)
            if call is not Call.OFFLINE:
                return said
            issuer = shop.settings.public_url
            claims = offline_tokens.issue(session, found, taken.machine, issuer=issuer, until=until, now=now)
            return replace(said, claims=claims)
        case _:
            assert_never(taken)


def _moved_too_often(again: datetime, now: datetime) -> Answer:
    return Answer(
        Code.RATE_LIMITED, retry_after=int((again - now).total_seconds()) + 1,
        message=f"The licence was activated too often lately: again from {again:%Y-%m-%d %H:%M} UTC. Machines that have it go on.",
    )  # fmt: skip

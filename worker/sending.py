"""One attempt at a letter: claim it, write it, hand it over, note what became of it. Each letter is sent once.

What cannot be sent now gets a later turn, owed in the transaction that notes why.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

import structlog

from core.catalog.looks import brand
from core.correspondence import drafts
from core.correspondence.drafts import Draft
from core.foundation.errors import NoOwners
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Turn
from core.foundation.telemetry import counters
from core.mailboxes import marks
from core.messages import letters, mail
from core.messages.letters import Claim
from core.shop import Shop
from worker import outages
from worker.breaker import Breaker

if TYPE_CHECKING:
    from sqlmodel import Session

    from core.mailboxes.marks import Refusal
    from core.messages.wording import Message

log = structlog.get_logger()

_DOWN = "the mail server is down"
# Seconds. A recipient is tried again after one second, then twice as long each time, up to half an hour.
_LONGEST_WAIT = 1800.0
# How long the mail server may think about a recipient, by how often that was tried. At first for less than the time between two
# looks into a queue: however many are for servers that are gone, at each look there are places for those that are not.
_PATIENCE = (0.8, 3.0, 3.0, 10.0)
# A letter that waits for the mail server looks whether it is back at least this often.
_LONGEST_HOLD = 300.0


@dataclass(frozen=True)
class Post:
    """What sending needs: the shop, the id of this run of the worker, what it knows of the mail server, and whether it ends."""

    shop: Shop
    worker: str
    breaker: Breaker
    ending: Event = field(default_factory=Event)


class ClaimLost(Exception):
    """Another worker may be at the letter by now: this one was silent for too long."""


class ReaderChanged(Exception):
    """Whom a letter is for has another address since it was written, or is to be written to no more."""


class MailboxGone(Exception):
    """Letters to this address come back: another one would only harm the sender's name."""


def backoff(attempt: int, *, longest: float = _LONGEST_WAIT) -> float:
    """Seconds to wait after so many attempts."""
    return float(min(2 ** min(attempt - 1, 20), longest))


def send(post: Post, turn: Turn, letter: Draft) -> None:
    """Try once. Unless nothing is left to do, a later turn is owed on return."""
    with post.breaker.attempt() as allowed:
        if not allowed:
            _put_off(post, turn, letter)
            return
        claim = _claim(post, turn, letter)
        if claim:
            _attempt(post, turn, letter, claim)


def _put_off(post: Post, turn: Turn, letter: Draft) -> None:
    wait = max(post.breaker.wait(), backoff(turn.number + 1, longest=_LONGEST_HOLD))
    with post.shop.transaction() as session:
        if letters.put_off(session, letter.id, _DOWN, order_id=letter.order_id, now=post.shop.now()):
            _come_again(session, turn, letter, wait=wait)


def _claim(post: Post, turn: Turn, letter: Draft) -> Claim | None:
    """The claim, or None: then the letter is settled, or another attempt is under way, and is looked after."""
    with post.shop.transaction() as session:
        claim = letters.begin(session, letter.id, order_id=letter.order_id, worker=post.worker, now=post.shop.now())
        if claim is None and not letters.is_settled(session, letter.id):
            _come_again(session, turn, letter, wait=backoff(turn.number + 1, longest=10))
    return claim


def _attempt(post: Post, turn: Turn, letter: Draft, claim: Claim) -> None:
    def check(written_to: str) -> None:
        with post.shop.transaction() as session:
            if not letters.hold(session, claim):
                raise ClaimLost
            # A mail server may take its time until it agrees to an address.
            if letter.to(session) != written_to:
                raise ReaderChanged

    try:
        with post.shop.reading() as session:
            written_to = letter.to(session)
        message = drafts.write(post.shop, letter)
        # Whoever it was for may have been erased.
        message = _to_who_may_be_written_to(post, turn, letter, message) if message and message.to else None
        if message is not None:
            patience = _PATIENCE[min(turn.number, len(_PATIENCE) - 1)]
            with post.shop.reading() as session:
                settings = brand.named(session, post.shop.settings)
            before_data = partial(check, written_to)
            left_out = mail.send(settings, message, letter_id=letter.id, before_data=before_data, patience=patience)
            if left_out:
                log.warning("letter_refused_for_some", letter=letter.id, recipients=left_out)
            post.breaker.worked()
    except NoOwners:
        _wait_for_owners(post, turn, letter, claim)
    except Exception as error:
        _note_failure(post, turn, letter, claim, error)
    else:
        counters.LETTERS.labels("dropped" if message is None else "sent").inc()
        # By itself: the turn must not begin anew for what the mail server has taken.
        outages.waited_out(lambda: _note_done(post, letter, claim, sent=message is not None), ending=post.ending)


def _note_done(post: Post, letter: Draft, claim: Claim, *, sent: bool) -> None:
    with post.shop.transaction() as session:
        if sent:
            letters.sent(session, letter.id, now=post.shop.now())
        else:
            letters.dropped(session, claim)


def _to_who_may_be_written_to(post: Post, turn: Turn, letter: Draft, message: "Message") -> "Message | None":
    """The letter to those of its recipients whom letters reach and who want it; None where nobody does. Raises MailboxGone."""
    refused = {address: _refusal(post, turn, letter, address) for address in message.recipients}
    if left := [address for address, refusal in refused.items() if refusal is None]:
        return replace(message, to=", ".join(left))
    gone = [refusal.reason for refusal in refused.values() if refusal and not refusal.wished]
    if gone:
        raise MailboxGone(gone[0])
    return None


def _refusal(post: Post, turn: Turn, letter: Draft, address: str) -> "Refusal | None":
    with post.shop.reading() as session:
        return marks.refusal(session, address, turn.job, letter.stream, signing_key=post.shop.signing_key)


def _wait_for_owners(post: Post, turn: Turn, letter: Draft, claim: Claim) -> None:
    log.warning("letter_without_owners", letter=letter.id)
    with post.shop.transaction() as session:
        letters.unaddressed(session, claim)
        _come_again(session, turn, letter, wait=_LONGEST_WAIT)


def _note_failure(post: Post, turn: Turn, letter: Draft, claim: Claim, error: Exception) -> None:
    for_good, down = mail.is_final(error) or isinstance(error, MailboxGone), isinstance(error, mail.MailServerDown)
    counters.LETTERS.labels("refused" if for_good else "server_down" if down else "put_off").inc()
    if down:
        post.breaker.failed()
    if isinstance(error, (*mail.MailTrouble, ClaimLost, ReaderChanged, MailboxGone)):
        # The mail server's own words may name the buyer's address: they stand with the letter, not in the log.
        log.warning("letter_failed", letter=letter.id, error=type(error).__name__, for_good=for_good)
    else:
        log.error("letter_not_written", letter=letter.id, exc_info=error)
    with post.shop.transaction() as session:
        said = f"{type(error).__name__}: {error}"
        if letters.failed(session, claim, said, for_good=for_good, now=post.shop.now()):
            # A server that is down says nothing about the recipient.
            _come_again(session, turn, letter, wait=backoff(claim.attempt), apart=not down)


def _come_again(session: "Session", turn: Turn, letter: Draft, *, wait: float, apart: bool = False) -> None:
    # Spread, so that what failed together does not come back together.
    spread = timedelta(seconds=wait * random.uniform(1, 1.25))
    outbox.owe_next(session, turn, wait=spread, to=letter.to(session), apart=apart)

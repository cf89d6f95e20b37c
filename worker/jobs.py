"""The jobs: a DBOS workflow for the first turn of each job that core may owe, and one for all later turns."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, assert_never

import structlog
from dbos import DBOS

from core.events import questions
from core.foundation import masking, outbox
from core.foundation.errors import JobFailed, StripeKeyRefused, StripeUnreachable
from core.foundation.outbox import Job, Turn
from core.foundation.signals import milestones
from core.journeys import plans
from core.messages import contents, letters
from core.people import receipt_copies
from core.shop import Shop
from worker import sending, wording
from worker.mail import Message
from worker.sending import Letter, Post

log = structlog.get_logger()

# Stripe is asked again after one second, then twice as long each time, up to five minutes, for three days: then it is for
# a person.
_LONGEST_WAIT = 300.0
_QUESTIONS = 870
# Every restart of the worker takes a job up again; no number of restarts is a reason to lose one.
_RESTARTS = 100_000


def register(post: Post) -> None:
    """Make this process one that runs the jobs of this shop."""
    for job in Job:
        DBOS.workflow(name=job.value, max_recovery_attempts=_RESTARTS)(_discreet(_first_turn(post, job)))
    DBOS.workflow(name=outbox.NEXT_TURN, max_recovery_attempts=_RESTARTS)(_discreet(_next_turn(post)))


def _discreet(run: Callable[..., None]) -> Callable[..., None]:
    """DBOS keeps the error of a job whole: it gets one that names no address and no secret."""

    def guarded(*arguments: Any) -> None:
        try:
            run(*arguments)
        except Exception as error:
            log.error("job_failed", exc_info=error)
            raise JobFailed(masking.described(error)) from None

    return guarded


def _first_turn(post: Post, job: Job) -> Callable[..., None]:
    def run(*arguments: str) -> None:
        assert DBOS.workflow_id
        _take(post, Turn(job, DBOS.workflow_id, 0, arguments))

    return run


def _next_turn(post: Post) -> Callable[..., None]:
    def run(job: str, root: str, number: int, *arguments: str) -> None:
        _take(post, Turn(Job(job), root, number, arguments))

    return run


def _take(post: Post, turn: Turn) -> None:
    match turn.job:
        case Job.ASK_STRIPE:
            _call_stripe(post.shop, turn, questions.ask)
        case Job.CANCEL_SUBSCRIPTION:
            _call_stripe(post.shop, turn, plans.end)
        case Job.RECEIPT:
            sending.send(post, turn, _receipt(*turn.arguments))
        case Job.LATE_DELIVERY:
            sending.send(post, turn, _late_delivery(*turn.arguments))
        case Job.PAYMENT_FAILED:
            sending.send(post, turn, _payment_failed(*turn.arguments))
        case Job.PAID_AFTER_END:
            sending.send(post, turn, _paid_after_end(*turn.arguments))
        case Job.SIGN_IN_CODE:
            sending.send(post, turn, _sign_in_code(*turn.arguments))
        case Job.OWNER_NOTICE:
            sending.send(post, turn, _owner_notice(*turn.arguments))
        case Job.INVITATION:
            sending.send(post, turn, _invitation(*turn.arguments))
        case _:
            assert_never(turn.job)


def _receipt(order_id: str, copy: str = "") -> Letter:
    def write(shop: Shop) -> Message:
        return wording.receipt(shop.settings, contents.about_order(shop, order_id, copy=copy))

    letter_id = f"{Job.RECEIPT}:{order_id}:{copy}" if copy else f"{Job.RECEIPT}:{order_id}"
    to = partial(receipt_copies.receiver, order_id=order_id, copy=copy)
    return Letter(letter_id, order_id, to, write)


def _late_delivery(order_id: str, ending: str, lines: str) -> Letter:
    def write(shop: Shop) -> Message | None:
        letter = contents.about_late_lines(shop, order_id, ending, [int(line) for line in lines.split(",")])
        if letter is None:
            return None
        word = wording.delivered_late if ending == "delivered" else wording.given_up
        return word(shop.settings, letter)

    letter_id = f"{Job.LATE_DELIVERY}:{order_id}:{ending}:{lines}"
    return Letter(letter_id, order_id, partial(letters.buyer, order_id=order_id), write)


def _payment_failed(order_id: str, attempt: str) -> Letter:
    def write(shop: Shop) -> Message:
        return wording.payment_failed(shop.settings, contents.about_order(shop, order_id))

    # One letter for each attempt that failed: a buyer may try a second bank account, and that may bounce too.
    letter_id = f"{Job.PAYMENT_FAILED}:{order_id}:{attempt}"
    return Letter(letter_id, order_id, partial(letters.buyer, order_id=order_id), write)


def _paid_after_end(order_id: str, payment_id: str) -> Letter:
    def write(shop: Shop) -> Message | None:
        letter = contents.about_payment(shop, order_id, payment_id)
        return wording.paid_after_end(shop.settings, letter) if letter else None

    letter_id = f"{Job.PAID_AFTER_END}:{order_id}:{payment_id}"
    return Letter(letter_id, order_id, partial(letters.buyer, order_id=order_id), write)


def _sign_in_code(code_id: str) -> Letter:
    def write(shop: Shop) -> Message | None:
        letter = contents.with_code(shop, code_id)
        return wording.sign_in_code(shop.settings, letter) if letter else None

    return Letter(f"{Job.SIGN_IN_CODE}:{code_id}", None, partial(letters.reader, code_id=code_id), write)


def _owner_notice(order_id: str, topic: str) -> Letter:
    def write(shop: Shop) -> Message | None:
        letter = contents.to_owners(shop, order_id, topic)
        return wording.owner_notice(shop.settings, letter) if letter else None

    return Letter(f"{Job.OWNER_NOTICE}:{order_id}:{topic}", order_id, lambda _: "owners", write)


def _invitation(member_id: str, time: str) -> Letter:
    def write(shop: Shop) -> Message | None:
        letter = contents.invitation(shop, member_id)
        return wording.invitation(shop.settings, letter) if letter else None

    return Letter(f"{Job.INVITATION}:{member_id}:{time}", None, partial(letters.colleague, member_id=member_id), write)


def _call_stripe(shop: Shop, turn: Turn, call: Callable[..., None]) -> None:
    """Ask or tell Stripe something, and owe another turn unless it answers.

    The sweep asks too, so that a question which gives up loses nothing.
    """
    try:
        call(shop, *turn.arguments)
    except (StripeUnreachable, StripeKeyRefused) as error:
        subject = turn.arguments[0]
        log.warning("stripe_unanswered", subject=subject, error=str(error))
        if turn.number >= _QUESTIONS:
            raise TimeoutError(f"Stripe did not answer about {subject} in {turn.number + 1} attempts") from None
        wait = timedelta(seconds=sending.backoff(turn.number + 1, longest=_LONGEST_WAIT))
        with shop.transaction() as session:
            if isinstance(error, StripeKeyRefused):
                milestones.record_refused(session, error, at=shop.now())
            outbox.owe_next(session, turn, wait=wait)

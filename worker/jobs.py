"""The jobs: one DBOS workflow for each that core may owe. Each letter is sent once, however long that takes."""

from collections.abc import Callable

import structlog
from dbos import DBOS

from core import letters, questions
from core.errors import StripeUnreachable
from core.outbox import Job
from core.shop import Shop
from worker import mail, wording
from worker.mail import Message

log = structlog.get_logger()

# Half a second, then twice as long each time, up to five minutes, for three days: then it is for a person.
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 300.0
_TRIES = 880
# Every restart of the worker takes a job up again; no number of restarts is a reason to lose one.
_RESTARTS = 100_000


def register(shop: Shop) -> None:
    """Make this process the one that runs the jobs of this shop."""
    _define(Job.RECEIPT, lambda order_id: _deliver(shop, Job.RECEIPT, order_id, order_id, _receipt))
    _define(Job.PAYMENT_FAILED, lambda order_id, attempt: _tell_failed(shop, order_id, attempt))
    _define(Job.SIGN_IN_CODE, lambda code_id: _deliver(shop, Job.SIGN_IN_CODE, code_id, None, _sign_in_code))
    _define(Job.OWNER_NOTICE, lambda order_id, topic: _notify(shop, order_id, topic))
    _define(Job.ASK_STRIPE, lambda subject: _ask_stripe(shop, subject))


def _define(job: Job, run: Callable[..., None]) -> None:
    DBOS.workflow(name=job.value, max_recovery_attempts=_RESTARTS)(run)


def _deliver(
    shop: Shop, job: Job, subject: str, order_id: str | None, write: Callable[[Shop, str], Message | None]
) -> None:
    """Send one letter. A mail server that is down is waited for, in steps that survive a restart."""
    letter_id = f"{job.value}:{subject}"
    wait = _FIRST_WAIT
    for _ in range(_TRIES):
        done = DBOS.run_step({"name": "send"}, _attempt, shop, letter_id, subject, order_id, write)
        if done:
            return
        DBOS.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
    raise TimeoutError(f"{letter_id} could not be sent in {_TRIES} attempts")


def _attempt(
    shop: Shop, letter_id: str, subject: str, order_id: str | None, write: Callable[[Shop, str], Message | None]
) -> bool:
    """Try once; return whether there is nothing left to do."""
    with shop.transaction() as session:
        claimed = letters.begin(session, letter_id, order_id=order_id, now=shop.now())
    if not claimed:
        with shop.reading() as session:
            return letters.is_sent(session, letter_id)
    try:
        message = write(shop, subject)
        if message is not None:
            mail.send(shop.settings, message, letter_id=letter_id)
    except Exception as error:
        for_good = mail.is_final(error)
        if isinstance(error, mail.MailTrouble):
            # The mail server's own words may name the buyer's address: they stand with the letter, not in the log.
            log.warning("letter_failed", letter=letter_id, error=type(error).__name__, for_good=for_good)
        else:
            log.error("letter_not_written", letter=letter_id, exc_info=error)
        with shop.transaction() as session:
            letters.failed(session, letter_id, f"{type(error).__name__}: {error}", for_good=for_good)
        return for_good
    with shop.transaction() as session:
        letters.sent(session, letter_id, now=shop.now())
    return True


def _receipt(shop: Shop, order_id: str) -> Message:
    return wording.receipt(shop.settings, letters.about_order(shop, order_id))


def _tell_failed(shop: Shop, order_id: str, attempt: str) -> None:
    def write(shop: Shop, _subject: str) -> Message:
        return wording.payment_failed(shop.settings, letters.about_order(shop, order_id))

    # One letter for each attempt that failed: a buyer may try a second bank account, and that may bounce too.
    _deliver(shop, Job.PAYMENT_FAILED, f"{order_id}:{attempt}", order_id, write)


def _sign_in_code(shop: Shop, code_id: str) -> Message | None:
    letter = letters.with_code(shop, code_id)
    return wording.sign_in_code(shop.settings, letter) if letter else None


def _notify(shop: Shop, order_id: str, topic: str) -> None:
    def write(shop: Shop, _subject: str) -> Message | None:
        letter = letters.to_owners(shop, order_id, topic)
        return wording.owner_notice(shop.settings, letter) if letter else None

    _deliver(shop, Job.OWNER_NOTICE, f"{order_id}:{topic}", order_id, write)


def _ask_stripe(shop: Shop, subject: str) -> None:
    """Ask until Stripe answers; the sweep asks too, so that a job which gives up loses nothing."""
    wait = _FIRST_WAIT
    for _ in range(_TRIES):
        if DBOS.run_step({"name": "ask"}, _asked, shop, subject):
            return
        DBOS.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
    raise TimeoutError(f"Stripe did not answer about {subject} in {_TRIES} attempts")


def _asked(shop: Shop, subject: str) -> bool:
    try:
        questions.ask(shop, subject)
    except StripeUnreachable as error:
        log.warning("stripe_silent", subject=subject, error=str(error))
        return False
    return True

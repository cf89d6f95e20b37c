"""The jobs: a DBOS workflow for the first turn of each job that core may owe, and one for all later turns."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from inspect import Parameter, signature
from typing import Any

import structlog
from dbos import DBOS

from core.attendance import giving_up
from core.correspondence import drafts
from core.events import questions
from core.foundation import masking
from core.foundation.errors import JobFailed, StripeKeyRefused, StripeUnreachable
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import NEXT_TURN, Job, Turn
from core.foundation.signals import milestones
from core.foundation.telemetry import counters, requests, spans
from core.foundation.telemetry.counters import Stopwatch
from core.integrations import versions
from core.invoicing import corrections
from core.journeys.billing import plans, plans_at_stripe
from core.outgoing import sending as webhooks
from core.owner.shelves import announcements, promotions, stripe_prices
from core.shop import Shop
from worker import outages, sending
from worker.sending import Post

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
    DBOS.workflow(name=NEXT_TURN, max_recovery_attempts=_RESTARTS)(_discreet(_next_turn(post)))


def _discreet(run: Callable[..., None]) -> Callable[..., None]:
    """DBOS keeps the error of a job whole: it gets one that names no address and no secret. What is logged and owed meanwhile
    belongs to the request that owed the job."""

    def guarded(*arguments: Any) -> None:
        job = DBOS.workflow_id or ""
        name = job.partition(":")[0]
        with requests.taken_up(DBOS.authenticated_user or ""), spans.span(f"job {name}", "CONSUMER", job__id=job):
            taken = Stopwatch()
            try:
                run(*arguments)
            except Exception as error:
                counters.JOBS.labels(name, type(error).__name__).inc()
                log.error("job_failed", job=job, exc_info=error)
                raise JobFailed(masking.described(error)) from None
            counters.JOBS.labels(name, "done").inc()
            log.info("job_done", job=job, milliseconds=round(taken.seconds * 1000))

    return guarded


def _first_turn(post: Post, job: Job) -> Callable[..., None]:
    def run(*arguments: str) -> None:
        assert DBOS.workflow_id
        _take_in_the_end(post, Turn(job, DBOS.workflow_id, 0, arguments))

    return run


def _next_turn(post: Post) -> Callable[..., None]:
    def run(job: str, root: str, number: int, *arguments: str) -> None:
        _take_in_the_end(post, Turn(Job(job), root, number, arguments))

    return run


def _take_in_the_end(post: Post, turn: Turn) -> None:
    outages.waited_out(lambda: _take(post, turn), ending=post.ending)


# What asks or tells Stripe something, and what needs the shop alone. Every other job sends a letter.
_STRIPE: Mapping[Job, Callable[..., None]] = {
    Job.ASK_STRIPE: questions.ask,
    Job.CANCEL_SUBSCRIPTION: plans.end,
    Job.ARCHIVE_PRICE: stripe_prices.archive,
    Job.PLAN_PRICES: plans_at_stripe.tell,
    Job.PROMOTION_CODE: promotions.tell,
    Job.CORRECT_INVOICES: corrections.correct,
    Job.PLACE_REFUND: giving_up.pay_back,
}
_OWN: Mapping[Job, Callable[..., object]] = {
    Job.TELL_BUYERS: announcements.spread,
    Job.ENTITLEMENTS: versions.look_at_order,
}


def parameters(job: Job) -> list[Parameter]:
    """What a job is owed with, in this order. A worker of another version may be at work beside this one: a parameter is only ever
    added behind the others, with a default, and a job that needs others has another name."""
    if job is Job.WEBHOOK:
        return [Parameter("delivery_id", Parameter.POSITIONAL_OR_KEYWORD)]
    taken = _STRIPE.get(job) or _OWN.get(job)
    if taken is None:
        return drafts.parameters(job)
    return list(signature(taken).parameters.values())[1:]


def _take(post: Post, turn: Turn) -> None:
    if turn.job in _STRIPE:
        _call_stripe(post.shop, turn, _STRIPE[turn.job])
    elif turn.job in _OWN:
        _OWN[turn.job](post.shop, *_understood(turn))
    elif turn.job is Job.WEBHOOK:
        webhooks.deliver(post.shop, turn)
    else:
        sending.send(post, turn, drafts.of(turn.job, _understood(turn)))


def _understood(turn: Turn) -> tuple[str, ...]:
    """What this version knows of what the job was owed with: more, as a later one may tell, stays for its later turns."""
    return turn.arguments[: len(parameters(turn.job))]


def _call_stripe(shop: Shop, turn: Turn, call: Callable[..., None]) -> None:
    """Ask or tell Stripe something, and owe another turn unless it answers.

    The sweep asks too, so that a question which gives up loses nothing.
    """
    try:
        call(shop, *_understood(turn))
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

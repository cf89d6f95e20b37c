"""Drafts: which letter a job owes, whom it goes to, and what it says when it is written."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from inspect import Parameter, signature
from typing import TypeVar

from sqlmodel import Session

from core.catalog import products, seller
from core.catalog.looks import brand
from core.correspondence import digest, samples, shop_notices
from core.correspondence.veil import Veil
from core.foundation.jobs.kinds import Job, Notice
from core.foundation.settings import Settings
from core.kinds.places import attendees
from core.kinds.places.owed_letters import Topic
from core.kinds.places.waiting_list import News
from core.languages import catalogs, sentences
from core.mailboxes import unsubscribing
from core.mailboxes.marks import Kind
from core.messages import (
    after_purchase,
    contents,
    letters,
    new_versions,
    place_letters,
    place_wording,
    plan_changes,
    plan_wording,
    withdrawal_letters,
    wording,
)
from core.messages.wording import Message
from core.people import audit
from core.people.receipts import receipt_copies
from core.rights.reminders import About
from core.rights.withdrawals import Stage
from core.shop import Shop

T = TypeVar("T")

# Stands for whoever runs the shop, where whom a letter goes to is an address.
OWNERS = "owners"


@dataclass(frozen=True)
class Draft:
    """A letter that a job owes: its id, the order it is about if it is about one, and whom it goes to.

    `write` returns None if it is no longer wanted, and raises NoOwners if nobody is known whom to send it to. One that its reader
    may do without is of a `stream`: the mark by which they say so. `language` is what its reader is spoken to in, empty for the
    shop's own; those who run the shop read English.
    """

    id: str
    order_id: str | None
    to: Callable[[Session], str]
    write: Callable[[Shop, Veil | None], Message | None]
    stream: Kind | None = None
    language: Callable[[Session], str] = lambda _: catalogs.ENGLISH


def of(job: Job, arguments: Sequence[str]) -> Draft:
    """The letter that this job sends. Raises KeyError for a job that sends none."""
    _, build = _DRAFTS[job]
    return build(*arguments)


def parameters(job: Job) -> list[Parameter]:
    """What this job is owed with. Raises KeyError for a job that sends no letter."""
    return list(signature(_DRAFTS[job][1]).parameters.values())


def of_id(letter_id: str) -> Draft | None:
    """The same by the letter's id, which is the id of the job that owes it. None for one that this version does not know."""
    name, _, rest = letter_id.partition(":")
    if name not in {job.value for job in _DRAFTS}:
        return None
    most, build = _DRAFTS[Job(name)]
    given = rest.split(":", most - 1)
    try:
        signature(build).bind(*given)
    except TypeError:
        # Another version owes this kind with more, or with less.
        return None
    return build(*given)


def receiver(session: Session, letter_id: str) -> str:
    """The address that a letter goes to today: OWNERS for those who run the shop, empty where nobody is left to write to, or
    where this version does not know the letter."""
    draft = of_id(letter_id)
    return draft.to(session) if draft else ""


def write(shop: Shop, draft: Draft) -> Message | None:
    """The letter as it goes out, or None if it is no longer wanted. Raises NoOwners."""
    with _spoken(shop, draft):
        message = draft.write(shop, None)
        if message is None or draft.stream is None:
            return message
        return wording.with_way_out(message, unsubscribing.link(shop, message.to, draft.stream))


def veiled(shop: Shop, draft: Draft, veil: Veil) -> Message | None:
    """The letter for somebody who only looks at it, or None if it is no longer wanted. Raises NoOwners."""
    with _spoken(shop, draft):
        return draft.write(shop, veil)


def _spoken(shop: Shop, draft: Draft) -> AbstractContextManager[None]:
    with shop.reading() as session:
        return sentences.spoken(draft.language(session))


def _written(
    read: Callable[[Shop], T | None], word: Callable[[Settings, T], Message]
) -> Callable[[Shop, Veil | None], Message | None]:
    def write(shop: Shop, veil: Veil | None) -> Message | None:
        with shop.reading() as session:
            texts = products.texts(session)
        settings = brand.over(texts, shop.settings)
        letter = read(replace(shop, settings=settings))
        if letter is None:
            return None
        written = word(settings, veil.over(letter) if veil else letter)
        who = seller.of(texts, settings)
        # The shop's name stands under each letter already, and so does all that is known where the catalogue says nothing.
        lines = who.lines[1:] if who.name == settings.shop_name else who.lines
        signed = wording.signed(written, lines if texts.get("address") else ())
        return wording.branded(signed, brand.of(texts, settings), settings)

    return write


def _to_buyer(
    job: Job, order_id: str, *more: str, read: Callable[[Shop], T | None], word: Callable[[Settings, T], Message]
) -> Draft:
    told = ":".join(filter(None, (job, order_id, *more)))
    return Draft(
        told, order_id, partial(letters.buyer, order_id=order_id), _written(read, word),
        language=partial(letters.language, order_id=order_id),
    )  # fmt: skip


def _receipt(order_id: str, copy: str = "") -> Draft:
    draft = _to_buyer(
        Job.RECEIPT,
        order_id,
        copy,
        read=lambda shop: contents.about_order(shop, order_id, copy=copy),
        word=wording.receipt,
    )
    return replace(draft, to=partial(receipt_copies.receiver, order_id=order_id, copy=copy))


def _late_delivery(order_id: str, ending: str, lines: str) -> Draft:
    return _to_buyer(
        Job.LATE_DELIVERY, order_id, ending, lines,
        read=lambda shop: contents.about_late_lines(shop, order_id, ending, _numbers(lines)),
        word=wording.delivered_late if ending == "delivered" else wording.given_up,
    )  # fmt: skip


def _payment_failed(order_id: str, attempt: str) -> Draft:
    return _to_buyer(
        Job.PAYMENT_FAILED, order_id, attempt,
        read=lambda shop: contents.about_order(shop, order_id), word=wording.payment_failed,
    )  # fmt: skip


def _paid_after_end(order_id: str, payment_id: str) -> Draft:
    return _to_buyer(
        Job.PAID_AFTER_END, order_id, payment_id,
        read=lambda shop: contents.about_payment(shop, order_id, payment_id), word=wording.paid_after_end,
    )  # fmt: skip


def _refunded(order_id: str, request: str) -> Draft:
    return _to_buyer(
        Job.REFUNDED, order_id, request,
        read=lambda shop: after_purchase.about_refund(shop, order_id, request), word=wording.refunded,
    )  # fmt: skip


def _renewed(order_id: str, payment_id: str) -> Draft:
    return _to_buyer(
        Job.RENEWED, order_id, payment_id,
        read=lambda shop: after_purchase.about_renewed(shop, order_id, payment_id), word=plan_wording.renewed,
    )  # fmt: skip


def _renewal_failed(order_id: str, subscription_id: str, since: str) -> Draft:
    return _to_buyer(
        Job.RENEWAL_FAILED, order_id, subscription_id, since,
        read=lambda shop: after_purchase.about_renewal(shop, order_id, subscription_id, since),
        word=plan_wording.renewal_failed,
    )  # fmt: skip


def _plan_reminder(order_id: str, subscription_id: str, about: str, at: str, changed_at: str = "") -> Draft:
    return _to_buyer(
        Job.PLAN_REMINDER, order_id, subscription_id, about, at, changed_at,
        read=lambda shop: after_purchase.about_reminder(shop, order_id, subscription_id, About(about), at, changed_at),
        word=partial(plan_wording.plan_reminder, about=About(about)),
    )  # fmt: skip


def _plan_ending(order_id: str, subscription_id: str, ends_at: str, changed_at: str = "") -> Draft:
    return _to_buyer(
        Job.PLAN_ENDING, order_id, subscription_id, ends_at, changed_at,
        read=lambda shop: after_purchase.about_ending(shop, order_id, subscription_id, ends_at, changed_at),
        word=plan_wording.plan_ending,
    )  # fmt: skip


def _plan_ended(order_id: str, subscription_id: str) -> Draft:
    return _to_buyer(
        Job.PLAN_ENDED, order_id, subscription_id,
        read=lambda shop: after_purchase.about_end(shop, order_id, subscription_id), word=plan_wording.plan_ended,
    )  # fmt: skip


def _plan_paused(order_id: str, subscription_id: str, changed_at: str) -> Draft:
    return _to_buyer(
        Job.PLAN_PAUSED, order_id, subscription_id, changed_at,
        read=lambda shop: plan_changes.about_pause(shop, order_id, subscription_id, changed_at),
        word=plan_wording.plan_paused,
    )  # fmt: skip


def _plan_changed(order_id: str, subscription_id: str, changed_at: str) -> Draft:
    return _to_buyer(
        Job.PLAN_CHANGED, order_id, subscription_id, changed_at,
        read=lambda shop: plan_changes.about_change(shop, order_id, subscription_id, changed_at),
        word=plan_wording.plan_changed,
    )  # fmt: skip


def _access_changed(order_id: str, done: str, lines: str, time: str) -> Draft:
    return _to_buyer(
        Job.ACCESS_CHANGED, order_id, done, lines, time,
        read=lambda shop: after_purchase.about_access(shop, order_id, done, _numbers(lines)),
        word=wording.access_changed,
    )  # fmt: skip


def _withdrawal(withdrawal_id: str, stage: str, copy: str = "") -> Draft:
    return Draft(
        ":".join(filter(None, (Job.WITHDRAWAL, withdrawal_id, stage, copy))), None,
        partial(withdrawal_letters.receiver, withdrawal_id=withdrawal_id),
        _written(lambda shop: withdrawal_letters.about(shop, withdrawal_id, Stage(stage)), wording.withdrawal),
        language=partial(withdrawal_letters.language, withdrawal_id=withdrawal_id),
    )  # fmt: skip


def _withdrawal_notice(hour: str) -> Draft:
    return Draft(
        f"{Job.WITHDRAWAL_NOTICE}:{hour}", None, lambda _: OWNERS,
        _written(withdrawal_letters.to_owners, wording.withdrawal_notice),
    )  # fmt: skip


def _new_version(order_id: str, version_id: str) -> Draft:
    draft = _to_buyer(
        Job.NEW_VERSION, order_id, version_id,
        read=lambda shop: new_versions.about(shop, order_id, version_id), word=wording.new_version,
    )  # fmt: skip
    return replace(draft, stream=Kind.NO_NEWS)


def _sign_in_code(code_id: str) -> Draft:
    return Draft(
        f"{Job.SIGN_IN_CODE}:{code_id}", None, partial(letters.reader, code_id=code_id),
        _written(lambda shop: contents.with_code(shop, code_id), wording.sign_in_code),
        language=partial(letters.language_of_code, code_id=code_id),
    )  # fmt: skip


def _owner_notice(order_id: str, topic: str) -> Draft:
    return Draft(
        f"{Job.OWNER_NOTICE}:{order_id}:{topic}", order_id, lambda _: OWNERS,
        _written(lambda shop: contents.to_owners(shop, order_id, topic), wording.owner_notice),
    )  # fmt: skip


def _shop_notice(topic: str, subject: str) -> Draft:
    return Draft(
        f"{Job.SHOP_NOTICE}:{topic}:{subject}", None, lambda _: OWNERS,
        _written(lambda shop: shop_notices.about(shop, Notice(topic), subject), shop_notices.worded),
    )  # fmt: skip


def _invitation(member_id: str, time: str) -> Draft:
    return Draft(
        f"{Job.INVITATION}:{member_id}:{time}", None, partial(letters.colleague, member_id=member_id),
        _written(lambda shop: contents.invitation(shop, member_id), wording.invitation),
    )  # fmt: skip


def _seat_invitation(seat_id: str, time: str) -> Draft:
    return Draft(
        f"{Job.SEAT_INVITATION}:{seat_id}:{time}", None, partial(letters.guest, seat_id=seat_id),
        _written(lambda shop: contents.seat_invitation(shop, seat_id, time), wording.seat_invitation),
        language=partial(letters.language_of_guest, seat_id=seat_id),
    )  # fmt: skip


def _place_letter(order_id: str, attendee_id: str, topic: str, stamp: str) -> Draft:
    draft = _to_buyer(
        Job.PLACE_LETTER, order_id, attendee_id, topic, stamp,
        read=lambda shop: place_letters.about_place(shop, attendee_id, Topic(topic), stamp),
        word=place_wording.about_place,
    )  # fmt: skip
    before = place_letters.turn_before(topic, stamp)
    to = partial(attendees.receiver, attendee_id=attendee_id, before=before)
    return replace(draft, to=to, stream=Kind.NO_MESSAGES if topic == Topic.MESSAGE else None)


def _waiting_letter(entry_id: str, topic: str, stamp: str) -> Draft:
    return Draft(
        f"{Job.WAITING_LETTER}:{entry_id}:{topic}:{stamp}", None, partial(place_letters.waiter, entry_id=entry_id),
        _written(lambda shop: place_letters.about_waiting(shop, entry_id, News(topic), stamp), place_wording.waiting),
        language=partial(place_letters.waiters_language, entry_id=entry_id),
    )  # fmt: skip


def _test_letter(kind: str, token: str) -> Draft:
    """One with made-up data, to whoever asked for it by this click."""

    def to(session: Session) -> str:
        entry = audit.of_token(session, token)
        return entry.who if entry else ""

    def write(shop: Shop, _veil: Veil | None) -> Message | None:
        with shop.reading() as session:
            address = to(session)
        made = samples.of(shop, Job(kind))
        return replace(made, to=address, subject=f"Test: {made.subject}") if address else None

    return Draft(f"{Job.TEST_LETTER}:{kind}:{token}", None, to, write, language=lambda _: "")


def _digest(week: str) -> Draft:
    return Draft(
        f"{Job.DIGEST}:{week}", None, lambda _: OWNERS,
        _written(lambda shop: digest.of_week(shop, week), wording.digest),
    )  # fmt: skip


def _numbers(lines: str) -> list[int]:
    return [int(line) for line in lines.split(",")]


# How many arguments each takes at most: the last may itself have colons.
_DRAFTS: Mapping[Job, tuple[int, Callable[..., Draft]]] = {
    Job.RECEIPT: (2, _receipt),
    Job.LATE_DELIVERY: (3, _late_delivery),
    Job.PAYMENT_FAILED: (2, _payment_failed),
    Job.PAID_AFTER_END: (2, _paid_after_end),
    Job.REFUNDED: (2, _refunded),
    Job.RENEWED: (2, _renewed),
    Job.RENEWAL_FAILED: (3, _renewal_failed),
    Job.PLAN_REMINDER: (5, _plan_reminder),
    Job.PLAN_ENDING: (4, _plan_ending),
    Job.PLAN_ENDED: (2, _plan_ended),
    Job.PLAN_PAUSED: (3, _plan_paused),
    Job.PLAN_CHANGED: (3, _plan_changed),
    Job.ACCESS_CHANGED: (4, _access_changed),
    Job.WITHDRAWAL: (3, _withdrawal),
    Job.WITHDRAWAL_NOTICE: (1, _withdrawal_notice),
    Job.NEW_VERSION: (2, _new_version),
    Job.SIGN_IN_CODE: (1, _sign_in_code),
    Job.OWNER_NOTICE: (2, _owner_notice),
    Job.SHOP_NOTICE: (2, _shop_notice),
    Job.INVITATION: (2, _invitation),
    Job.SEAT_INVITATION: (2, _seat_invitation),
    Job.PLACE_LETTER: (4, _place_letter),
    Job.WAITING_LETTER: (3, _waiting_letter),
    Job.TEST_LETTER: (2, _test_letter),
    Job.DIGEST: (1, _digest),
}

"""One attempt at a letter, without a mail server: what nobody can be written to about, and what was overtaken."""

from dataclasses import replace

import pytest
from pydantic import SecretStr
from sqlmodel import select

from core.foundation.jobs.kinds import Job, Turn
from core.foundation.signals import heartbeats
from core.foundation.signals.heartbeats import Kind
from core.mailboxes import marks
from core.messages.letters import Letter, LetterState
from core.orders.disputes import Dispute
from core.orders.orders import Order
from core.owner.needs import attention
from core.people import address_changes
from core.people.customers import How
from core.privacy import erasure
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.worker.postbox import mail_server
from worker import jobs, sending
from worker.breaker import Breaker
from worker.sending import Post


def run(shop: Shop, job: Job, *arguments: str, number: int = 0) -> Letter:
    """One turn of a job, as the worker takes it; the letter as it stands then."""
    with shop.transaction() as session:
        worker = heartbeats.begin(session, Kind.WORKER, host="a", pid=1, now=heartbeats.database_time(session))
    root = ":".join((job, *arguments))
    jobs._take(Post(shop, worker, Breaker()), Turn(job, root, number, arguments))
    with shop.reading() as session:
        return session.exec(select(Letter).where(Letter.id == root)).one()


def without_owners(shop: Shop) -> Shop:
    """With a key of its own, and nobody's address."""
    return replace(shop, settings=shop.settings.model_copy(update={"stripe_secret_key": builders.OWN_KEY}))


def with_mail(shop: Shop, url: str) -> Shop:
    settings = shop.settings.model_copy(update={"smtp_url": SecretStr(url), "owner_emails": ("ida@berg.example",)})
    return replace(shop, settings=settings)


def test_a_notice_that_nobody_can_get_waits_for_however_long_until_somebody_can(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe)
    deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(builders.payment_of(shop, order_id))))
    (dispute,) = builders.rows(shop, Dispute)
    notice = (Job.OWNER_NOTICE, order_id, f"disputed:{dispute.id}")
    for number in range(3):
        letter = run(without_owners(shop), *notice, number=number)
        assert (letter.state, letter.sent_at, letter.error) == (LetterState.WAITING, None, "OWNER_EMAILS is not set")
        assert f"{':'.join(notice)}#{number + 1}" in builders.jobs(shop)
        clock.pass_(days=30)
    items = attention.items(without_owners(shop))
    assert [(item.topic, item.detail) for item in items if item.topic != "dispute"] == [
        ("no_owner_address", "1 notice waits")
    ]
    with mail_server() as postbox:
        letter = run(with_mail(shop, postbox.url), *notice, number=3)
        assert (letter.state, letter.error) == (LetterState.SENT, "")
        assert [mail["To"] for mail in postbox.letters] == ["ida@berg.example"]
    assert [item.topic for item in attention.items(without_owners(shop))] == ["dispute"]


def test_what_was_overtaken_is_dropped_and_not_called_sent(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    for status in ("warning_needs_response", "warning_closed"):
        dispute = stripe.dispute(builders.payment_of(shop, order_id), status=status)
        deliver(shop, stripe.tell("charge.dispute.updated", dispute))
    with mail_server() as postbox:
        open_shop = with_mail(shop, postbox.url)
        letters = {stage: run(open_shop, Job.OWNER_NOTICE, order_id, f"{stage}:{dispute['id']}")
                   for stage in ("inquiry", "inquiry_closed")}  # fmt: skip
        assert [mail["Subject"].partition(":")[0] for mail in postbox.letters] == ["A bank's question is closed"]
    assert (letters["inquiry"].state, letters["inquiry"].sent_at) == (LetterState.DROPPED, None)
    assert letters["inquiry_closed"].state is LetterState.SENT


def test_a_refund_that_stripe_refused_is_told_as_such(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    refused, failed = builders.refused_refund(shop, stripe, order_id), builders.failed_refund(shop, stripe, order_id)
    with mail_server() as postbox:
        open_shop = with_mail(shop, postbox.url)
        run(open_shop, Job.OWNER_NOTICE, order_id, f"refund_refused:{refused}")
        run(open_shop, Job.OWNER_NOTICE, order_id, f"refund_failed:{failed}")
        texts = [mail.get_body(("plain",)).get_content() for mail in postbox.letters]  # type: ignore[union-attr]
    assert "No money has moved" in texts[0]
    assert "charge disputed" in texts[0]
    assert "back on your balance" in texts[1]
    assert "balance" not in texts[0]


def test_a_letter_to_somebody_who_was_erased_is_dropped(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    erasure.from_terminal(shop, "nora@lindqvist.example")
    with mail_server() as postbox:
        letter = run(with_mail(shop, postbox.url), Job.RECEIPT, order_id)
        assert (letter.state, letter.sent_at) == (LetterState.DROPPED, None)
        assert postbox.letters == []


def patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a mail server think for as long as it likes."""
    monkeypatch.setattr(sending, "_PATIENCE", (60.0,))


def test_nothing_goes_to_an_address_that_was_erased_while_its_server_thought_about_it(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    patiently(monkeypatch)
    order_id = builders.bought(shop, stripe)
    with mail_server() as postbox:
        postbox.meanwhile.append(lambda: erasure.from_terminal(shop, "nora@lindqvist.example"))
        letter = run(with_mail(shop, postbox.url), Job.RECEIPT, order_id)
        assert postbox.asked_for == ["nora@lindqvist.example"]
        assert (letter.state, letter.sent_at) == (LetterState.RETRYING, None)
        letter = run(with_mail(shop, postbox.url), Job.RECEIPT, order_id, number=1)
        assert (letter.state, letter.sent_at, postbox.letters) == (LetterState.DROPPED, None, [])


def test_a_receipt_goes_to_whom_the_order_was_given_while_a_server_thought_about_another(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address was mistyped: whoever has it must not read what was bought."""
    patiently(monkeypatch)
    order_id, new = builders.bought(shop, stripe), "nora@berg.example"

    def correct() -> None:
        with shop.transaction() as session:
            owner = session.get_one(Order, order_id).customer_id
            address_changes.change_of_order(
                session, order_id, new, owner=owner, how=How.OWNER, actor="owner", now=shop.now()
            )

    with mail_server() as postbox:
        postbox.meanwhile.append(correct)
        run(with_mail(shop, postbox.url), Job.RECEIPT, order_id)
        letter = run(with_mail(shop, postbox.url), Job.RECEIPT, order_id, number=1)
        assert [mail["To"] for mail in postbox.letters] == [new]
        assert letter.state is LetterState.SENT


@builders.on_sqlite
def test_a_notice_reaches_every_owner_but_one_whose_letters_come_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    topics = [f"refund_refused:{builders.refused_refund(shop, stripe, order_id)}",
              f"refund_failed:{builders.failed_refund(shop, stripe, order_id)}"]  # fmt: skip
    with mail_server() as postbox:
        shared = with_mail(shop, postbox.url)
        shared = replace(
            shared,
            settings=shared.settings.model_copy(update={"owner_emails": ("ida@berg.example", "ole@berg.example")}),
        )
        run(shared, Job.OWNER_NOTICE, order_id, topics[0])
        assert postbox.asked_for == ["ida@berg.example", "ole@berg.example"]
        with shop.transaction() as session:
            marks.report(
                session, "ida@berg.example", marks.Kind.BOUNCED, signing_key=shop.settings.signing_key, now=shop.now()
            )
        run(shared, Job.OWNER_NOTICE, order_id, topics[1])
        assert postbox.asked_for[2:] == ["ole@berg.example"]
        assert [mail["To"] for mail in postbox.letters] == ["ida@berg.example, ole@berg.example", "ole@berg.example"]

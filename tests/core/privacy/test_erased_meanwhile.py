"""Erasure beside what others are at: who notes something of somebody at that very moment brings nothing of them back."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlmodel import Session, select

from core.foundation.errors import CustomerNotFound
from core.foundation.jobs.kinds import Job, Turn
from core.integrations import versions
from core.kinds import downloads
from core.kinds.downloads import Download, DownloadFile, OpenedFile
from core.kinds.entitlement_records import EntitlementRecord
from core.kinds.grants import Grant
from core.mailboxes import marks
from core.outgoing import posting, sending
from core.outgoing.attempts import WebhookAttempt
from core.outgoing.messages import WebhookMessage
from core.outgoing.posting import Answer
from core.people import customers
from core.people.customers import CustomerAddress
from core.people.staff import Role
from core.privacy import erasure
from core.privacy.erasure import Erased
from core.registers import customers as register
from core.shop import Shop
from tests import builders
from tests.colleagues import deed, works_as
from tests.core.outgoing.receiver import deliveries, listens
from tests.core.privacy import traces
from tests.fakes import FakeStripe
from tests.machine import eventually

NORA = "nora@lindqvist.example"


def erased_beside(shop: Shop, act: Callable[[Session], object]) -> None:
    """Erase her while somebody has done this and has not committed it yet."""
    with ThreadPoolExecutor(1) as owner:
        with shop.transaction() as session:
            act(session)
            session.flush()
            done: Future[Erased] = owner.submit(erasure.from_terminal, shop, NORA)
            eventually(lambda: done.done() or builders.waiting_for_locks(shop) == 1)
        assert done.result(60).orders == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_where_a_file_was_taken_from_at_that_moment_is_forgotten(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur")

    def take(session: Session) -> None:
        grant = session.exec(select(Grant).where(Grant.order_id == order_id)).one()
        file = session.exec(select(DownloadFile).where(DownloadFile.product_id == grant.product_id)).one()
        opened = OpenedFile(
            "dl_1", grant.id, file.id, file.key, file.name, file.media_type, file.size, file.sha256, 1, 0, False
        )
        downloads.count(session, opened, ip="10.1.2.3", now=shop.now())

    erased_beside(shop, take)
    assert [each.ip for each in builders.rows(shop, Download)] == [""]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_what_programs_are_told_at_that_moment_is_told_without_their_own_id_of_them(
    shop: Shop, stripe: FakeStripe
) -> None:
    listens(shop, "http://127.0.0.1:9/")
    order_id = builders.bought(shop, stripe, "guide-eur")
    customer_id = builders.order(shop, order_id).customer_id or ""
    versions.catch_up(shop)
    with shop.transaction() as session:
        customers.refer(session, customer_id, "nora-77")
    assert [each.version for each in builders.rows(shop, EntitlementRecord)] == [1]
    erased_beside(shop, lambda session: versions.record(session, customer_id, livemode=False, now=shop.now()))
    assert len(builders.rows(shop, WebhookMessage)) > 1
    assert traces.of(shop, "nora-77") == []


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_joins_them_with_another_customer_at_that_moment_brings_no_address_back(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, theirs = works_as(shop, Role.OWNER), builders.bought(shop, stripe, "guide-eur")
    order_id, session_id = builders.opened(shop, "guide-eur", cart="cart_2")
    stripe.pay(session_id, email="ole@berg.example")
    builders.deliver(shop, stripe.event("completed", session_id))
    ole, nora = (builders.order(shop, each).customer_id or "" for each in (order_id, theirs))
    held, go_on, forget = Event(), Event(), marks.forget

    def forget_later(*given: Any, **named: Any) -> None:
        forget(*given, **named)
        held.set()
        assert go_on.wait(60)

    monkeypatch.setattr(marks, "forget", forget_later)
    with ThreadPoolExecutor(2) as people:
        first = people.submit(erasure.from_terminal, shop, NORA)
        assert held.wait(60)
        second = people.submit(register.merge, shop, ole, nora, deed=deed(owner))
        eventually(lambda: builders.waiting_for_locks(shop) == 1)
        go_on.set()
        assert first.result(60).orders == 1
        with pytest.raises(CustomerNotFound):
            second.result(60)
    assert [row.folded for row in builders.rows(shop, CustomerAddress)] == ["ole@berg.example"]
    assert builders.order(shop, theirs).customer_id == nora


def test_what_a_program_answers_after_that_is_not_kept(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens(shop, "http://127.0.0.1:9/")
    builders.bought(shop, stripe, "guide-eur")
    versions.catch_up(shop)

    def answer(*_: object, **__: object) -> Answer:
        erasure.from_terminal(shop, NORA)
        return Answer(200, "taken: Nora Lindqvist")

    monkeypatch.setattr(posting, "post", answer)
    [first, *_] = [each.id for each in deliveries(shop)]
    sending.deliver(shop, Turn(Job.WEBHOOK, f"webhook:{first}", 0, (first,)))
    assert [(each.status, each.answer) for each in builders.rows(shop, WebhookAttempt)] == [(200, "")]
    assert traces.of(shop, "lindqvist") == []

"""Events that wait together are taken together: at the price of one, and without one being the other's trouble."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text

from core.events import inbox
from core.events.handlers import EventState, Outcome
from core.events.inbox import StripeEvent, Told
from core.events.intake import Intake
from core.foundation import database
from core.foundation.errors import EventRefused
from core.foundation.records import new_id
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseKey
from core.orders.disputes import Dispute
from core.orders.refunds import Refund
from core.orders.status import GrantState
from core.outgoing import endpoints
from core.people.customers import Customer
from core.shop import Shop
from tests import builders
from tests.core.test_statements import statements
from tests.fakes import FakeStripe, signed
from tests.machine import eventually

PREPARED = """
    select name, statement, array_length(parameter_types, 1) as number
    from pg_prepared_statements where name like 'pushcart%' and parameter_types <> '{}'
"""
SCANNED = r"(Seq|Index|Index Only|Bitmap Index) Scan (using|on) "
GOODS = ("guide-eur", "kit-eur", "clinic-eur")


def told(shop: Shop, *events: dict[str, Any]) -> list[Told]:
    return [inbox.opened(shop, *signed(event)) for event in events]


def paid_orders(
    shop: Shop, stripe: FakeStripe, count: int, *items: str, first: int = 0
) -> tuple[list[str], list[dict[str, Any]]]:
    """So many orders that were paid by as many people: their ids, and the events that tell of it."""
    found = [builders.opened(shop, *(items or GOODS), cart=f"cart-{first + number}") for number in range(count)]
    events = []
    for number, (_, session_id) in enumerate(found):
        stripe.pay(session_id, email=f"buyer{first + number}@example.com")
        events.append(stripe.event("completed", session_id))
    return [order_id for order_id, _ in found], events


@pytest.fixture
def roomy(shop: Shop) -> Shop:
    """The shop, with places for everybody."""
    builders.change_date(shop, "clinic/1", capacity=1000)
    return shop


def states(shop: Shop) -> list[tuple[str, str]]:
    return sorted((row.id, row.state) for row in builders.rows(shop, StripeEvent))


def test_events_that_wait_together_each_fulfil_their_order_once(roomy: Shop, stripe: FakeStripe) -> None:
    order_ids, events = paid_orders(roomy, stripe, 8)
    outcomes = inbox.take_all(roomy, told(roomy, *events))
    assert outcomes == [Outcome(EventState.APPLIED, order_id) for order_id in order_ids]
    grants = builders.rows(roomy, Grant)
    assert {grant.state for grant in grants} == {GrantState.ACTIVE}
    assert sorted(grant.order_id for grant in grants) == sorted(order_ids * len(GOODS))
    assert len({key.key_hash for key in builders.rows(roomy, LicenseKey)}) == len(order_ids)
    assert len(builders.rows(roomy, Customer)) == len(order_ids)
    assert builders.taken(roomy)["clinic/1"] == len(order_ids)
    assert builders.jobs(roomy) == sorted(f"receipt:{order_id}" for order_id in order_ids)
    for order_id in order_ids:
        assert builders.log(roomy, order_id).count("fulfilled") == 1


def asked(shop: Shop, act: Callable[[], object]) -> list[str]:
    with statements(shop.engine) as heard:
        act()
    return [each for each in heard if each.split()[0] not in ("BEGIN", "COMMIT", "begin")]


def test_many_events_take_as_many_statements_as_few(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "_BELIEVED", 3600)  # however slow this machine is
    builders.bought(shop, stripe)
    # What is written of one order in a statement of its own would show.
    counts = []
    for number in (3, 12):
        _, events = paid_orders(shop, stripe, number, "guide-eur", first=100 * number)
        waiting = told(shop, *events)
        counts.append(asked(shop, lambda waiting=waiting: inbox.take_all(shop, waiting)))
    assert len(counts[0]) == len(counts[1]), "\n".join(counts[1])


def test_by_which_id_programs_know_the_buyers_is_asked_of_all_at_once(shop: Shop, stripe: FakeStripe) -> None:
    _, events = paid_orders(shop, stripe, 3, "guide-eur")
    with shop.transaction() as session:
        session.execute(text("update orders set seller_reference = 'user-' || number"))
    waiting = told(shop, *events)
    heard = asked(shop, lambda: inbox.take_all(shop, waiting))
    questions = [each for each in heard if each.startswith("SELECT customers") and "seller_reference" in each]
    assert len(questions) == 1, "\n".join(heard)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_of_a_new_shop_whose_rows_were_counted_when_there_were_none_no_table_is_read_as_a_whole(
    shop: Shop, stripe: FakeStripe
) -> None:
    with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    # By connections of its own, on which nobody else has prepared anything.
    own = database.connect(shop.settings.database_url)
    for number in (1, 3):
        _, events = paid_orders(shop, stripe, number, "guide-eur", first=100 * number)
        inbox.take_all(replace(shop, engine=own), told(shop, *events))
    with own.connect() as connection:
        connection.execute(text("set local plan_cache_mode = force_generic_plan"))
        prepared = connection.execute(text(PREPARED)).all()
        for each in prepared:
            nulls = ", ".join(["null"] * each.number)
            plan = "\n".join(connection.execute(text(f"explain execute {each.name} ({nulls})")).scalars())
            assert len(re.findall(SCANNED, plan)) == plan.count("Index Cond"), f"{each.statement}\n{plan}"
    own.dispose()
    assert len(prepared) > 20


def test_one_that_cannot_be_applied_fails_alone(roomy: Shop, stripe: FakeStripe) -> None:
    order_ids, events = paid_orders(roomy, stripe, 5)
    events[2]["data"]["object"]["amount_total"] = "a lot"
    outcomes = inbox.take_all(roomy, told(roomy, *events))
    assert [isinstance(each, Exception) for each in outcomes] == [False, False, True, False, False]
    statuses = [builders.status(roomy, order_id) for order_id in order_ids]
    assert statuses == ["fulfilled", "fulfilled", "pending", "fulfilled", "fulfilled"]
    failed = [row for row in builders.rows(roomy, StripeEvent) if row.state is EventState.FAILED]
    assert [(row.id, row.attempts) for row in failed] == [(events[2]["id"], 1)]


def test_the_same_event_several_times_at_once_is_one(roomy: Shop, stripe: FakeStripe) -> None:
    [order_id], [event] = paid_orders(roomy, stripe, 1)
    outcomes = inbox.take_all(roomy, told(roomy, event, event, event))
    assert outcomes == [Outcome(EventState.APPLIED, order_id)] * 3
    assert states(roomy) == [(event["id"], "applied")]
    assert inbox.take_all(roomy, told(roomy, event, event)) == outcomes[:2]
    assert len(builders.rows(roomy, Grant)) == len(GOODS)


def test_what_belongs_to_a_session_may_come_with_it_and_before_it(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "guide-eur")
    stripe.pay(session_id)
    completed = stripe.event("completed", session_id)
    payment = stripe.sessions[session_id]["payment_intent"]
    refunded = stripe.tell("refund.created", stripe.make_refund(payment, 2900))
    outcomes = inbox.take_all(shop, told(shop, refunded, completed))
    assert outcomes == [Outcome(EventState.APPLIED, order_id)] * 2
    assert builders.status(shop, order_id) == "refunded"


@pytest.mark.parametrize("kind", ["dispute", "refund"])
def test_what_was_told_of_a_payment_before_it_was_there_names_it_then(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    [plain], [event] = paid_orders(shop, stripe, 1, "guide-eur")
    order_id, session_id = builders.opened(shop, "kit-eur", cart="by-debit")
    payment = stripe.pay(session_id, slowly=True)["payment_intent"]
    builders.deliver(shop, stripe.event("completed", session_id))
    stripe.settle(session_id)
    about = stripe.dispute(payment, status="needs_response") if kind == "dispute" else stripe.make_refund(payment, 7900)
    builders.deliver(shop, stripe.tell(f"charge.{kind}.created" if kind == "dispute" else f"{kind}.created", about))
    settled = stripe.event("async_payment_succeeded", session_id)
    tries, taken = [], inbox._taken
    monkeypatch.setattr(inbox, "_taken", lambda *each, **how: tries.append(each) or taken(*each, **how))
    assert inbox.take_all(shop, told(shop, event, settled)) == [
        Outcome(EventState.APPLIED, each) for each in (plain, order_id)
    ]
    assert len(tries) == 1  # and not each by itself, after both had failed
    [row] = builders.rows(shop, Dispute if kind == "dispute" else Refund)
    assert row.payment_id == payment
    assert builders.status(shop, order_id) == {"dispute": "disputed", "refund": "refunded"}[kind]


def test_crossed_batches_at_the_same_instant_all_come_through(roomy: Shop, stripe: FakeStripe) -> None:
    order_ids, events = paid_orders(roomy, stripe, 12)
    everything = told(roomy, *events)
    batches = [everything, everything[::-1], everything[::2] + everything[1::2]]
    found = builders.at_once(*(lambda batch=batch: inbox.take_all(roomy, batch) for batch in batches))
    for outcomes in found:
        assert isinstance(outcomes, list)
        assert {each.state for each in outcomes if isinstance(each, Outcome)} == {EventState.APPLIED}
        assert len(outcomes) == len(events)
    assert sorted(grant.order_id for grant in builders.rows(roomy, Grant)) == sorted(order_ids * len(GOODS))
    assert builders.taken(roomy)["clinic/1"] == len(order_ids)
    for order_id in order_ids:
        assert builders.log(roomy, order_id).count("fulfilled") == 1


@contextmanager
def held(shop: Shop, *order_ids: str) -> Iterator[None]:
    """Somebody else has these orders locked meanwhile."""
    with shop.engine.begin() as connection:
        query = text("select id from orders where id = any(:ids) for update")
        assert len(connection.execute(query, {"ids": [*order_ids]}).all()) == len(order_ids)
        yield


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_one_whose_order_somebody_else_holds_is_given_up_alone_and_not_noted(roomy: Shop, stripe: FakeStripe) -> None:
    order_ids, events = paid_orders(roomy, stripe, 5)
    with held(roomy, order_ids[2]):
        outcomes = inbox.take_all(roomy, told(roomy, *events), waits=False)
    errors = [each for each in outcomes if isinstance(each, Exception)]
    assert outcomes.index(errors[0]) == 2
    assert [database.is_held(each) for each in errors] == [True]
    assert states(roomy) == sorted((event["id"], "applied") for event in events if event != events[2])
    assert [builders.status(roomy, each) for each in order_ids].count("fulfilled") == 4
    assert inbox.take_all(roomy, told(roomy, events[2]), waits=False) == [Outcome(EventState.APPLIED, order_ids[2])]


@builders.on_sqlite
def test_when_the_database_is_away_nothing_is_tried_in_parts(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, events = paid_orders(shop, stripe, 4, "guide-eur")
    # There is a folder where the file is to be.
    away = replace(shop, engine=database.connect(f"sqlite:///{tmp_path}"))
    tries = []
    taken = inbox._taken
    monkeypatch.setattr(inbox, "_taken", lambda *each, **how: tries.append(each) or taken(*each, **how))
    outcomes = inbox.take_all(away, told(shop, *events))
    assert len(tries) == 1
    assert all(isinstance(each, Exception) and database.is_away(each) for each in outcomes)
    assert {each.state for each in inbox.take_all(shop, told(shop, *events)) if isinstance(each, Outcome)} == {
        EventState.APPLIED
    }


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own, as a server's does."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever)
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join()
    running.close()


Door = Callable[[Shop], Callable[[Told], "Future[Outcome]"]]


@pytest.fixture
def door(loop: asyncio.AbstractEventLoop) -> Door:
    """A shop's intake: each event that it is given waits there by the time that its answer can be asked for."""

    def of(shop: Shop) -> Callable[[Told], "Future[Outcome]"]:
        intake = Intake(lambda: shop)

        def put(event: Told) -> "Future[Outcome]":
            answer = asyncio.run_coroutine_threadsafe(intake.take(event), loop)
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(30)
            return answer

        return put

    return of


def test_while_one_batch_is_taken_the_next_one_gathers(
    shop: Shop, stripe: FakeStripe, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_ids, events = paid_orders(shop, stripe, 6, "guide-eur")
    begun, may_go_on, sizes = Event(), Event(), []
    taken = inbox.take_all

    def slowly(of: Shop, batch: list[Told], *, waits: bool) -> list[Outcome | Exception]:
        sizes.append(len(batch))
        begun.set()
        assert may_go_on.wait(30)
        return taken(of, batch, waits=waits)

    monkeypatch.setattr(inbox, "take_all", slowly)
    intake = door(shop)
    waiting = told(shop, *events)
    answers = [intake(waiting[0])]
    assert begun.wait(30)
    answers += [intake(each) for each in waiting[1:]]
    assert not any(answer.done() for answer in answers)
    may_go_on.set()
    assert [answer.result(30).order_id for answer in answers] == order_ids
    assert sizes == [1, 5]


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events were taken each time; nothing is done with them."""
    found: list[int] = []

    def take_all(_shop: Shop, batch: list[Told], *, waits: bool) -> list[Outcome]:
        found.append(len(batch))
        return [Outcome(EventState.IGNORED)] * len(batch)

    monkeypatch.setattr(inbox, "take_all", take_all)
    return found


async def _put(intake: Intake, number: int, *, turns: int = 0) -> None:
    """Put in so many events, one after another, between each two of which the loop turns so often."""
    answers = []
    for _ in range(number):
        answers.append(asyncio.create_task(intake.take(Told({"id": "evt_1"}, "", "somebody"))))
        for _ in range(turns):
            await asyncio.sleep(0)
    await asyncio.gather(*answers)


def test_those_that_come_one_after_another_are_taken_together_once_several_were(shop: Shop, sizes: list[int]) -> None:
    intake = Intake(lambda: shop)
    intake._sizes = (6, 1)
    asyncio.run(_put(intake, 6, turns=4))
    assert sizes == [6]


def test_one_that_comes_alone_after_others_that_did_is_not_waited_with(
    shop: Shop, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    look = Intake._look
    monkeypatch.setattr(Intake, "_look", lambda self, *said: looked.append(said) or look(self, *said))
    intake = Intake(lambda: shop)
    for _ in range(3):
        asyncio.run(_put(intake, 1))
    assert (sizes, looked) == ([1, 1, 1], [])
    intake._sizes = (5, 5)
    before = len(looked)
    asyncio.run(_put(intake, 1))  # others may come with it: for some turns
    assert 1 < len(looked) - before < 30
    for _ in range(2):
        asyncio.run(_put(intake, 1))
    before = len(looked)
    asyncio.run(_put(intake, 1))
    assert len(looked) == before


def test_what_waits_with_a_loop_that_was_stopped_keeps_nobody_else_waiting(shop: Shop, sizes: list[int]) -> None:
    intake = Intake(lambda: shop)
    intake._sizes = (6, 6)
    stopped = asyncio.new_event_loop()
    gone = stopped.create_task(_put(intake, 1))
    for _ in range(3):
        stopped.run_until_complete(asyncio.sleep(0))
    asyncio.run(asyncio.wait_for(_put(intake, 1), 30))
    gone.cancel()
    stopped.run_until_complete(asyncio.gather(gone, return_exceptions=True))
    stopped.close()
    assert sum(sizes) == 2


def test_whoever_put_in_what_fails_hears_of_it_and_nobody_else(roomy: Shop, stripe: FakeStripe, door: Door) -> None:
    _, events = paid_orders(roomy, stripe, 3, "guide-eur")
    events[1]["data"]["object"]["amount_total"] = "a lot"
    intake = door(roomy)
    answers = [intake(each) for each in told(roomy, *events)]
    errors = [answer.exception(30) for answer in answers]
    assert [type(error) for error in errors] == [type(None), TypeError, type(None)]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_while_somebody_else_holds_an_order_only_its_own_events_wait(
    roomy: Shop, stripe: FakeStripe, door: Door
) -> None:
    order_ids, events = paid_orders(roomy, stripe, 6)
    intake, waiting = door(roomy), told(roomy, *events)
    with held(roomy, order_ids[1]):
        answers = [intake(each) for each in waiting[:4]]
        assert [answers[each].result(30).order_id for each in (0, 2, 3)] == [order_ids[each] for each in (0, 2, 3)]
        later = [intake(each) for each in waiting[4:]]
        assert [answer.result(30).order_id for answer in later] == order_ids[4:]
        assert not answers[1].done()
    assert answers[1].result(30) == Outcome(EventState.APPLIED, order_ids[1])
    assert {state for _, state in states(roomy)} == {"applied"}


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_of_many_orders_that_are_held_stripe_is_to_tell_again(
    shop: Shop, stripe: FakeStripe, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.events.intake._ASIDE", 1)
    order_ids, events = paid_orders(shop, stripe, 3, "guide-eur")
    intake = door(shop)
    with held(shop, *order_ids[:2]):
        waits, *others = (intake(each) for each in told(shop, *events))
        refused = others[0].exception(30)
        assert isinstance(refused, Exception)
        assert database.is_away(refused)
        assert others[1].result(30).order_id == order_ids[2]
        assert not waits.done()
    assert waits.result(30).order_id == order_ids[0]
    assert intake(told(shop, events[1])[0]).result(30) == Outcome(EventState.APPLIED, order_ids[1])


def test_what_somebody_put_in_who_went_away_is_taken_all_the_same(shop: Shop, stripe: FakeStripe, door: Door) -> None:
    [order_id, other], events = paid_orders(shop, stripe, 2, "guide-eur")
    intake = door(shop)
    gone, waits = told(shop, *events)
    intake(gone).cancel()
    assert intake(waits).result(30).order_id == other
    assert builders.status(shop, order_id) == "fulfilled"


def test_an_intake_that_had_nothing_to_do_for_long_takes_what_comes_then(
    shop: Shop, stripe: FakeStripe, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.events.intake._IDLE", 0.01)
    order_ids, events = paid_orders(shop, stripe, 2, "guide-eur")
    intake, others = door(shop), set(threading.enumerate())
    for order_id, each in zip(order_ids, told(shop, *events), strict=True):
        assert intake(each).result(30).order_id == order_id
        eventually(lambda: not set(threading.enumerate()) - others)


def test_what_stripe_did_not_sign_is_never_put_in(shop: Shop, stripe: FakeStripe) -> None:
    _, [event] = paid_orders(shop, stripe, 1, "guide-eur")
    body, _ = signed(event)
    with pytest.raises(EventRefused):
        inbox.opened(shop, body, "t=1,v1=" + new_id("no"))

"""The claim on a letter: one attempt at a time, by a worker that is at work, and what was sent stays sent."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from core.foundation.signals import heartbeats
from core.foundation.signals.heartbeats import Kind
from core.messages import letters
from core.messages.letters import Claim, Letter, LetterState
from core.owner.needs import attention
from core.shop import Shop
from tests.builders import at_once
from tests.conftest import Clock
from tests.core.orders.stored import placed


@pytest.fixture
def shop(bare_shop: Shop) -> Shop:
    """Where nobody is at work yet."""
    return bare_shop


@pytest.fixture
def workers(shop: Shop) -> tuple[str, str]:
    """Two that are at work."""
    with shop.transaction() as session:
        now = heartbeats.database_time(session)
        one, two = (heartbeats.begin(session, Kind.WORKER, host=host, pid=1, now=now) for host in "ab")
    return one, two


def _begin(shop: Shop, worker: str) -> Claim | None:
    with shop.transaction() as session:
        return letters.begin(session, "receipt:1", order_id=None, worker=worker, now=shop.now())


def _claim(shop: Shop, worker: str) -> Claim:
    claim = _begin(shop, worker)
    assert claim
    return claim


def _fail(shop: Shop, claim: Claim, *, for_good: bool = False) -> bool:
    with shop.transaction() as session:
        return letters.failed(session, claim, "no", for_good=for_good, now=shop.now())


def _send(shop: Shop) -> None:
    with shop.transaction() as session:
        letters.sent(session, "receipt:1", now=shop.now())


def _hold(shop: Shop, claim: Claim) -> bool:
    with shop.transaction() as session:
        return letters.hold(session, claim)


def _lapse(shop: Shop) -> None:
    with shop.transaction() as session:
        session.exec(update(Letter).values(claimed_until=shop.now() - timedelta(days=3650)))


def _letter(shop: Shop) -> Letter:
    with shop.reading() as session:
        return session.get_one(Letter, "receipt:1")


def test_of_many_who_want_a_letter_at_once_one_gets_it(shop: Shop, workers: tuple[str, str]) -> None:
    claims = at_once(*(lambda worker=worker: _begin(shop, worker) for worker in workers * 4))
    assert len([claim for claim in claims if isinstance(claim, Claim)]) == 1
    assert claims.count(None) == 7


def test_a_late_failure_never_overwrites_what_was_sent(shop: Shop, workers: tuple[str, str]) -> None:
    slow = _claim(shop, workers[0])
    _lapse(shop)
    _claim(shop, workers[1])
    _send(shop)
    assert not _fail(shop, slow, for_good=True)
    assert (_letter(shop).state, _letter(shop).error) == (LetterState.SENT, "")
    assert _begin(shop, workers[0]) is None


def test_a_late_failure_leaves_the_next_ones_claim_alone(shop: Shop, workers: tuple[str, str]) -> None:
    slow = _claim(shop, workers[0])
    _lapse(shop)
    quick = _claim(shop, workers[1])
    assert _fail(shop, slow, for_good=True)
    assert _begin(shop, workers[0]) is None
    assert (_hold(shop, slow), _hold(shop, quick)) == (False, True)


def test_a_claim_that_lapsed_is_held_anew_unless_somebody_took_the_letter(shop: Shop, workers: tuple[str, str]) -> None:
    claim = _claim(shop, workers[0])
    _lapse(shop)
    assert _hold(shop, claim)
    assert _begin(shop, workers[1]) is None


def test_a_worker_that_is_taken_for_gone_claims_and_holds_nothing(shop: Shop, workers: tuple[str, str]) -> None:
    paused = _claim(shop, workers[0])
    with shop.transaction() as session:
        now = heartbeats.database_time(session) + timedelta(minutes=1)
        heartbeats.beat(session, workers[1], now=now)
        gone = heartbeats.end_silent(session, silent_for=timedelta(seconds=16), now=now)
        letters.release(session, gone)
    assert gone == [workers[0]]
    assert not _hold(shop, paused)
    assert _begin(shop, workers[0]) is None
    assert _claim(shop, workers[1]).attempt == 2
    assert _fail(shop, paused)
    assert _letter(shop).claimed_by == workers[1]


@pytest.mark.parametrize("for_good", [True, False])
def test_what_is_refused_for_good_or_fails_for_three_days_is_for_a_person(
    shop: Shop, clock: Clock, workers: tuple[str, str], for_good: bool
) -> None:
    assert _fail(shop, _claim(shop, workers[0]))
    clock.pass_(days=2, hours=23)
    assert _fail(shop, _claim(shop, workers[0]))
    clock.pass_(hours=1)
    assert not _fail(shop, _claim(shop, workers[0]), for_good=for_good)
    assert _letter(shop).state is (LetterState.REFUSED if for_good else LetterState.GIVEN_UP)
    assert _begin(shop, workers[1]) is None
    assert [(item.topic, item.subject) for item in attention.items(shop)] == [("letter", "receipt:1")]


@pytest.mark.usefixtures("workers")
def test_a_letter_that_waits_for_the_mail_server_is_known_and_given_up_like_another(shop: Shop, clock: Clock) -> None:
    def put_off() -> bool:
        with shop.transaction() as session:
            return letters.put_off(session, "receipt:1", "down", order_id=None, now=shop.now())

    assert put_off()
    assert (_letter(shop).state, _letter(shop).attempts) == (LetterState.RETRYING, 0)
    clock.pass_(hours=2)
    assert [(item.topic, item.detail) for item in attention.items(shop)] == [("letter", "down")]
    clock.pass_(days=3)
    assert not put_off()
    assert _letter(shop).state is LetterState.GIVEN_UP
    _send(shop)
    assert not put_off()
    assert _letter(shop).state is LetterState.SENT


def test_a_receipt_that_went_out_needs_nobody_any_more_for_those_before_that_did_not(
    shop: Shop, workers: tuple[str, str], clock: Clock
) -> None:
    ours, others = placed(shop), placed(shop, "cart_2")
    stuck = {
        f"receipt:{ours}": ours, f"receipt:{ours}:do_1": ours, f"refunded:{ours}:re_1": ours, f"receipt:{others}": others,
    }  # fmt: skip
    with shop.transaction() as session:
        for name, order_id in stuck.items():
            claim = letters.begin(session, name, order_id=order_id, worker=workers[0], now=shop.now())
            assert claim
            letters.failed(session, claim, "no", for_good=True, now=shop.now())
    clock.pass_(minutes=1)
    copy = f"receipt:{ours}:do_2"
    with shop.transaction() as session:
        assert letters.begin(session, copy, order_id=ours, worker=workers[0], now=shop.now())
    assert {item.subject for item in attention.items(shop) if item.topic == "letter"} == set(stuck)
    with shop.transaction() as session:
        letters.sent(session, copy, now=shop.now())
    left = {item.subject for item in attention.items(shop) if item.topic == "letter"}
    assert left == {f"refunded:{ours}:re_1", f"receipt:{others}"}

"""The circuit breaker: how often a mail server that is down is tried."""

from worker.breaker import Breaker


class Watch:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def _tries(breaker: Breaker, watch: Watch, *, seconds: int, at_once: int) -> int:
    """How many of the attempts that come every second are let through to a server that stays down."""
    let_through = 0
    for _ in range(seconds):
        for _ in range(at_once):
            with breaker.attempt() as allowed:
                let_through += allowed
                if allowed:
                    breaker.failed()
        watch.time += 1
    return let_through


def test_a_server_that_is_down_is_tried_ever_less_often_however_many_want_to() -> None:
    breaker = Breaker(watch := Watch())
    # After 1, 2, 4, 8, 16, 32 and then every 60 seconds.
    assert _tries(breaker, watch, seconds=64, at_once=1000) == 7
    assert _tries(breaker, watch, seconds=600, at_once=1000) == 10


def test_those_who_fail_together_count_once() -> None:
    breaker = Breaker(Watch())
    for _ in range(32):
        breaker.failed()
    assert breaker.wait() == 1


def test_one_tries_at_a_time_until_the_server_answers() -> None:
    breaker = Breaker(watch := Watch())
    breaker.failed()
    watch.time += 1
    with breaker.attempt() as first:
        with breaker.attempt() as second:
            assert (first, second) == (True, False)
        breaker.worked()
        with breaker.attempt() as third, breaker.attempt() as fourth:
            assert (third, fourth) == (True, True)


def test_one_that_found_nothing_to_send_lets_the_next_try() -> None:
    breaker = Breaker(watch := Watch())
    breaker.failed()
    watch.time += 1
    with breaker.attempt() as first:
        assert first
    with breaker.attempt() as second:
        assert second

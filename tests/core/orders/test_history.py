"""What is written of an order, and what was tried in vain: each thing once, and in the order in which it happened."""

from datetime import timedelta

from sqlmodel import select

from core.foundation import masking
from core.orders import history, setbacks
from core.orders.history import Entries, FulfillmentLog
from core.orders.setbacks import Setback
from core.shop import Shop
from tests import builders
from tests.core.orders.rows import DAY
from tests.core.orders.stored import locking, placed

LATER = DAY + timedelta(days=1)


def test_what_happened_at_once_is_written_in_one_go_and_reads_in_its_order(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        before = [row.event for row in history.of_order(session, order_id)]
        entries = Entries(order_id, "webhook", LATER, "cs_1")
        for event, detail in (("paid", ""), ("granted:1", ""), ("fulfilled", "at last")):
            entries.add(event, detail)
        entries.write(session)
        Entries(order_id, "webhook", LATER).write(session)
        history.note(session, another, "paid", actor="owner", detail="by hand", now=LATER)
    with shop.reading() as session:
        found = [row for row in history.of_order(session, order_id) if row.event not in before]
        assert [row.model_dump() for row in found] == [
            {
                "order_id": order_id, "event": event, "stripe_checkout_session_id": "cs_1", "actor": "webhook",
                "detail": detail, "created_at": LATER + timedelta(microseconds=place),
            }
            for place, (event, detail) in enumerate((("paid", ""), ("granted:1", ""), ("fulfilled", "at last")))
        ]  # fmt: skip
        noted = history.of_order(session, another)[-1]
        assert (noted.stripe_checkout_session_id, noted.actor, noted.detail) == (None, "owner", "by hand")
        assert noted.created_at == LATER


def test_what_is_noted_twice_stays_as_it_was_noted_first(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for actor, now in (("webhook", LATER), ("owner", DAY)):
            history.note(session, order_id, "paid", actor=actor, now=now)
        for event in ("b", "a"):
            history.note(session, order_id, event, actor="owner", now=DAY)
    with shop.reading() as session:
        found = [(row.event, row.actor) for row in history.of_order(session, order_id) if ":" not in row.event]
        assert found == [("a", "owner"), ("b", "owner"), ("paid", "webhook")]
    assert sum(row.event == "paid" for row in builders.rows(shop, FulfillmentLog)) == 1


def test_what_fails_rests_ever_longer_and_needs_a_person_after_six_times(shop: Shop) -> None:
    order_id = placed(shop)
    rests = (30, 60, 120, 240, 480, 900, 900, 900, 900, 900, 900, 900)
    with shop.transaction() as session:
        setbacks.note(session, "of_others", "", order_id=None, now=DAY)
        for number, seconds in enumerate(rests, start=1):
            now = DAY + timedelta(hours=number)
            error = f"error {number} " + "x " * 900
            with locking(session) as locked:
                setbacks.note(session, "in_1", error, order_id=order_id, now=now)
            assert locked == ["setbacks"]
            row = session.get_one(Setback, "in_1")
            assert (row.tries, row.order_id, row.since) == (number, order_id, DAY + timedelta(hours=1))
            assert row.error == masking.masked(error, most=1000)
            assert setbacks.by_subject(session) == {
                "in_1": now + timedelta(seconds=seconds), "of_others": DAY + timedelta(seconds=30),
            }  # fmt: skip
            assert session.exec(select(Setback).where(setbacks.LASTING)).all() == ([row] if number >= 6 else [])
        setbacks.clear(session, "in_1")
        assert list(setbacks.by_subject(session)) == ["of_others"]


def test_whoever_wants_all_of_it_tried_now_wakes_what_still_rests(shop: Shop) -> None:
    with shop.transaction() as session:
        setbacks.note(session, "in_1", "", order_id=None, now=DAY)
        setbacks.note(session, "in_2", "", order_id=None, now=LATER)
        setbacks.wake_all(session, now=LATER)
        assert setbacks.by_subject(session) == {"in_1": DAY + timedelta(seconds=30), "in_2": LATER}

"""Retention: what is old enough is forgotten, in batches and once, and what the books need stays as it is."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from core.events import inbox
from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation.errors import EventReduced
from core.foundation.signals import heartbeats
from core.foundation.signals.heartbeats import Heartbeat
from core.foundation.signals.milestones import Name
from core.journeys import carts
from core.journeys.carts import Cart, CartLine
from core.kinds.downloads import Download
from core.kinds.grants import Grant
from core.orders.checkouts import Checkout
from core.people import codes
from core.people.codes import SignInCode
from core.people.sign_in import SignIn
from core.privacy import retention, sizes
from core.shop import Shop
from tests import builders
from tests.colleagues import signed_in
from tests.conftest import Clock
from tests.fakes import FakeStripe

NORA = "nora@lindqvist.example"


def with_past(shop: Shop, stripe: FakeStripe) -> str:
    """A shop in which everything has happened that is forgotten once; the order that was paid."""
    order_id = builders.bought(shop, stripe)
    link = builders.checkout.start(shop, builders.a_basket("kit-eur", cart="cart_2", email="ole@berg.example"))
    stripe.expire(builders.session_id(link))
    builders.deliver(shop, stripe.event("expired", builders.session_id(link)))
    sign_in_id = signed_in(shop, NORA)
    [grant] = builders.rows(shop, Grant)
    with shop.transaction() as session:
        session.get_one(SignIn, sign_in_id).ip = "192.0.2.7"
        session.add(
            Download(id="dl_1", grant_id=grant.id, file_id=file_of(shop), ip="192.0.2.7", created_at=shop.now())
        )
        codes.owe(session, NORA, now=shop.now())
        carts.put(session, "br_9", "guide-eur", 1, now=shop.now())
        run = heartbeats.begin(session, heartbeats.Kind.WORKER, host="gone", pid=1, now=shop.now())
        heartbeats.end(session, run, now=shop.now())
    with shop.transaction() as session:
        session.execute(text(f"update {builders.jobs_table(session)} set status = 'SUCCESS'"))
    return order_id


def file_of(shop: Shop) -> str:
    with shop.reading() as session:
        return str(session.execute(text("select id from download_files where product_id = 'guide'")).scalar_one())


def kept(shop: Shop) -> dict[str, Any]:
    """What there is of it."""
    return {
        "whole": sum("reduced" not in row.payload for row in builders.rows(shop, StripeEvent)),
        "ips": [row.ip for row in (*builders.rows(shop, Download), *builders.rows(shop, SignIn)) if row.ip],
        "codes": len(builders.rows(shop, SignInCode)),
        "carts": len(builders.rows(shop, Cart)) + len(builders.rows(shop, CartLine)),
        "unpaid": [row.email for row in builders.rows(shop, builders.Order) if row.email != NORA and row.email],
        "jobs": len(builders.jobs(shop)),
        "runs": [row.host for row in builders.rows(shop, Heartbeat) if row.host == "gone"],
    }


def books(shop: Shop, order_id: str) -> tuple[Any, ...]:
    found = builders.detail(shop, order_id)
    return found, len(builders.rows(shop, builders.Order)), builders.seen(shop, NORA)


def test_each_part_goes_when_its_time_has_come_and_the_books_stay(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = with_past(shop, stripe)
    before, whole = books(shop, order_id), kept(shop)
    assert not any(retention.run(shop).values())
    assert kept(shop) == whole
    clock.pass_(days=2)
    retention.run(shop)
    assert (kept(shop)["codes"], kept(shop)["carts"]) == (0, 2)
    clock.pass_(days=29)
    # Jobs are as old as the system's clock says, which nothing here moves.
    with shop.transaction() as session:
        session.execute(text(f"update {builders.jobs_table(session)} set created_at = 1"))
        session.execute(
            text(f"update {builders.jobs_table(session)} set status = 'ERROR' where workflow_uuid like 'rec%'")
        )
    done = retention.run(shop)
    assert (done["carts"], done["unpaid"], done["jobs"] > 0) == (1, 1, True)
    left = kept(shop)
    assert (left["carts"], left["unpaid"], left["jobs"], left["runs"]) == (0, [], 1, [])
    assert {row.parameters.get("customer_email") for row in builders.rows(shop, Checkout)} == {None}
    clock.pass_(days=60)
    assert retention.run(shop)["events"] == 2
    clock.pass_(days=30)
    assert (retention.run(shop)["downloads"], retention.run(shop)["downloads"]) == (1, 0)
    assert kept(shop) == {"whole": 0, "ips": [], "codes": 0, "carts": 0, "unpaid": [], "jobs": 1, "runs": []}
    assert books(shop, order_id) == before
    assert not any(retention.run(shop).values())


@builders.on_sqlite
def test_an_event_of_which_the_ids_are_left_is_shown_and_not_applied(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    with_past(shop, stripe)
    clock.pass_(days=91)
    retention.run(shop)
    event = builders.rows(shop, StripeEvent)[0]
    told = orjson.loads(inbox.payload_of(shop, event.id))
    assert (told["id"], told["type"], set(told["data"]["object"])) == (event.id, event.type, {"id", "object"})
    with pytest.raises(EventReduced):
        inbox.replay(shop, event.id, actor="owner")
    assert builders.event_row(shop, event.id).state is EventState.APPLIED


@builders.on_sqlite
def test_what_is_still_to_be_applied_keeps_all(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    with_past(shop, stripe)
    with shop.transaction() as session:
        session.execute(text("update stripe_events set state = 'parked'"))
    clock.pass_(days=91)
    assert retention.run(shop)["events"] == 0
    assert kept(shop)["whole"] == 2


@builders.on_sqlite
def test_a_cart_that_is_still_used_stays(shop: Shop, clock: Clock) -> None:
    with shop.transaction() as session:
        carts.put(session, "br_9", "guide-eur", 1, now=shop.now())
    clock.pass_(days=29)
    with shop.transaction() as session:
        carts.put(session, "br_9", "kit-eur", 1, now=shop.now())
    clock.pass_(days=2)
    assert retention.run(shop)["carts"] == 0


@builders.on_sqlite
def test_a_dry_run_says_what_is_due_and_nothing_is_kept_for_ever_by_zero(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    with_past(shop, stripe)
    clock.pass_(days=121)
    whole = kept(shop)
    found = retention.due(shop)
    assert (found["events"], found["downloads"], found["sign_ins"], found["codes"]) == (2, 1, 1, 1)
    assert kept(shop) == whole
    never = {f"retention_{name}_days": 0 for name in ("events", "addresses", "codes", "unpaid", "jobs")}
    hoarder = replace(shop, settings=shop.settings.model_copy(update=never))
    assert not any(retention.run(hoarder).values())
    assert kept(shop) == whole


def test_how_much_there_is_and_when_it_was_looked_at_is_known(shop: Shop, stripe: FakeStripe) -> None:
    with_past(shop, stripe)
    retention.run(shop)
    with shop.reading() as session:
        ran, found = retention.last(session), sizes.look(session)
    assert ran
    assert (ran.name, ran.at) == (Name.RETAINED, shop.now())
    assert found.total > 100_000
    assert set(found.rows) == set(sizes.TABLES)


@builders.on_sqlite
def test_of_events_that_came_at_once_none_is_passed_over(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    sold = [builders.opened(shop, cart=f"cart_{number}")[1] for number in range(5)]
    for session_id in sold:
        stripe.pay(session_id)
    builders.deliver_at_once(shop, [stripe.event("completed", session_id) for session_id in sold])
    assert len({row.received_at for row in builders.rows(shop, StripeEvent)}) == 1
    clock.pass_(days=91)
    assert retention.run(shop)["events"] == 5
    assert kept(shop)["whole"] == 0


def test_many_are_done_in_batches(shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    with shop.transaction() as session:
        for number in range(8):
            codes.make(session, f"a{number}@example.com", now=shop.now())
    clock.pass_(days=2)
    assert retention.run(shop)["codes"] == 8


def test_a_part_that_fails_keeps_no_other_from_being_done(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_past(shop, stripe)
    clock.pass_(days=400)

    def broken(_session: object, _batch: object) -> int:
        raise ValueError("no event is like this")

    parts = {**retention.PARTS, "events": replace(retention.PARTS["events"], forget=broken)}
    monkeypatch.setattr(retention, "PARTS", parts)
    done = retention.run(shop)
    assert "events" not in done
    assert done["codes"] == done["downloads"] == 1
    assert builders.rows(shop, SignInCode) == []

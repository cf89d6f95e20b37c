"""A rehearsal ticks off what it has seen, and nothing else: what did not happen is a point that failed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from core.catalog.products import Product
from core.events import reconciliation
from core.foundation.errors import RealMoney
from core.foundation.jobs.kinds import Job
from core.journeys import success_page
from core.journeys.checkout import PaymentLink
from core.messages.letters import Letter, LetterState
from core.rehearsal.checklist import Rehearsal
from core.rehearsal.points import Record
from core.rehearsal.seeing import Patience
from core.shop import Shop
from tests import builders
from tests.builders import deliver, on_sqlite
from tests.core.owner.doctor.test_examination import serving
from tests.fakes import FakeStripe
from webhook.app import create_app

pytestmark = on_sqlite


@dataclass
class World:
    """What Stripe and the worker do while a rehearsal waits. `silent` if Stripe's events do not arrive, `mute` if no letter is
    sent, `returns` if whoever pays is back at the shop before Stripe tells of it."""

    shop: Shop
    stripe: FakeStripe
    silent: bool = False
    mute: bool = False
    returns: bool = False
    seconds: float = 0
    told: set[str] = field(default_factory=set)

    def pay(self, _link: PaymentLink, session_id: str) -> None:
        self.stripe.pay(session_id)
        if self.returns:
            success_page.confirm(self.shop, session_id)

    def clock(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.seconds += seconds
        if self.silent:
            reconciliation.sweep(self.shop, everything=True)
        else:
            self._tell()
        builders.ask_stripe(self.shop)
        if not self.mute:
            self._send()

    def missed(self, event: dict[str, Any]) -> dict[str, Any]:
        """Stripe says that no endpoint took it."""
        self.stripe.undelivered.append(event)
        return event

    def _tell(self) -> None:
        for name, session in list(self.stripe.sessions.items()):
            kind = {"complete": "completed", "expired": "expired"}.get(session["status"])
            if kind and self._once(f"{name} {kind}"):
                deliver(self.shop, self.stripe.event(kind, name))
        for name, refund in list(self.stripe.refunds.items()):
            if self._once(name):
                deliver(self.shop, self.stripe.tell("refund.created", refund))
        for name, plan in list(self.stripe.subscriptions.items()):
            if plan["status"] == "canceled" and self._once(name):
                deliver(self.shop, self.stripe.tell("customer.subscription.deleted", plan))

    def _once(self, name: str) -> bool:
        known, self.told = name in self.told, self.told | {name}
        return not known

    def _send(self) -> None:
        sent = {letter.id for letter in builders.rows(self.shop, Letter)}
        kinds = (f"{Job.RECEIPT}:", f"{Job.REFUNDED}:", f"{Job.PLAN_ENDED}:")
        now = self.shop.now()
        with self.shop.transaction() as session:
            session.add_all(
                Letter(
                    id=job, order_id=job.split(":")[1], state=LetterState.SENT, attempts=1, created_at=now, sent_at=now
                )
                for job in builders.jobs(self.shop)
                if job.startswith(kinds) and job not in sent
            )


@pytest.fixture
def world(shop: Shop, stripe: FakeStripe) -> Iterator[World]:
    """A shop that answers at its addresses."""
    outside = FastAPI()
    outside.get("/thanks")(lambda: "Thanks")
    outside.mount("/", create_app(shop))
    with serving(outside) as address:
        at = {"app_url": address, "webhook_port": urlsplit(address).port}
        yield World(replace(shop, settings=shop.settings.model_copy(update=at)), stripe)


def rehearsed(world: World) -> Record:
    record = Record(world.shop.now(), "Plainwork", "in a test")
    patience = Patience(machines=1, person=1, pause=world.pause, clock=world.clock)
    return Rehearsal(world.shop, record, world.pay, by_hand=False, patience=patience).run()


def failed(record: Record) -> set[tuple[str, str]]:
    return {(point.part, point.what) for point in record.points if not point.passed}


def test_a_purchase_of_each_kind_is_seen_to_its_end_and_kept(world: World, tmp_path: Path) -> None:
    record = rehearsed(world)
    assert failed(record) == set()
    parts = list(dict.fromkeys(point.part for point in record.points))
    assert parts == [
        "Field Guide", "Template Kit", "Plan", "Clinic", "A page that is left", "A refund of Field Guide",
        "A refund of Template Kit", "The end of Plan", "A refund of Clinic",
    ]  # fmt: skip
    assert set(builders.taken(world.shop).values()) == {0, 3}
    page, data = record.keep(tmp_path / "kept")
    assert orjson.loads(data.read_bytes())["passed"] is True
    assert page.read_text(encoding="utf-8").count("- [x]") == len(record.points)


def test_events_that_the_worker_had_to_ask_for_did_not_arrive(world: World) -> None:
    world.silent = True
    record = rehearsed(world)
    missing = {part for part, what in failed(record) if what == "Stripe's event arrives at the webhook"}
    assert missing == {"Field Guide", "Template Kit", "Plan", "Clinic"}
    assert (record.passed, "- [ ] Stripe's event arrives" in record.as_markdown()) == (False, True)


def test_where_the_buyer_is_faster_stripe_says_whether_its_event_was_taken(world: World) -> None:
    world.returns = True
    assert failed(rehearsed(world)) == set()
    fresh = world.stripe.event
    world.stripe.event = lambda *said, **more: world.missed(fresh(*said, **more))  # type: ignore[method-assign]
    assert "Stripe's event arrives at the webhook" in {what for _, what in failed(rehearsed(world))}


def test_letters_that_nobody_sends_are_missed_and_the_rest_is_seen(world: World) -> None:
    world.mute = True
    assert {what for _, what in failed(rehearsed(world))} == {"The receipt is sent", "Its buyer is told"}


def test_a_part_that_breaks_keeps_no_other_from_being_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stripe.forbidden.add("cancel_subscription")
    record = rehearsed(world)
    assert failed(record) == {("The end of Plan", "It goes through")}


def test_an_empty_shelf_is_no_rehearsal(world: World) -> None:
    with world.shop.transaction() as session:
        for row in builders.rows(world.shop, Product):
            session.get_one(Product, row.id).active = False
    assert failed(rehearsed(world)) == {("The shelves", "Something is on sale")}


def test_a_live_key_is_refused(world: World) -> None:
    live = world.shop.settings.model_copy(update={"stripe_secret_key": SecretStr("sk_live_1")})
    with pytest.raises(RealMoney):
        Rehearsal(
            replace(world.shop, settings=live),
            Record(world.shop.now(), "", ""),
            world.pay,
            by_hand=True,
            patience=Patience(),
        )
    assert world.stripe.calls == []

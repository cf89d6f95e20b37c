"""Whatever happens to a licence in whatever order: never on more machines than it allows, never in use without access, and the
same key as ever when its money comes back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from core.journeys import refund
from core.kinds.licenses import LicenseActivation, LicenseKey
from core.licensing import administration
from core.orders.status import GrantState
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.licensing.asking import App, sold
from tests.core.test_order_independence import clean as clean_orders
from tests.fakes import FakeStripe

MACHINES = ("a", "b", "c")
# Mostly machines that come: only where places are taken is there anything to go wrong.
CALLS = ("activate", "activate", "activate", "offline", "lease", "lease", "deactivate", "validate")
EVENTS = ("refund", "dispute", "won", "lost", "replace", "disable", "enable", "limit 1", "limit 2", "wait", "expire")
STEPS = st.one_of(
    st.tuples(st.sampled_from(CALLS), st.sampled_from(MACHINES)), st.tuples(st.sampled_from(EVENTS), st.just(""))
)


@dataclass
class Life:
    """A licence, and what happens to it."""

    shop: Shop
    stripe: FakeStripe
    clock: Clock
    app: App
    order_id: str
    license_id: str
    disputes: list[dict] = field(default_factory=list)

    def go(self, step: str, machine: str) -> None:
        match step:
            case "refund":
                if not self.disputes and not self.stripe.refunds:
                    refund.request(self.shop, self.order_id, actor="owner", key="r")
            case "dispute":
                if not self.disputes and not self.stripe.refunds:
                    self.disputes.append(self.stripe.dispute(builders.payment_of(self.shop, self.order_id)))
                    builders.deliver(self.shop, self.stripe.tell("charge.dispute.created", self.disputes[0]))
            case "won" | "lost":
                if self.disputes and self.disputes[0]["status"] not in ("won", "lost"):
                    self.disputes[0]["status"] = step
                    builders.deliver(self.shop, self.stripe.tell("charge.dispute.closed", self.disputes[0]))
            case "wait":
                self.clock.pass_(minutes=16)
            case "expire":
                self.clock.pass_(days=11)
            case "replace" | "disable" | "enable" | "limit 1" | "limit 2":
                self.change(step)
            case call:
                self.ask(call, machine)

    def change(self, step: str) -> None:
        with self.shop.transaction() as session:
            row = administration.hold(session, self.license_id)
            match step:
                case "replace":
                    self.app = App(self.app._client, administration.replace(session, row, now=self.shop.now()))
                case "disable":
                    administration.disable(session, row, now=self.shop.now())
                case "enable":
                    administration.enable(session, row)
                case _:
                    administration.allow(session, row, int(step[-1]))

    def ask(self, call: str, machine: str) -> None:
        before = self.used()
        said = self.app.ask(call, fingerprint=machine)
        row, now = self.row(), self.shop.now()
        [(_, state)] = builders.grants(self.shop, self.order_id)
        may = (
            state == GrantState.ACTIVE and row.disabled_at is None and (row.expires_at is None or row.expires_at > now)
        )
        assert self.app.status in (200, 409, 422, 429)
        assert may or not said["valid"], (call, state, said["code"])
        # Nothing takes a place beyond what is allowed; who has one keeps it when the limit is lowered.
        assert self.used() <= max(before, row.machines)
        assert may or self.used() <= before
        if call == "validate":
            assert said["valid"] is (may and machine in self.there())

    def row(self) -> LicenseKey:
        [row] = builders.rows(self.shop, LicenseKey)
        return row

    def there(self) -> list[str]:
        now = self.shop.now()
        rows = builders.rows(self.shop, LicenseActivation)
        return [
            row.fingerprint
            for row in rows
            if row.ended_at is None and (row.lease_until is None or row.lease_until > now)
        ]

    def used(self) -> int:
        found = self.there()
        assert len(found) == len(set(found))
        return len(found)


@contextmanager
def living(shop: Shop, stripe: FakeStripe, clock: Clock, client: TestClient, **terms: object) -> Iterator[Life]:
    time = clock.time
    order_id, key = sold(shop, stripe, **terms)
    life = Life(shop, stripe, clock, App(client, key), order_id, builders.rows(shop, LicenseKey)[0].id)
    try:
        yield life
    finally:
        clock.time = time
        clean(shop, stripe, clock)


def clean(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    from sqlalchemy import text

    with shop.transaction() as session:
        for table in ("license_offline_tokens", "license_activations", "rate_limits", "disputes", "refunds"):
            session.execute(text(f"delete from {table}"))
    clean_orders(shop, stripe, clock)


@pytest.mark.parametrize("floating", [False, True])
@settings(max_examples=15)
@given(steps=st.lists(STEPS, max_size=14))
@example(steps=[("activate", machine) for machine in MACHINES])
@example(steps=[("activate", "a"), ("limit 1", ""), ("activate", "b"), ("deactivate", "a"), ("activate", "b")])
@example(steps=[("offline", "a"), ("refund", ""), ("activate", "b"), ("validate", "a"), ("lease", "b")])
@example(steps=[("activate", "a"), ("dispute", ""), ("validate", "a"), ("replace", ""), ("won", ""), ("validate", "a")])
def test_no_order_of_events_puts_a_key_on_more_machines_or_opens_what_is_closed(
    shop: Shop, stripe: FakeStripe, clock: Clock, unlimited: TestClient, floating: bool, steps: list[tuple[str, str]]
) -> None:
    with living(shop, stripe, clock, unlimited, machines=2, valid_for="10 days", floating=floating) as life:
        first = life.row()
        for step, machine in steps:
            life.go(step, machine)
        last = life.row()
        assert (last.id, last.grant_id, last.expires_at) == (first.id, first.grant_id, first.expires_at)
        [license] = builders.deliveries(shop, life.order_id)[0].licenses
        assert life.app.ask("validate")["code"] != "NOT_FOUND"
        assert license.key == life.app._known["key"]

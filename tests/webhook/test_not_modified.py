"""304: what is known of somebody still holds. Told by few statements, and never where it does not hold any more."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from core.catalog.products import Kind, Product
from core.events import reconciliation
from core.foundation.errors import ShopError
from core.integrations import entitlements, versions
from core.journeys import refund
from core.kinds import entitlement_records
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseKey
from core.kinds.seats import Seat
from core.licensing import administration
from core.people import api_keys, customers
from core.people.api_keys import Scope
from core.privacy import erasure
from core.seats import claims, invitations
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.test_statements import statements
from tests.fakes import FakeStripe

NORA = "nora@lindqvist.example"


class Backend:
    """A seller's backend: it asks with the version that it knows, and holds every 304 against what is true."""

    def __init__(self, client: TestClient, shop: Shop) -> None:
        with shop.transaction() as session:
            key = api_keys.make(session, "App", [Scope.ENTITLEMENTS], by="terminal", now=shop.now()).key
        self._client, self._shop, self._bearer = client, shop, {"Authorization": f"Bearer {key}"}
        self._known: dict[str, tuple[str, str]] = {}

    def asks(self, person: str, *, anew: bool = False) -> int:
        """Ask about somebody; return the status. `anew` where another is called for though they may use the same."""
        etag, digest = self._known.get(person, ("", ""))
        headers = self._bearer | ({"If-None-Match": etag} if etag else {})
        with self._shop.reading() as session:
            livemode = self._shop.settings.livemode
            true = entitlements.of(session, person, livemode=livemode, now=self._shop.now()).digest
        answer = self._client.get(f"/entitlements/{person}", headers=headers)
        assert answer.status_code in (200, 304), answer.text
        assert (answer.status_code == 304) is (digest == true and not anew)
        if answer.status_code == 200:
            self._known[person] = answer.headers["ETag"], true
        return answer.status_code


@pytest.fixture
def backend(client: TestClient, shop: Shop) -> Backend:
    return Backend(client, shop)


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


def test_a_304_takes_two_statements(backend: Backend, shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 3), "kit-eur")
    person = str(builders.order(shop, order_id).customer_id)
    assert [backend.asks(person) for _ in range(2)] == [200, 304]
    versions.catch_up(shop)
    clock.pass_(minutes=1)
    answers = []
    with statements(shop.engine) as heard:
        answers.append(
            backend._client.get(f"/entitlements/{person}", headers=backend._bearer | {"If-None-Match": '"1"'})
        )
    assert [each.status_code for each in answers] == [304]
    asked = [each for each in heard if each.split()[0].lower() == "select"]
    assert len(asked) == 2, "\n".join(asked)


def test_each_moment_at_which_time_alone_changes_something_ends_it(
    backend: Backend, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.license_terms(shop, valid_for="20 days")
    order_id, subscription = builders.subscribed(shop, stripe, "plan-month", "kit-eur")
    person = str(builders.order(shop, order_id).customer_id)
    versions.catch_up(shop)
    assert backend.asks(person) == 200
    seen = []
    for hours in range(0, 24 * 62, 12):
        clock.pass_(hours=12)
        if hours == 24 * 31:
            stripe.fail_renewal(subscription)
            builders.deliver(shop, stripe.tell("customer.subscription.updated", stripe.subscriptions[subscription]))
            builders.ask_stripe(shop)
            versions.catch_up(shop)
        if backend.asks(person) == 200:
            seen.append(hours // 24)
        assert backend.asks(person) == 304
    # The licence ends, the renewal fails, and its grace does.
    assert len(seen) == 3, seen
    assert seen[:2] == [19, 31]


class Life:
    """What happens to a plan with seats and a licence that were bought together, and to its people."""

    def __init__(self, shop: Shop, stripe: FakeStripe, clock: Clock, number: int) -> None:
        self._shop, self._stripe, self._clock, self._number = shop, stripe, clock, number
        self.buyer = f"buyer{number}@example.org"
        self._order, paid = self._opened(("plan-month", 3), "kit-eur")
        self._plan = stripe.pay(paid, email=self.buyer)["subscription"]
        builders.deliver(shop, stripe.event("completed", paid))
        self._told("customer.subscription.created")
        self._payment = builders.payment_of(shop, self._order)
        self._grants = {row.kind: row.id for row in builders.rows(shop, Grant) if row.order_id == self._order}

        of_it = self._grants[Kind.LICENSE]
        self._key = next(row.id for row in builders.rows(shop, LicenseKey) if row.grant_id == of_it)

    def people(self) -> list[str]:
        """The ids of all who have something of it, or had."""
        with self._shop.reading() as session:
            found = [customers.whose(session, each) for each in (self.buyer, *map(self._guest, range(5)))]
        return [each for each in found if each]

    def claim(self, value: int) -> None:
        claims.claim(self._shop, self._order, self._guest(value))

    def ask_again(self, value: int) -> None:
        """Whoever has a seat loses it, and is asked to take one."""
        for row in builders.rows(self._shop, Seat):
            if row.email == self._guest(value):
                claims.release(self._shop, row.id)
                invitations.invite(self._shop, self.buyer, row.grant_id, row.email)

    def sit(self, value: int) -> None:
        invitations.sit(self._shop, self.buyer, self._grants[Kind.PLAN], buyer=bool(value % 2))

    def quantity(self, value: int) -> None:
        self._stripe.subscriptions[self._plan]["items"]["data"][0]["quantity"] = value + 1
        self._told("customer.subscription.updated")

    def fail(self, _: int) -> None:
        self._stripe.fail_renewal(self._plan)
        self._told("customer.subscription.updated")

    def dispute(self, value: int) -> None:
        kind, status = ("closed", "won") if value % 2 else ("created", "needs_response")
        told = self._stripe.tell(f"charge.dispute.{kind}", self._stripe.dispute(self._payment, status=status))
        builders.deliver(self._shop, told)

    def refund(self, _: int) -> None:
        refund.request(self._shop, self._order, actor="owner", key=f"{self._number}")
        told = self._stripe.tell("refund.updated", next(reversed(self._stripe.refunds.values())))
        builders.deliver(self._shop, told)

    def license(self, value: int) -> None:
        with self._shop.transaction() as session:
            row = administration.hold(session, self._key)
            match value:
                case 0:
                    administration.enable(session, row)
                case 1:
                    administration.disable(session, row, now=self._shop.now())
                case _:
                    administration.extend(session, row, self._shop.now() + timedelta(days=value))

    def features(self, value: int) -> None:
        with self._shop.transaction() as session:
            session.get_one(Product, "plan").terms = {"features": {"projects": value}}
            entitlement_records.look_at_holders(session, "plan", now=self._shop.now())

    def buy(self, value: int) -> None:
        _, paid = self._opened("guide-eur", cart=f"-{value}")
        self._stripe.pay(paid, email=self.buyer)
        builders.deliver(self._shop, self._stripe.event("completed", paid))

    def wait(self, value: int) -> None:
        self._clock.pass_(days=value * 3 + 1)

    def look(self, _: int) -> None:
        versions.catch_up(self._shop)

    def sweep(self, _: int) -> None:
        reconciliation.sweep(self._shop)

    def _guest(self, value: int) -> str:
        return f"g{value}-{self._number}@team.example"

    def _opened(self, *items: str | tuple[str, int], cart: str = "") -> tuple[str, str]:
        return builders.opened(
            self._shop, *items, cart=f"cart_{self._number}{cart}", browser=f"br_{self._number}{cart}"
        )

    def _told(self, kind: str) -> None:
        builders.deliver(self._shop, self._stripe.tell(kind, self._stripe.subscriptions[self._plan]))
        builders.ask_stripe(self._shop)


WHAT = [
    Life.claim, Life.ask_again, Life.sit, Life.quantity, Life.fail, Life.dispute, Life.refund, Life.license,
    Life.features, Life.buy, Life.wait, Life.wait, Life.look, Life.sweep,
]  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 4)), max_size=8)


@builders.on_sqlite
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@example(steps=[(Life.claim, 1), (Life.look, 0), (Life.ask_again, 1), (Life.look, 0)])
@example(steps=[(Life.license, 2), (Life.look, 0), (Life.wait, 0), (Life.wait, 1), (Life.license, 0)])
def test_whatever_happens_a_304_is_never_stale(
    backend: Backend, shop: Shop, stripe: FakeStripe, clock: Clock, numbers: Iterator[int],
    steps: list[tuple[Callable[[Life, int], None], int]],
) -> None:  # fmt: skip
    builders.license_terms(shop, valid_for="20 days")
    life = Life(shop, stripe, clock, next(numbers))
    for happens, value in [(Life.look, 0), *steps]:
        clock.pass_(minutes=1)
        with suppress(ShopError):
            happens(life, value)
        for person in life.people():
            backend.asks(person)
            assert backend.asks(person) == 304


@builders.on_sqlite
def test_whoever_sat_with_somebody_who_is_forgotten_and_who_gets_another_name_have_changed(
    backend: Backend, shop: Shop, stripe: FakeStripe
) -> None:
    order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 3))
    guest = claims.claim(shop, order_id, "ida@team.example").person
    versions.catch_up(shop)
    assert [backend.asks(guest) for _ in range(2)] == [200, 304]
    claims.claim(shop, order_id, "ida@team.example", external_id="user-9")
    assert [backend.asks(guest, anew=each) for each in (True, False)] == [200, 304]
    refund.request(shop, order_id, actor="owner", key="1")
    builders.deliver(shop, stripe.tell("refund.updated", next(reversed(stripe.refunds.values()))))
    builders.end_plans(shop)
    versions.catch_up(shop)
    assert backend.asks(guest) == 200
    erasure.from_terminal(shop, NORA)
    assert [backend.asks(guest) for _ in range(2)] == [200, 304]

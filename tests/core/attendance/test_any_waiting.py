"""Whatever people do with a date that is full, in whatever order: no place is counted twice, none is shown to the shop that
somebody waits for, and nobody waits for what is free."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from core.attendance import changes, giving_up, tickets, waiting
from core.foundation.errors import ShopError
from core.journeys import checkout
from core.journeys.checkout import Basket, Item
from core.kinds.places import waiting_list
from core.kinds.places.attendees import Attendee
from core.kinds.places.waiting_list import STANDING, Waiting, WaitingEntry
from core.kinds.workshops import Reservation, ReservationState, WorkshopDate
from core.orders.orders import Order
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.core.attendance.conftest import Clinic
from tests.fakes import FakeStripe, session_in

DATES = ("clinic/1", "clinic/2")
PEOPLE = st.sampled_from(("ann", "bob", "cyd"))
STEPS = st.one_of(
    st.tuples(st.just("join"), PEOPLE, st.integers(1, 3)),
    st.tuples(st.sampled_from(("leave", "accept")), PEOPLE, st.just(0)),
    st.tuples(st.sampled_from(("buy", "pay", "expire", "refund", "move", "cancel")), st.just(""), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.just(""), st.sampled_from((1, 13, 25))),
)


class Life:
    """What happens around the clinic, step by step. What is refused changes nothing."""

    def __init__(self, clinic: Clinic, clock: Clock) -> None:
        self.clinic, self.stripe, self.clock = clinic, clinic.stripe, clock
        self.shop = builders.without_limits(clinic.shop)
        self.open: list[str] = []
        self.carts = 0

    def step(self, what: str, who: str, number: int) -> None:
        with contextlib.suppress(ShopError):
            getattr(self, what)(who, number)

    def join(self, who: str, places: int) -> None:
        waiting.join(self.shop, "clinic/1", f"{who}@buyer.example", places=places)

    def leave(self, who: str, _: int) -> None:
        if token := self._token(who):
            waiting.leave(self.shop, token)

    def accept(self, who: str, _: int) -> None:
        if token := self._token(who):
            self._opened(waiting.accept(self.shop, token).url)

    def buy(self, _: str, places: int) -> None:
        self.carts += 1
        basket = Basket(f"cart_{self.carts}", (Item("clinic-eur", places or 1, "clinic/1"),))
        self._opened(checkout.start(self.shop, basket).url)

    def pay(self, _: str, number: int) -> None:
        if self.open:
            session_id = self.open.pop(number % len(self.open))
            self.stripe.pay(session_id)
            deliver(self.shop, self.stripe.event("completed", session_id))

    def expire(self, _: str, number: int) -> None:
        if self.open:
            session_id = self.open.pop(number % len(self.open))
            self.stripe.expire(session_id)
            deliver(self.shop, self.stripe.event("expired", session_id))

    def refund(self, _: str, number: int) -> None:
        paid = [order.id for order in builders.rows(self.shop, Order) if order.status == "fulfilled"]
        if paid:
            self.clinic.refund(sorted(paid)[number % len(paid)])

    def move(self, _: str, number: int) -> None:
        if token := self._ticket(number):
            changes.move(
                self.shop,
                token,
                "clinic/2" if number % 2 else "clinic/1",
                signed_in=tickets.address_of(self.shop, token),
            )

    def cancel(self, _: str, number: int) -> None:
        if token := self._ticket(number):
            giving_up.cancel(self.shop, token, signed_in=tickets.address_of(self.shop, token))

    def wait(self, _: str, hours: int) -> None:
        self.clock.pass_(hours=hours)
        waiting.end_offers(self.shop)

    def _opened(self, url: str) -> None:
        session_id = session_in(url)
        self.open = [each for each in self.open if each != session_id] + [session_id]

    def _token(self, who: str) -> str:
        rows = [row for row in builders.rows(self.shop, WaitingEntry) if row.email.startswith(who)]
        return waiting_list.token(rows[0], signing_key=self.shop.signing_key) if rows else ""

    def _ticket(self, number: int) -> str:
        rows = sorted(self.clinic.rows(), key=lambda row: (row.created_at, row.id))
        order = rows[number % len(rows)].order_id if rows else ""
        return self.clinic.tickets(order)[0] if order else ""

    def check(self) -> None:
        """What must be true at any moment."""
        held = [row for row in builders.rows(self.shop, Reservation) if row.state is ReservationState.HELD]
        coming = [row for row in builders.rows(self.shop, Attendee) if row.holds]
        listed = builders.rows(self.shop, WaitingEntry)
        for date in builders.rows(self.shop, WorkshopDate):
            if date.id not in DATES:
                continue
            counted = sum(row.places for row in held if row.date_id == date.id)
            counted += sum(row.date_id == date.id for row in coming)
            counted += sum(row.places for row in listed if row.date_id == date.id and row.state is Waiting.OFFERED)
            assert counted == date.taken <= date.capacity
            soon = date.starts_at - self.clock() < timedelta(hours=1)
            wanted = [row.places for row in listed if row.date_id == date.id and row.state is Waiting.WAITING]
            assert soon or not wanted or min(wanted) > date.capacity - date.taken
        assert len({row.folded for row in listed}) == len(listed)
        assert all(row.offer_until for row in listed if row.state in STANDING and row.state is not Waiting.WAITING)


def clean(shop: Shop, clock: Clock) -> None:
    with shop.transaction() as session:
        for table in (
            "consents",
            "waiting_entries", "attendees", "place_cancellations", "balance_entries", "stripe_events", "fulfillment_log",
            "grants", "reservations", "payment_lines", "payment_parts", "refunds", "payments", "order_lines", "checkouts", "orders",
            "customer_addresses", "customers", builders.jobs_table(session),
        ):  # fmt: skip
            session.execute(text(f"delete from {table}"))
        session.execute(update(WorkshopDate).where(WorkshopDate.product_id == "clinic").values(taken=0))
    clock.time = Clock().time


@pytest.mark.parametrize(("database_url", "examples"), [("sqlite", 40), ("postgres", 15)], indirect=["database_url"])
def test_whatever_happens_no_place_is_counted_twice_and_nobody_waits_for_what_is_free(
    clinic: Clinic, stripe: FakeStripe, clock: Clock, examples: int
) -> None:
    @settings(max_examples=examples)
    @example([("buy", "", 3), ("buy", "", 2), ("join", "ann", 2), ("join", "bob", 1), ("expire", "", 1), ("accept", "ann", 0),
              ("expire", "", 1), ("wait", "", 25), ("pay", "", 0), ("refund", "", 0)])  # fmt: skip
    @example([("buy", "", 3), ("pay", "", 0), ("buy", "", 2), ("join", "ann", 1), ("cancel", "", 0), ("accept", "ann", 0),
              ("pay", "", 1), ("move", "", 1), ("refund", "", 0), ("leave", "ann", 0)])  # fmt: skip
    @given(st.lists(STEPS, min_size=4, max_size=16))
    def lives(steps: list[tuple[str, str, int]]) -> None:
        clean(clinic.shop, clock)
        stripe.__init__(clock)  # type: ignore[misc]
        life = Life(clinic, clock)
        for step in steps:
            life.step(*step)
            life.check()

    lives()

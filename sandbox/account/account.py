"""One pretend Stripe account: its objects, its clock, its armed faults, and the events it sends out.

Everything that changes it runs on one thread between two awaits, so each request and each timer is atomic.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sandbox.account import events
from sandbox.account.deliveries import Deliveries
from sandbox.account.listeners import Listeners
from sandbox.account.timers import Timers
from sandbox.ground import errors, ids
from sandbox.ground.changes import Changes
from sandbox.ground.clock import Clock
from sandbox.ground.faults import Faults
from sandbox.ground.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.account.requests import Call
    from sandbox.account.settings import Settings
    from sandbox.protocol.spec import Object


# How far the clock has been moved, kept like everything else.
CLOCK = "clock"


class Account:
    """What every handler is given. Change objects through `store`; announce changes with `emit`."""

    def __init__(self, settings: Settings, actions: Mapping[str, Callable[[Account, str], None]]) -> None:
        self.settings = settings
        self.clock = Clock()
        self.store = Store(settings.data)
        self.clock.ahead = (self.store.get(CLOCK, CLOCK) or {"ahead": 0.0})["ahead"]
        self.faults = Faults()
        self.changes = Changes()
        self.store.changed = self.faults.changed = self.changes.note
        self.timers = Timers(self, actions)
        self.listeners = Listeners(self)
        self.deliveries = Deliveries(self)
        # The API request being carried out: its id goes into the events it causes. None for what buyers and time do.
        self.cause: Call | None = None

    @contextmanager
    def caused_by(self, call: Call) -> Iterator[None]:
        """Events emitted inside name this request as their cause."""
        self.cause = call
        try:
            yield
        finally:
            self.cause = None

    def find(self, kind: str, id: str, *, param: str | None = None) -> Object:
        """The object; otherwise StripeError, 400 when a parameter named it and 404 when the path did."""
        if found := self.store.get(kind, id):
            return found
        raise errors.missing_object(kind, id, param=param)

    def mark_deleted(self, obj: Object) -> Object:
        """Delete an object whose name others may still bear: expanded, it says that it was deleted. Returns that."""
        kind, id = obj["object"], obj["id"]
        self.store.delete(kind, id)
        self.store.save({"object": f"deleted_{kind}", "id": id})
        return {"id": id, "object": kind, "deleted": True}

    def emit(self, kind: str, obj: Object, previous: Object | None = None) -> Object:
        """Record an event about the object as it stands, and hand it to the endpoints that want it."""
        event = events.record(self, kind, obj, previous)
        self.deliveries.enqueue(event)
        if self.faults.use_up("double_events_next"):
            self.deliveries.enqueue(events.record(self, kind, obj, previous))
        return event

    def later(self, seconds: float, action: str, subject: str) -> None:
        """Set a timer on the sandbox's own clock, counted from now: for what banks and couriers take time for."""
        start = self.clock.moved() if self.clock.test_clock else self.clock.exact()
        self.timers.add(action, subject, at=start + seconds)

    def at(self, moment: float, action: str, subject: str) -> None:
        """Set a timer on whichever clock things happen by just now: for what the calendar decides."""
        self.timers.add(action, subject, at=moment, clock=self.clock.test_clock)

    def in_time_of(self, customer: str | None) -> AbstractContextManager[None]:
        """Inside, it is whatever time the customer's test clock shows, if they have one."""
        known = self.store.get("customer", customer or "")
        if known is None or not known.get("test_clock"):
            return nullcontext()
        clock = self.find("test_helpers.test_clock", known["test_clock"])
        return self.clock.standing_at(clock["frozen_time"], clock["id"])

    def commit(self) -> None:
        """Keep what has changed, then start delivering what was announced."""
        self.store.commit()
        self.deliveries.start_new()

    def move_clock(self, seconds: float) -> None:
        """Move the sandbox's clock ahead. Whatever falls due on the way has happened when this returns."""
        self.clock.ahead += seconds
        self.store.save({"object": CLOCK, "id": CLOCK, "ahead": self.clock.ahead})
        self.timers.run_due()
        self.commit()

    def reset(self) -> None:
        """Forget everything: objects, events, mail, faults. Whoever listens goes on listening."""
        self.deliveries.stop()
        self.store.clear()
        self.faults.clear()
        self.clock.ahead = 0


def retrieve(account: Account, call: Call) -> Object:
    """GET /v1/account: as much of it as libraries look at."""
    values: dict[str, Any] = {
        "id": ids.ACCOUNT_ID,
        "object": "account",
        "business_profile": {"name": account.settings.shop_name},
        "charges_enabled": True,
        "country": "DE",
        "default_currency": "eur",
        "details_submitted": True,
        "email": "owner@example.com",
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": account.settings.shop_name, "timezone": "Etc/UTC"}},
        "type": "standard",
    }
    return values

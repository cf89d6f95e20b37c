"""Deliveries: each event is posted, signed, to every endpoint that wants it, and again until the endpoint accepts it.

Every attempt is signed anew, with a new time stamp. What is still owed after a restart is delivered then.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sandbox.account import destinations, events, signing
from sandbox.account.http_client import HttpClient, Unanswered
from sandbox.ground import ids
from sandbox.ground.errors import missing_object
from sandbox.protocol.spec import API_VERSION

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.destinations import Destination
    from sandbox.account.listeners import Letter
    from sandbox.protocol.spec import Object

log = logging.getLogger("sandbox")
KIND = "delivery"
ATTEMPT_TIMEOUT = 10.0
AT_ONCE = 16
# How things went is written down in batches; what a crash forgets is delivered once more.
WRITE_SECONDS = 0.1
SHUFFLE_SECONDS = 1.0
# A stamp this old is past the five minutes that Stripe's libraries tolerate.
OLD_SIGNATURE_SECONDS = 600
KEPT_OF_ANSWER = 500
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    "Accept": "*/*",
    "Cache-Control": "no-cache",
}


class Deliveries:
    """All deliveries of an account. Until `open` is called, deliveries are only written down."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._new: list[Object] = []
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._first_tries: dict[str, asyncio.Event] = {}
        self._shuffled: list[Object] = []
        self._client: HttpClient | None = None
        self._room = asyncio.Semaphore(AT_ONCE)
        self._writing: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Start delivering: first of all what an earlier run still owed."""
        self._client = HttpClient(ATTEMPT_TIMEOUT)
        now = self._account.clock.real()
        for delivery in reversed(list(self._account.store.all(KIND))):
            if delivery["state"] == "pending" and delivery["next_at"] is not None:
                self._start(self._deliver(delivery, max(delivery["next_at"] - now, 0)), delivery)

    async def close(self) -> None:
        """Stop at once. What is still owed stays written down."""
        self.stop()
        if self._client:
            await self._client.close()

    def stop(self) -> None:
        """Give up every attempt that is waiting or under way."""
        self._new.clear()
        if self._writing:
            self._writing.cancel()
            self._writing = None
        self._shuffled.clear()
        for task in list(self._tasks):
            task.cancel()

    def enqueue(self, event: Object) -> None:
        """Write down a delivery for each endpoint that wants the event (twice, when that fault is armed)."""
        faults = self._account.faults
        copies = 2 if faults.twice or faults.strikes("duplicate_rate") else 1
        wanting = destinations.wanting(self._account, event["type"])
        event["pending_webhooks"] = len(wanting)
        for endpoint in wanting:
            self._new += [self._write_down(event, endpoint) for _ in range(copies)]

    def send_again(self, event: Object, *, only: list[str] | None = None) -> None:
        """Deliver an event once more, whatever became of it before. Automatic retries go on beside it."""
        endpoints = only or destinations.wanting(self._account, event["type"])
        if not endpoints:
            raise missing_object("webhook_endpoint", destinations.DEFAULT, param="webhook_endpoint")
        for endpoint in endpoints:
            self._new.append({**self._write_down(event, endpoint), "again": True})

    def start_new(self) -> None:
        """Start what has been written down, now that it is committed."""
        fresh, self._new = self._new, []
        if self._client is None:
            return
        for delivery in fresh:
            # The flag is only for here: a resent event is not held, lost or shuffled.
            if delivery.pop("again", False):
                self._start(self._deliver(self._account.find(KIND, delivery["id"]), 0), delivery)
            else:
                self._send_first(delivery)

    async def first_tries(self, event: Object, seconds: float) -> None:
        """Wait until the event was once delivered to every endpoint, well or badly; at most so long.

        Returns at once when an armed fault keeps it back, for nobody would answer.
        """
        faults = self._account.faults
        if faults.hold_seconds or faults.shuffle:
            return
        waiting = [
            self._first_tries[d["id"]].wait() for d in self.of_event(event["id"]) if d["id"] in self._first_tries
        ]
        if waiting:
            _, late = await asyncio.wait([asyncio.ensure_future(w) for w in waiting], timeout=seconds)
            for task in late:
                task.cancel()

    def of_event(self, event_id: str) -> list[Object]:
        """An event's deliveries, oldest first."""
        store = self._account.store
        found = (store.get(KIND, id) for id in store.notes(event_id).get("deliveries", ()))
        return [delivery for delivery in found if delivery]

    def give_up(self, endpoint: str) -> None:
        """Nothing more is sent to an endpoint that was disabled or deleted, or to a listener that has gone."""
        for delivery in [d for d in self._account.store.all(KIND) if d["endpoint"] == endpoint]:
            if delivery["state"] == "pending":
                self._settle(delivery, "given up")
            elif delivery["state"] == "failed":
                self._count(delivery["event"])

    def _write_down(self, event: Object, endpoint: str) -> Object:
        now = self._account.clock.real()
        delivery = {
            "object": KIND,
            "id": ids.short("dlv"),
            "event": event["id"],
            "type": event["type"],
            "endpoint": endpoint,
            "state": "pending",
            "created": now,
            "next_at": now,
            "attempts": [],
        }
        self._account.store.notes(event["id"]).setdefault("deliveries", []).append(delivery["id"])
        self._account.store.save(event)
        return self._account.store.save(delivery)

    def _send_first(self, delivery: Object) -> None:
        faults = self._account.faults
        if faults.use_up("drop_next"):
            self._lose(delivery, faults.drop_retry_seconds)
        elif faults.strikes("drop_rate"):
            self._lose(delivery, -1)
        elif faults.strikes("shuffle_rate"):
            self._start(self._deliver(delivery, faults.between(0, SHUFFLE_SECONDS)), delivery)
        elif faults.shuffle:
            if not self._shuffled:
                self._start(self._deliver_shuffled(), None)
            self._shuffled.append(delivery)
        else:
            self._first_tries[delivery["id"]] = asyncio.Event()
            self._start(self._deliver(delivery, faults.hold_seconds), delivery)

    def _lose(self, delivery: Object, pause: float) -> None:
        delivery["attempts"].append(self._attempt("lost on the way (armed fault)"))
        if pause < 0:
            self._account.store.change(delivery, next_at=None)
        else:
            self._account.store.change(delivery, next_at=self._account.clock.real() + pause)
            self._start(self._deliver(delivery, pause), delivery)
        self._write_soon()

    def _write_soon(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._write)

    def _write(self) -> None:
        self._writing = None
        self._account.store.commit()

    def _start(self, work: Any, delivery: Object | None) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[task] = delivery["id"] if delivery else ""
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        id = self._tasks.pop(task, "")
        if waiter := self._first_tries.pop(id, None):
            waiter.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery %s failed", id, exc_info=error)

    async def _deliver_shuffled(self) -> None:
        await asyncio.sleep(SHUFFLE_SECONDS)
        gathered, self._shuffled = self._shuffled, []
        mixed = random.sample(gathered, len(gathered))
        # Another order than the one in which they happened, even when chance would have kept it.
        for delivery in mixed if mixed != gathered else reversed(gathered):
            if not await self._try(delivery):
                self._start(self._deliver(delivery, self._pause(delivery)), delivery)

    async def _deliver(self, delivery: Object, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            if await self._try(delivery):
                return
            pause = self._pause(delivery)

    def _pause(self, delivery: Object) -> float:
        return float(delivery["next_at"] - self._account.clock.real())

    async def _try(self, delivery: Object) -> bool:
        """Attempt once and write down how it went. True when there is nothing more to do."""
        async with self._a_turn(delivery):
            if delivery["state"] != "pending":
                return True
            destination = destinations.of(self._account, delivery["endpoint"])
            event = self._account.store.get("event", delivery["event"])
            if destination is None or event is None:
                self._settle(delivery, "given up")
                return True
            attempt = await self._post(event, destination)
        delivery["attempts"].append(attempt)
        if waiter := self._first_tries.pop(delivery["id"], None):
            waiter.set()
        if attempt["ok"]:
            self._settle(delivery, "delivered")
            return True
        return delivery["state"] != "pending" or self._schedule_retry(delivery)

    def _a_turn(self, delivery: Object) -> AbstractAsyncContextManager[None]:
        # What a listener filters out looks as if nobody answered for a while: others must not wait for that.
        return nullcontext() if self._account.listeners.get(delivery["endpoint"]) else self._room

    def _schedule_retry(self, delivery: Object) -> bool:
        # Stripe hands an event to a listener once.
        listening = self._account.listeners.get(delivery["endpoint"])
        pauses = () if listening else self._account.settings.retry_seconds
        tried = len(delivery["attempts"])
        if tried > len(pauses):
            self._settle(delivery, "failed")
            return True
        self._account.store.change(delivery, next_at=self._account.clock.real() + pauses[tried - 1])
        self._write_soon()
        return False

    def _settle(self, delivery: Object, state: str) -> None:
        self._account.store.change(delivery, state=state, next_at=None)
        if waiter := self._first_tries.pop(delivery["id"], None):
            waiter.set()
        self._count(delivery["event"])

    def _count(self, event_id: str) -> None:
        """An event is delivered when every endpoint that still is one has accepted it at least once."""
        accepted: dict[str, bool] = {}
        for other in self.of_event(event_id):
            accepted[other["endpoint"]] = accepted.get(other["endpoint"], False) or other["state"] == "delivered"
        waiting = [id for id, done in accepted.items() if not done and destinations.is_there(self._account, id)]
        if event := self._account.store.get("event", event_id):
            self._account.store.change(event, pending_webhooks=len(waiting))
        self._write_soon()

    async def _post(self, event: Object, to: Destination) -> Object:
        assert self._client is not None
        payload, headers = self._letter(event, to.version, to.secrets)
        signature = headers["Stripe-Signature"]
        began = time.perf_counter()
        status: int | None
        try:
            if to.listener:
                own = payload, headers
                latest = own if event["api_version"] == API_VERSION else self._letter(event, API_VERSION, to.secrets)
                status, text = await to.listener.post(own, latest, ATTEMPT_TIMEOUT)
            else:
                status, text = await self._client.post(to.address, payload, headers)
        except Unanswered as error:
            return self._attempt(str(error), signature=signature, began=began)
        # A listener that forwards nothing has accepted the event by taking it.
        ok = status is None or 200 <= status < 300
        return self._attempt(text, ok=ok, status=status, signature=signature, began=began)

    def _letter(self, event: Object, version: str | None, secrets: list[str]) -> Letter:
        payload = events.body(events.rendered(self._account, event, version))
        return payload, {**HEADERS, "Stripe-Signature": self._signature(payload.decode(), secrets)}

    def _signature(self, payload: str, secrets: list[str]) -> str:
        faults = self._account.faults
        stamp = int(time.time())
        if faults.use_up("bad_signature_next"):
            secrets = [f"whsec_forged_{ids.chance(16)}"]
        if faults.use_up("old_signature_next"):
            stamp -= OLD_SIGNATURE_SECONDS
        return signing.header(payload, secrets, stamp)

    def _attempt(
        self, answer: str, *, ok: bool = False, status: int | None = None, signature: str = "", began: float = 0
    ) -> Object:
        return {
            "at": self._account.clock.real(),
            "ok": ok,
            "status": status,
            "duration_ms": round((time.perf_counter() - began) * 1000) if began else None,
            "answer": answer[:KEPT_OF_ANSWER],
            "signature": signature,
        }

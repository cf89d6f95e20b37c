"""The pages about events: all of them with a search, and each with its payload, its deliveries and what came back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response

from sandbox.account import destinations, events
from sandbox.pages import rendering
from sandbox.panel import object_pages, rows

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

PAGE = 50
MOST = 1000


class EventPages:
    """The pages under /panel/events."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def list(self, request: Request) -> Response:
        """GET /panel/events: `?type=` with a * at its end, `?q=` anywhere in the event, `?state=waiting`."""
        wanted = {key: request.query_params.get(key, "").strip() for key in ("type", "q", "state")}
        number = rendering.count(request, "n", PAGE, MOST)
        found = list(itertools.islice(self._matching(**wanted), number + 1))
        return rendering.framed(
            self.account,
            request,
            "events",
            events=[rows.event(self.account, event) for event in found[:number]],
            more=rendering.more(request, "n", number + PAGE, "events")
            if len(found) > number and number < MOST
            else None,
            wanted=wanted,
            types=sorted({event["type"] for event in self.account.store.all("event")}),
            total=self.account.store.count("event"),
        )

    def _matching(self, type: str, q: str, state: str) -> Iterator[Object]:
        for event in self.account.store.all("event"):
            if type and not events.matches(event["type"], type):
                continue
            if state and not self._is(event, state):
                continue
            if not q or q.lower().encode() in orjson.dumps(event).lower():
                yield event

    def _is(self, event: Object, state: str) -> bool:
        sent = self.account.deliveries.of_event(event["id"])
        if state == "waiting":
            return bool(event["pending_webhooks"])
        if state == "refused":
            return any(not attempt["ok"] for delivery in sent for attempt in delivery["attempts"])
        return not sent if state == "unwanted" else True

    async def show(self, request: Request) -> Response:
        """GET /panel/events/{id}: what was sent, how often, and what came back."""
        event = self.account.store.get("event", request.path_params["id"])
        if event is None:
            link = ("/", "Control panel")
            return rendering.render(
                "closed", status=404, title="No such event", text="It may have been reset.", link=link
            )
        about, previous = event["data"]["object"], event["data"].get("previous_attributes")
        return rendering.framed(
            self.account,
            request,
            "event",
            event=event,
            about=object_pages.known(self.account, about),
            payload=object_pages.linked(
                self.account, events.body(events.rendered(self.account, event)), but=event["id"]
            ),
            previous=object_pages.linked(self.account, object_pages.printed(previous)) if previous else None,
            deliveries=[self._delivery(d) for d in self.account.deliveries.of_event(event["id"])],
        )

    def _delivery(self, delivery: Object) -> dict[str, Any]:
        endpoint = delivery["endpoint"]
        found = destinations.of(self.account, endpoint)
        return {
            **rows.delivery(delivery),
            "url": found.address if found else f"{endpoint} (gone or disabled)",
            "endpoint": endpoint if self.account.store.get("webhook_endpoint", endpoint) else None,
            "attempts": delivery["attempts"],
        }

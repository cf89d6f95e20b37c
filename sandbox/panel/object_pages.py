"""The pages of objects and of events, as JSON in which every id leads to the page of its object. All events have a page
with a search; each has one with its payload, its deliveries and what came back."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup, escape

from sandbox.account import destinations, events
from sandbox.ground.store import INDEXES
from sandbox.pages import rendering
from sandbox.panel import rows
from sandbox.protocol import spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

ID = re.compile(r"&#34;([a-z]+_\w{8,})&#34;")
MOST_EVENTS = 30
PAGE = 50
MOST = 1000


class ObjectPage:
    """The page at /panel/objects/{id}."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def show(self, request: Request) -> Response:
        """GET /panel/objects/{id}: an object as the API shows it, its events, and what it has to do with."""
        id = request.path_params["id"]
        obj = find(self.account, id)
        if obj is None:
            link, text = ("/", "Control panel"), "It may have been deleted, or forgotten in a reset."
            return rendering.render("closed", status=404, title="No such object", text=text, link=link)
        if obj["object"] == "event":
            return RedirectResponse(f"/panel/events/{id}", 303)
        number = rendering.count(request, "events", MOST_EVENTS)
        told = [event for event in self.account.store.all("event") if event["data"]["object"].get("id") == id]
        return rendering.framed(
            self.account,
            request,
            "object",
            obj=obj,
            actions=rows.actions(self.account, obj),
            json=linked(self.account, printed(obj), but=id),
            names=[other for other in known(self.account, obj) if other["id"] != id],
            named_by=list(_naming(self.account, id)),
            events=[rows.event(self.account, event) for event in told[:number]],
            more=rendering.more(request, "events", number + MOST_EVENTS, "events") if len(told) > number else None,
        )


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
            about=known(self.account, about),
            payload=linked(self.account, events.body(events.rendered(self.account, event)), but=event["id"]),
            previous=linked(self.account, printed(previous)) if previous else None,
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


def find(account: Account, id: str) -> Object | None:
    """The object with that id, if it is one that Stripe has too."""
    found = account.store.find(id)
    # What the sandbox keeps for itself has no page.
    return found if found and found["object"] in spec.document()["components"]["schemas"] else None


def printed(value: Any) -> bytes:
    """JSON over several lines."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def linked(account: Account, text: bytes, *, but: str = "") -> Markup:
    """JSON in which the ids of objects that are known lead to their pages; all but the one whose page it is."""

    def link(match: re.Match[str]) -> str:
        id = match[1]
        if id == but or find(account, id) is None:
            return match[0]
        return f'&#34;<a href="/panel/objects/{id}">{id}</a>&#34;'

    return Markup(ID.sub(link, str(escape(text.decode()))))


def known(account: Account, obj: Object) -> list[Object]:
    """The objects named in another, itself first if it is still there, each once."""
    named = ID.findall(str(escape(printed(obj).decode())))
    ids = dict.fromkeys([str(obj.get("id")), *named])
    return [found for id in ids if (found := find(account, id))]


def _naming(account: Account, id: str) -> Iterator[Object]:
    """The objects that name this one where they can be looked up by it."""
    seen = set()
    for kind, keys in INDEXES.items():
        for key in keys:
            for obj in account.store.having(kind, key, id):
                if obj["id"] not in seen:
                    seen.add(obj["id"])
                    yield obj

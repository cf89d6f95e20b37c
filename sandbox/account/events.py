"""Events: what happened, with the object as it was at that moment. They never change afterwards.

They are kept in the newest form; whoever was to hear of them in an older one gets what was written down then.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.account import destinations, lists
from sandbox.ground import ids
from sandbox.ground.errors import invalid, missing_object
from sandbox.protocol import conformity, versions
from sandbox.protocol.event_types import EMITTED
from sandbox.protocol.spec import API_VERSION, blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

# Events about these show by their id which payment they belong to.
OF_PAYMENTS = {"payment_intent", "charge", "refund"}


def record(account: Account, kind: str, obj: Object, previous: Object | None = None) -> Object:
    """A new event, saved. `previous` holds the former values of what an update changed.

    Raises NotAsDescribed for what Stripe would not send, where the sandbox is to check itself.
    """
    if kind not in EMITTED:
        raise ValueError(f"{kind} is not among the types of events that happen here")
    data: dict[str, Any] = {"object": copy(obj)}
    if previous is not None:
        data["previous_attributes"] = copy(_former(previous, obj))
    cause = account.cause
    about_payment = obj.get("object") in OF_PAYMENTS and "_3" in obj["id"]
    event = blank(
        "event",
        id=ids.of_payment("evt", obj["id"]) if about_payment else ids.new("evt"),
        api_version=account.settings.api_version,
        # Real time, however far the clock has been moved: receivers refuse what is too old.
        created=int(account.clock.real()),
        data=data,
        request={
            "id": cause.request_id if cause else None,
            "idempotency_key": cause.idempotency_key if cause else None,
        },
        type=kind,
    )
    if account.settings.check:
        conformity.check_event(event, API_VERSION)
    _write_down(account, event)
    return account.store.save(event)


def _former(previous: Object, obj: Object) -> Object:
    """Of metadata only the keys that changed, those that were added as null."""
    if "metadata" not in previous:
        return previous
    old, new = previous["metadata"], obj["metadata"]
    changed = {key: old.get(key) for key in {**old, **new} if old.get(key) != new.get(key)}
    return {**previous, "metadata": changed}


def _write_down(account: Account, event: Object) -> None:
    """Keep what it says in each older version that somebody speaks: later the rest of the account looks different."""
    endpoints = account.store.all("webhook_endpoint")
    spoken = {event["api_version"], *(e["api_version"] for e in endpoints if e["api_version"])}
    if older := {v: copy(versions.told(account.store, event["data"], v)) for v in spoken if versions.is_older(v)}:
        account.store.notes(event["id"])["told"] = older
    for version, data in older.items() if account.settings.check else ():
        conformity.check_event({**event, "data": data}, version)


def rendered(account: Account, event: Object, version: str | None = None) -> Object:
    """The event as an endpoint of that version is told of it; without one, in the version it was made with."""
    version = version or event["api_version"]
    if version == event["api_version"] and not versions.is_older(version):
        return event
    data = account.store.notes(event["id"]).get("told", {}).get(version)
    return {**event, "api_version": version, "data": data or versions.told(account.store, event["data"], version)}


def copy(obj: Object) -> Object:
    """The object as it is now, unaffected by what happens to it later."""
    snapshot: Object = orjson.loads(orjson.dumps(obj))
    return snapshot


def body(event: Object) -> bytes:
    """What is delivered: printed over several lines, so that whoever verifies re-serialised JSON finds out here."""
    return orjson.dumps(event, option=orjson.OPT_INDENT_2)


def listing(account: Account, call: Call) -> Object:
    """GET /v1/events"""
    params = call.params
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.", param="type")
    if len(params.get("types", ())) > 20:
        raise invalid("You may only specify up to 20 event types.", param="types")
    found = account.store.all("event")
    if cursor := params.get("starting_after"):
        account.find("event", cursor, param="starting_after")
        found = itertools.chain([account.find("event", cursor)], account.store.older("event", cursor))
    # Events are in the order of their time, so what lies before the bound need not be looked at, unless for a cursor.
    if (
        "ending_before" not in params
        and isinstance(bounds := params.get("created"), dict)
        and (earliest := bounds.get("gte", bounds.get("gt", 0)))
    ):
        found = itertools.takewhile(lambda event: event["created"] >= earliest, found)
    page = lists.cut(
        call,
        found,
        "event",
        type=lambda event, kind: matches(event["type"], kind),
        types=lambda event, kinds: any(matches(event["type"], kind) for kind in kinds),
        delivery_success=lambda event, wanted: (event["pending_webhooks"] == 0) == wanted,
    )
    return {**page, "data": [rendered(account, event) for event in page["data"]]}


def retrieve(account: Account, call: Call) -> Object:
    """GET /v1/events/{id}"""
    return rendered(account, account.find("event", call.id))


def matches(kind: str, pattern: str) -> bool:
    """Whether an event's type is the one asked for, or begins so when it ends with a star."""
    return kind.startswith(pattern[:-1]) if pattern.endswith("*") else kind == pattern


def retry(account: Account, call: Call) -> Object:
    """POST /v1/events/{id}/retry, by which Stripe's command line sends an event again: to one endpoint, or to whoever
    listens. When nobody does, here it goes to every endpoint that wants it."""
    event = account.find("event", call.id)
    only = account.listeners.here() if call.params.get("for_stripecli") else []
    if endpoint := call.params.get("webhook_endpoint"):
        if not destinations.is_there(account, endpoint):
            raise missing_object("webhook_endpoint", endpoint, param="webhook_endpoint")
        only = [endpoint]
    account.deliveries.send_again(event, only=only)
    return rendered(account, event)

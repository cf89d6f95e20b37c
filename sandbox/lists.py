"""Lists: newest first, in pages, filtered by the parameters of the request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sandbox.errors import invalid

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.api import Call
    from sandbox.spec import Object

Test = Callable[["Object", Any], bool]
PAGING = {"limit", "starting_after", "ending_before", "expand"}


def page(account: Account, call: Call, kind: str, **tests: Test) -> Object:
    """A page of all objects of a kind. A filter without a test of its own compares the key of the same name."""
    return cut(call, account.store.all(kind), kind, **tests)


def cut(call: Call, newest_first: Iterable[Object], kind: str, **tests: Test) -> Object:
    """A page of the given objects. Raises StripeError for a cursor that is not among them."""
    wanted = [(name, value, tests.get(name)) for name, value in call.params.items() if name not in PAGING]
    limit = min(max(call.params.get("limit", 10), 1), 100)
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        text = "Received both starting_after and ending_before parameters. Please pass in only one."
        raise invalid(text, param="starting_after")
    matching = (obj for obj in newest_first if _passes(obj, wanted))
    if before:
        found, more = _before(matching, before, limit, kind)
    else:
        found, more = _after(matching, after, limit, kind)
    return envelope(call.path, found, has_more=more)


def envelope(url: str, data: list[Object], *, has_more: bool = False) -> Object:
    """The list object itself."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _after(objects: Iterable[Object], cursor: str | None, limit: int, kind: str) -> tuple[list[Object], bool]:
    remaining = iter(objects)
    if cursor and not any(obj["id"] == cursor for obj in remaining):
        raise _unknown(kind, cursor, "starting_after")
    found: list[Object] = []
    for obj in remaining:
        if len(found) == limit:
            return found, True
        found.append(obj)
    return found, False


def _before(objects: Iterable[Object], cursor: str, limit: int, kind: str) -> tuple[list[Object], bool]:
    newer: list[Object] = []
    for obj in objects:
        if obj["id"] == cursor:
            return newer[-limit:], len(newer) > limit
        newer.append(obj)
    raise _unknown(kind, cursor, "ending_before")


def _unknown(kind: str, id: str, param: str) -> Exception:
    return invalid(f"No such {kind}: '{id}'", param=param, code="resource_missing")


def _passes(obj: Object, wanted: list[tuple[str, Any, Test | None]]) -> bool:
    for name, value, test in wanted:
        if test is not None:
            if not test(obj, value):
                return False
        elif name == "created":
            if not within(obj["created"], value):
                return False
        elif obj.get(name) != value:
            return False
    return True


def within(moment: int, bounds: int | dict[str, int]) -> bool:
    """Whether a time stamp is the one asked for, or lies between the bounds."""
    if not isinstance(bounds, dict):
        return moment == bounds
    return (
        moment > bounds.get("gt", -1)
        and moment >= bounds.get("gte", 0)
        and moment < bounds.get("lt", moment + 1)
        and moment <= bounds.get("lte", moment)
    )

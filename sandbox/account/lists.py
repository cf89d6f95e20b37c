"""Lists: newest first, in pages, filtered by the parameters of the request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sandbox.ground.errors import invalid, missing_object
from sandbox.ground.store import INDEXES
from sandbox.protocol.derived_objects import envelope

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

Test = Callable[["Object", Any], bool]
PAGING = {"limit", "starting_after", "ending_before", "expand"}


def page(account: Account, call: Call, kind: str, **tests: Test) -> Object:
    """A page of all objects of a kind. A filter without a test of its own compares the key of the same name."""
    wanted, limit = _wanted(call, tests), page_size(call)
    after = call.params.get("starting_after")
    if call.params.get("ending_before"):
        return cut(call, account.store.all(kind), kind, **tests)
    if after:
        account.find(kind, after, param="starting_after")
    found = _indexed(account, call, kind, wanted, after)
    if found is None:
        found = account.store.older(kind, after) if after else account.store.all(kind)
    return envelope(call.path, *_first(_matching(found, wanted), limit))


def _indexed(
    account: Account, call: Call, kind: str, wanted: list[tuple[str, Any, Test | None]], after: str | None
) -> Iterable[Object] | None:
    """What an index finds, from the cursor on. None without one, or with a cursor that points elsewhere."""
    name = next((name for name, _, _ in wanted if name in INDEXES.get(kind, {})), None)
    if name is None:
        return None
    found = iter(account.store.having(kind, name, call.params[name]))
    return found if after is None or any(obj["id"] == after for obj in found) else None


def cut(
    call: Call,
    newest_first: Iterable[Object],
    kind: str,
    visible: Callable[[Object], bool] | None = None,
    /,
    **tests: Test,
) -> Object:
    """A page of the given objects, of the `visible` ones only. Raises StripeError for a cursor that is not among them.

    A cursor is a place in the list: what it names need not match the filters, and may since have ceased to.
    """
    limit, after, before = page_size(call), call.params.get("starting_after"), call.params.get("ending_before")
    objects = iter(newest_first)
    if before:
        objects = _until(objects, before, kind)
    elif after and not any(obj["id"] == after for obj in objects):
        raise missing_object(kind, after, param="starting_after")
    matching = _matching(filter(visible, objects) if visible else objects, _wanted(call, tests))
    if before:
        found = list(matching)
        return envelope(call.path, found[-limit:], len(found) > limit)
    return envelope(call.path, *_first(matching, limit))


def page_size(call: Call) -> int:
    """How many objects a page may hold. Raises StripeError when both cursors are given."""
    if call.params.get("starting_after") and call.params.get("ending_before"):
        text = "Received both starting_after and ending_before parameters. Please pass in only one."
        raise invalid(text)
    return min(max(int(call.params.get("limit", 10)), 1), 100)


def _wanted(call: Call, tests: dict[str, Test]) -> list[tuple[str, Any, Test | None]]:
    return [(name, value, tests.get(name)) for name, value in call.params.items() if name not in PAGING]


def _first(objects: Iterable[Object], limit: int) -> tuple[list[Object], bool]:
    found: list[Object] = []
    for obj in objects:
        if len(found) == limit:
            return found, True
        found.append(obj)
    return found, False


def _until(objects: Iterable[Object], cursor: str, kind: str) -> Iterator[Object]:
    for obj in objects:
        if obj["id"] == cursor:
            return
        yield obj
    raise missing_object(kind, cursor, param="ending_before")


def _matching(objects: Iterable[Object], wanted: list[tuple[str, Any, Test | None]]) -> Iterator[Object]:
    return (obj for obj in objects if _passes(obj, wanted)) if wanted else iter(objects)


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

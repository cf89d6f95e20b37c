"""One of each error of the shop's family, with something in each of its fields."""

from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import EnumMeta
from typing import Any, get_args, get_origin, get_type_hints

from core.foundation import errors
from core.foundation.errors import ShopError

_SOME: dict[Any, Any] = {
    str: "eur", int: 3, bool: True, float: 1.5, datetime: datetime(2026, 11, 23, tzinfo=UTC),
}  # fmt: skip


def every_error() -> list[ShopError]:
    return [_made(kind) for kind in _family(ShopError) if kind.__module__ == errors.__name__]


def _family(kind: type[ShopError]) -> list[type[ShopError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _family(below))]


def _made(kind: type[ShopError]) -> ShopError:
    if not is_dataclass(kind):
        return kind()
    hints = get_type_hints(kind)
    needed = {each.name: _some(hints[each.name]) for each in fields(kind) if each.default is MISSING and each.init}
    if hints.get("why") is str:
        needed["why"] = "address"
    return kind(**needed)


def _some(kind: Any) -> Any:
    if isinstance(kind, EnumMeta):
        return next(iter(kind))
    if kind in _SOME:
        return _SOME[kind]
    inner = get_args(kind)
    match get_origin(kind):
        case origin if origin in (list, tuple, set, frozenset):
            several = [each for each in inner if each is not Ellipsis]
            return origin([_some(several[0])]) if origin is not tuple else tuple(map(_some, several))
        case origin if origin is dict:
            return {_some(inner[0]): _some(inner[1])}
    return _some(inner[0]) if inner else None

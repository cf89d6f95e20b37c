"""Parameters that remember which of them a handler looks at.

Only looking at one by its name counts. Copying all of them, or asking whether one is there, does not: that is how
parameters get lost.
"""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call, Handler
    from sandbox.protocol.spec import Object

Handlers = Mapping[tuple[str, str], "Handler"]


class Keys(KeysView[str]):
    """The names of parameters. Whoever goes through them copies: what is looked up next is not asked for by name."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.params = params

    def __iter__(self) -> Iterator[str]:
        names = list(dict.keys(self.params))
        self.params.copied.update(names)
        return iter(names)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self.params, name)

    def __and__(self, others: Any) -> set[str]:
        return {name for name in others if name in self}

    def __sub__(self, others: Any) -> set[str]:
        return {name for name in dict.keys(self.params) if name not in others}


class Params(dict[str, Any]):
    """A hash of parameters that writes down, in `read`, the path of each that is looked at."""

    def __init__(self, given: Mapping[str, Any], read: set[str], where: str = "") -> None:
        super().__init__({k: _watched(v, read, f"{where}[{k}]" if where else k) for k, v in given.items()})
        self.read, self.where = read, where
        self.copied: set[str] = set()

    def _note(self, name: str) -> None:
        if name in self.copied:
            self.copied.discard(name)
        else:
            self.read.add(f"{self.where}[{name}]" if self.where else name)

    def __getitem__(self, name: str) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def keys(self) -> Any:
        return Keys(self)

    # With an iterator of its own, Python copies it by way of `keys` and `__getitem__`.
    def __iter__(self) -> Iterator[str]:
        return iter(Keys(self))


def _watched(value: Any, read: set[str], where: str) -> Any:
    if isinstance(value, dict):
        return Params(value, read, where)
    if isinstance(value, list):
        return [_watched(each, read, f"{where}[]") for each in value]
    return value


def watching(handlers: Handlers, read: set[str]) -> Handlers:
    """The same handlers, given parameters that remember."""

    def watched(handler: Handler) -> Handler:
        def carry_out(account: Account, call: Call) -> Object:
            call.params = Params(call.params, read)
            return handler(account, call)

        return carry_out

    return {operation: watched(handler) for operation, handler in handlers.items()}

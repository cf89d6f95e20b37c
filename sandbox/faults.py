"""What can be made to go wrong on purpose: lost, late, doubled and forged events, an API that fails, a mailbox that
refuses, a card that is declined."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

ApiFault = Literal["", "429", "500_before", "500_after", "silence_before", "silence_after"]


class UnknownFault(ValueError):
    """A name or a value that no fault has; `str()` says which."""


@dataclass
class Faults:
    """The armed faults. Numbers count down as they are used up; -1 never does."""

    # Every event is delivered twice, at the same moment.
    twice: bool = False
    # The first delivery of an event waits this long.
    hold_seconds: float = 0
    # So many events are lost on the way; each is sent again after `drop_retry_seconds`, or never when that is -1.
    drop_next: int = 0
    drop_retry_seconds: float = 60
    # Events are gathered for a second and delivered in another order than they happened.
    shuffle: bool = False
    # So many deliveries carry a signature made with another secret, or one that is ten minutes old.
    bad_signature_next: int = 0
    old_signature_next: int = 0
    # The API fails in this way for so many requests, those whose path begins with `api_path`.
    api: ApiFault = ""
    api_next: int = 0
    api_path: str = "/v1/"
    # The API takes this long for each request. The idempotency key is in use meanwhile.
    api_seconds: float = 0
    # So many payments are declined, whatever the card.
    decline_next: int = 0
    # The mailbox refuses so many letters for now (SMTP 451).
    smtp_refuse_next: int = 0

    def set(self, changes: dict[str, Any]) -> None:
        """Change some of them. Raises UnknownFault, and then changes none."""
        known = {field.name: field for field in dataclasses.fields(self)}
        checked = {}
        for name, value in changes.items():
            if name not in known:
                raise UnknownFault(f"no such fault: {name} (there are {', '.join(known)})")
            checked[name] = _checked(name, value, known[name].default)
        for name, value in checked.items():
            setattr(self, name, value)

    def use_up(self, name: str) -> bool:
        """Whether the counted fault strikes now; counts it down."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left != 0

    def clear(self) -> None:
        """Disarm all of them."""
        self.__init__()  # type: ignore[misc]

    def as_dict(self) -> dict[str, Any]:
        """Name and value of each."""
        return dataclasses.asdict(self)


def _checked(name: str, value: Any, default: Any) -> Any:
    if name == "api":
        if value not in get_args(ApiFault):
            raise UnknownFault(f"api must be one of {', '.join(repr(a) for a in get_args(ApiFault))}")
        return value
    # In Python true is a number too; here it is not.
    kinds = (bool,) if isinstance(default, bool) else (str,) if isinstance(default, str) else (int, float)
    if isinstance(value, kinds) and isinstance(value, bool) == isinstance(default, bool):
        return value
    raise UnknownFault(f"{name} cannot be {value!r}")

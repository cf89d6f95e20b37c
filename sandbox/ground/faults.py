"""What can be made to go wrong on purpose: lost, late, doubled and forged events, an API that fails, a mailbox that
refuses, a card that is declined. Some strike so many times, some at a rate that is chance, but the same chance again
for the same seed."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

ApiFault = Literal["", "429", "500_before", "500_after", "silence_before", "silence_after"]
Unpaid = Literal["cancel", "unpaid", "past_due"]
# What only says how others strike.
HARMLESS = {"seed", "drop_retry_seconds", "api_path"}
CHOICES: dict[str, tuple[str, ...]] = {"api": get_args(ApiFault), "after_dunning": get_args(Unpaid)}


class UnknownFault(ValueError):
    """A name or a value that no fault has; `str()` says which."""


@dataclass
class Faults:
    """The armed faults. Numbers count down as they are used up; -1 never does. Rates lie between 0 and 1."""

    # Every event is delivered twice, at the same moment.
    twice: bool = False
    # So many changes are announced by two events, each with its own id.
    double_events_next: int = 0
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
    # The same for long runs: this part of all deliveries comes twice, out of order, or never.
    duplicate_rate: float = 0
    shuffle_rate: float = 0
    drop_rate: float = 0
    # This part of all API requests is answered 429 or 500, and nothing was done.
    api_error_rate: float = 0
    # Setting it starts chance anew.
    seed: int = 0
    # The API fails in this way for so many requests, those whose path begins with `api_path`.
    api: ApiFault = ""
    api_next: int = 0
    api_path: str = "/v1/"
    # So many requests per second are let in (and as many at once after a quiet second); the others are answered 429.
    rate_limit: float = 0
    # So many requests find their object locked: 429, and try again.
    lock_timeout_next: int = 0
    # The API takes this long for each request. The idempotency key is in use meanwhile.
    api_seconds: float = 0
    # So many payments are declined, whatever the card.
    decline_next: int = 0
    # So many refunds wait for the buyer to say where the money should go; only those can be canceled.
    refund_action_next: int = 0
    # What becomes of a subscription whose invoice was not paid by the last retry.
    after_dunning: Unpaid = "cancel"
    # The mailbox refuses so many letters for now (SMTP 451).
    smtp_refuse_next: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        # Told whenever one of them is set or used up.
        self.changed: Callable[[], None] = lambda: None

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
        if "seed" in checked:
            self._chance = random.Random(self.seed)
        self.changed()

    def use_up(self, name: str) -> bool:
        """Whether the counted fault strikes now; counts it down."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
            self.changed()
        return left != 0

    def strikes(self, name: str) -> bool:
        """Whether the fault with that rate strikes now."""
        rate: float = getattr(self, name)
        return rate > 0 and self._chance.random() < rate

    def between(self, least: float, most: float) -> float:
        """A number by chance."""
        return self._chance.uniform(least, most)

    def clear(self) -> None:
        """Disarm all of them."""
        self.set(Faults().as_dict())

    def armed(self) -> list[str]:
        """The names of those that differ from how they are when nothing is armed."""
        return [name for name, value in self.as_dict().items() if value != default(name) and name not in HARMLESS]

    def as_dict(self) -> dict[str, Any]:
        """Name and value of each."""
        return dataclasses.asdict(self)


def default(name: str) -> Any:
    """The value a fault has while nothing is armed."""
    return next(field.default for field in dataclasses.fields(Faults) if field.name == name)


def _checked(name: str, value: Any, default: Any) -> Any:
    if choices := CHOICES.get(name):
        if value not in choices:
            raise UnknownFault(f"{name} must be one of {', '.join(repr(choice) for choice in choices)}")
        return value
    if name.endswith("_rate") and not (isinstance(value, int | float) and 0 <= value <= 1):
        raise UnknownFault(f"{name} must be a number from 0 to 1")
    if name == "rate_limit" and isinstance(value, int | float) and value < 0:
        raise UnknownFault("rate_limit must not be negative")
    # In Python true is a number too; here it is not.
    kinds = (bool,) if isinstance(default, bool) else (str,) if isinstance(default, str) else (int, float)
    if isinstance(value, kinds) and isinstance(value, bool) == isinstance(default, bool):
        return value
    raise UnknownFault(f"{name} cannot be {value!r}")

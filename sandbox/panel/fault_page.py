"""The page on which faults are armed, each with its dial: what it is called, what it does, and how what is typed becomes
its value.

The dials are made from the faults themselves, so one without a text still has a dial (and a test asks for its text).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response

from sandbox.ground.faults import CHOICES, Faults, default
from sandbox.pages import flash_messages, rendering
from sandbox.panel import action_messages

if TYPE_CHECKING:
    from sandbox.account.account import Account

# What a count or a pause may be instead of a number of things: until disarmed, or never.
ENDLESS = -1


@dataclass(frozen=True)
class Text:
    """What people read beside a dial."""

    label: str
    hint: str
    choices: Mapping[str, str] = dataclasses.field(default_factory=dict)


GROUPS: Mapping[str, Mapping[str, Text]] = {
    "Deliveries": {
        "twice": Text("Every event twice", "Each is delivered two times at the same moment."),
        "double_events_next": Text("Two events for one change", "So many changes are announced by two events."),
        "hold_seconds": Text("Hold events back", "The first delivery of an event waits this many seconds."),
        "drop_next": Text("Lose events", "So many are lost on the way. -1 loses all of them until disarmed."),
        "drop_retry_seconds": Text("Lost events come after", "Seconds until a lost event is sent again; -1 is never."),
        "shuffle": Text("Another order", "Events are gathered for a second and delivered mixed up."),
        "duplicate_rate": Text("Twice, by chance", "This part of all deliveries comes twice."),
        "shuffle_rate": Text("Late, by chance", "This part of all deliveries comes up to a second late."),
        "drop_rate": Text("Lost, by chance", "This part of all deliveries never comes."),
        "seed": Text("Seed of chance", "Another number starts chance anew; the same number strikes the same again."),
    },
    "Signatures": {
        "bad_signature_next": Text("Forged signatures", "So many deliveries are signed with another secret."),
        "old_signature_next": Text("Old signatures", "So many deliveries are signed ten minutes ago."),
    },
    "API": {
        "api": Text(
            "Fail in this way", "For as many requests as the next dial says.",
            {
                "": "Not at all",
                "429": "Answer 429, do nothing",
                "500_before": "Answer 500, do nothing",
                "500_after": "Do it, but answer 500",
                "silence_before": "Never answer, do nothing",
                "silence_after": "Do it, but never answer",
            },
        ),
        "api_next": Text("For so many requests", "Counts down with each. -1 fails all of them until disarmed."),
        "api_path": Text("Only requests to", "Requests whose path begins with this. /v1/ means all of them."),
        "api_error_rate": Text("Fail by chance", "This part of all requests is answered 429 or 500, with nothing done."),
        "rate_limit": Text(
            "Requests per second", "So many are let in, and as many at once after a quiet second; 0 lets in all."
        ),
        "lock_timeout_next": Text("Locked objects", "So many requests are answered 429, with the advice to try again."),
        "api_seconds": Text("Slow answers", "Every request takes this many seconds."),
    },
    "Payments": {
        "decline_next": Text("Decline payments", "So many are declined, whatever the card."),
        "refund_action_next": Text("Refunds need the buyer", "So many wait for the buyer; only those can be canceled."),
        "after_dunning": Text(
            "Plans that stay unpaid", "What becomes of a plan whose invoice is not paid by the last retry.",
            {"cancel": "End", "unpaid": "Become unpaid", "past_due": "Stay past due"},
        ),
    },
    "Mail": {
        "smtp_refuse_next": Text("Refuse letters", "So many are refused for now (SMTP 451). -1 refuses all."),
    },
}  # fmt: skip
OTHERS = "Others"
# Whether a fault is counted in whole numbers.
WHOLE = {field.name: field.type == "int" for field in dataclasses.fields(Faults)}


class Mistyped(ValueError):
    """Some fields cannot be used. `problems` says why, by the names of the faults."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Dial:
    """One fault as a control of a form. `kind` is check, rate, choice, count, seconds, number or text."""

    name: str
    kind: str
    text: Text

    @property
    def least(self) -> int:
        """The smallest number it takes."""
        endless = self.name.endswith("_next") or self.name == "drop_retry_seconds"
        return ENDLESS if endless else 0

    def shown(self, value: Any) -> str:
        """A value as its field shows it; rates in percent."""
        if self.kind == "check":
            return "on" if value else ""
        return (
            f"{value * 100:.10g}"
            if self.kind == "rate"
            else f"{value:.15g}"
            if isinstance(value, float)
            else str(value)
        )

    def said(self, value: Any) -> str:
        """The value as a remark beside the field, empty while it does nothing."""
        if value == default(self.name):
            return ""
        match self.kind:
            case "check":
                return "On"
            case "count":
                return "Until disarmed" if value == ENDLESS else f"{value} left"
            case "rate":
                return f"{self.shown(value)} %"
            case "choice":
                return self.text.choices.get(value, value)
            case "seconds":
                return "Never" if value == ENDLESS else f"{value:g} s"
        return str(value)

    def read(self, typed: str) -> Any:
        """The value that was typed. Raises ValueError with a sentence for people."""
        typed = typed.strip()
        if self.kind == "check":
            return typed == "on"
        if self.kind == "choice" and typed not in CHOICES[self.name]:
            raise ValueError("Choose one of these.")
        if self.kind in ("choice", "text"):
            return typed
        return self._number(typed)

    def _number(self, typed: str) -> Any:
        try:
            number = float(typed.replace(",", ".") or "0")
        except ValueError:
            raise ValueError("Type a number.") from None
        whole = WHOLE[self.name]
        if self.kind == "rate" and not 0 <= number <= 100:
            raise ValueError("Type a number from 0 to 100.")
        if not math.isfinite(number) or number < self.least or (number < 0 and number != ENDLESS):
            raise ValueError(f"Type a number from 0 on{', or -1' if self.least else ''}.")
        if whole and number != int(number):
            raise ValueError("Type a whole number.")
        return number / 100 if self.kind == "rate" else int(number) if whole else number


def groups() -> dict[str, list[Dial]]:
    """Every fault's dial, in groups."""
    texts = {name: text for group in GROUPS.values() for name, text in group.items()}
    found = {group: [_dial(name, text) for name, text in known.items()] for group, known in GROUPS.items()}
    others = [field.name for field in dataclasses.fields(Faults) if field.name not in texts]
    if others:
        found[OTHERS] = [_dial(name, Text(name.replace("_", " ").capitalize(), "")) for name in others]
    return found


def changes(form: Mapping[str, str]) -> dict[str, Any]:
    """What a submitted form changes. Fields that still hold what the page had put there change nothing: the count may
    have gone down meanwhile. Raises Mistyped, and then nothing should be changed."""
    found, problems = {}, {}
    for dial in (dial for group in groups().values() for dial in group):
        typed = form.get(dial.name, "")
        if f"was-{dial.name}" not in form or typed.strip() == form[f"was-{dial.name}"]:
            continue
        try:
            found[dial.name] = dial.read(typed)
            Faults().set({dial.name: found[dial.name]})
        except ValueError as wrong:
            problems[dial.name] = str(wrong)
    if problems:
        raise Mistyped(problems)
    return found


def _dial(name: str, text: Text) -> Dial:
    value = default(name)
    if isinstance(value, bool):
        return Dial(name, "check", text)
    if name in CHOICES:
        return Dial(name, "choice", text)
    if isinstance(value, str):
        return Dial(name, "text", text)
    endings = {"_rate": "rate", "_next": "count", "_seconds": "seconds"}
    return Dial(name, next((kind for end, kind in endings.items() if name.endswith(end)), "number"), text)


class FaultPage:
    """The page at /panel/faults."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def show(self, request: Request) -> Response:
        """GET /panel/faults"""
        return self._page(request)

    async def set(self, request: Request) -> Response:
        """POST /panel/faults: all fields at once. When one cannot be used none is, and everything typed is kept."""
        form = await rendering.form(request)
        try:
            changed = changes(form)
        except Mistyped as wrong:
            return self._page(request, form, wrong.problems)
        self.account.faults.set(changed)
        said = f"Set {action_messages.counted(len(changed), 'dial')}." if changed else "Nothing was changed."
        return flash_messages.redirect(request, "/panel/faults", said)

    async def disarm(self, request: Request) -> Response:
        """POST /panel/faults/disarm: all of them."""
        armed = self.account.faults.armed()
        self.account.faults.clear()
        back = (await rendering.form(request)).get("back", "/panel/faults")
        said = f"Disarmed {action_messages.counted(len(armed), 'fault')}." if armed else "No fault was armed."
        return flash_messages.redirect(request, back, said)

    def _page(
        self, request: Request, typed: dict[str, str] | None = None, problems: dict[str, str] | None = None
    ) -> Response:
        values = self.account.faults.as_dict()
        return rendering.framed(
            self.account,
            request,
            "faults",
            status=422 if problems else 200,
            groups={
                group: [_field(dial, values[dial.name], typed, problems or {}) for dial in members]
                for group, members in groups().items()
            },
            problems=problems or {},
        )


def _field(dial: Dial, value: Any, typed: dict[str, str] | None, problems: dict[str, str]) -> dict[str, Any]:
    now = dial.shown(value)
    return {
        "name": dial.name,
        "kind": dial.kind,
        "label": dial.text.label,
        "hint": dial.text.hint,
        "choices": dial.text.choices,
        "least": dial.least,
        "was": (typed or {}).get(f"was-{dial.name}", now),
        "typed": now if typed is None else typed.get(dial.name, ""),
        "said": dial.said(value),
        "armed": value != default(dial.name),
        "problem": problems.get(dial.name),
    }

"""The page on which faults are armed, each with its dial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request, Response

from sandbox.ground.faults import default
from sandbox.pages import rendering
from sandbox.panel import action_messages, dials

if TYPE_CHECKING:
    from sandbox.account.account import Account


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
            changed = dials.changes(form)
        except dials.Mistyped as wrong:
            return self._page(request, form, wrong.problems)
        self.account.faults.set(changed)
        said = f"Set {action_messages.counted(len(changed), 'dial')}." if changed else "Nothing was changed."
        return self.account.notices.redirect("/panel/faults", said)

    async def disarm(self, request: Request) -> Response:
        """POST /panel/faults/disarm: all of them."""
        armed = self.account.faults.armed()
        self.account.faults.clear()
        back = (await rendering.form(request)).get("back", "/panel/faults")
        said = f"Disarmed {action_messages.counted(len(armed), 'fault')}." if armed else "No fault was armed."
        return self.account.notices.redirect(back, said)

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
                for group, members in dials.groups().items()
            },
            problems=problems or {},
        )


def _field(dial: dials.Dial, value: Any, typed: dict[str, str] | None, problems: dict[str, str]) -> dict[str, Any]:
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

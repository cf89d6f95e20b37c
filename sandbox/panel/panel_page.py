"""The control panel: what has happened, and buttons to make more happen."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response

from sandbox.customers import test_clocks
from sandbox.ground.errors import StripeError
from sandbox.pages import flash_messages, rendering
from sandbox.panel import action_messages, actions, promotion_code_table, rows, scenario_buttons
from sandbox.panel.targets import CannotDo
from sandbox.payments import early_fraud_warnings

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

ROWS = 8
MORE_ROWS = 30


class Panel:
    """The page at / and its buttons."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def show(self, request: Request) -> Response:
        """GET /: the newest of everything; `?payments=40` and the like for more of them."""
        account, find = self.account, self._newest
        return rendering.framed(
            account,
            request,
            "panel",
            endpoint=account.settings.webhook_url,
            clock=account.clock.moved(),
            ahead=rows.ahead(account.clock.ahead),
            scenarios=scenario_buttons.SCENARIOS,
            switched_on=self._switched_on(),
            # What arms faults is folded away while none of it is armed.
            folded={group for group, buttons in scenario_buttons.SCENARIOS.items() if _only_switches(buttons)},
            sessions=find(request, "sessions", "checkout.session", rows.session),
            payments=find(request, "payments", "payment_intent", lambda p: rows.payment(account, p)),
            subscriptions=find(request, "subscriptions", "subscription", lambda s: rows.subscription(account, s)),
            disputes=find(request, "disputes", "dispute", rows.dispute),
            warnings=find(request, "warnings", early_fraud_warnings.KIND, rows.warning),
            payouts=find(request, "payouts", "payout", rows.payout),
            events=find(request, "events", "event", lambda e: rows.event(account, e)),
            codes=find(request, "codes", "promotion_code", lambda p: promotion_code_table.row(account, p)),
            units=promotion_code_table.UNITS,
            durations=promotion_code_table.DURATIONS,
            clocks=find(request, "clocks", test_clocks.KIND, rows.clock),
            endpoints=self._endpoints(),
        )

    async def make_code(self, request: Request) -> Response:
        """POST /panel/promotion-codes, then back to the list of them."""
        account = self.account
        try:
            made = actions.do(account, "make-code", "", promotion_code_table.read(await rendering.form(request)))
        except (StripeError, CannotDo) as refused:
            return flash_messages.redirect(request, "/#codes", str(refused), good=False)
        account.commit()
        return flash_messages.redirect(request, "/#codes", action_messages.told(account, "make-code", "", made))

    async def act(self, request: Request) -> Response:
        """POST /panel/act/{name}, then back to where the button was."""
        form, name = await rendering.form(request), request.path_params["name"]
        given, back = form.get("id", ""), form.get("back") or "/"
        try:
            said = scenario_buttons.press(self.account, name, given)
        except (StripeError, CannotDo) as refused:
            self.account.commit()
            return flash_messages.redirect(request, back, str(refused), good=False)
        self.account.commit()
        if said is None:
            return Response("No such button", 404)
        return flash_messages.redirect(request, back, said)

    def _switched_on(self) -> set[str]:
        return {
            name
            for group in scenario_buttons.SCENARIOS.values()
            for name, button in group.items()
            if isinstance(button, scenario_buttons.Switch) and button.armed(self.account)
        }

    def _endpoints(self) -> list[rows.Row]:
        account = self.account
        given = rows.default_endpoint(account)
        made = [rows.endpoint(account, endpoint) for endpoint in account.store.all("webhook_endpoint")]
        listening = [rows.listener(account, id) for id in account.listeners.here()]
        return [*([given] if given else []), *made, *listening]

    def _newest(self, request: Request, name: str, kind: str, row: Callable[[Object], rows.Row]) -> dict[str, Any]:
        number, total = rendering.count(request, name, ROWS), self.account.store.count(kind)
        return {
            "rows": [row(obj) for obj in itertools.islice(self.account.store.all(kind), number)],
            "total": total,
            "more": rendering.more(request, name, number + MORE_ROWS, name) if total > number else None,
        }


def _only_switches(buttons: Mapping[str, scenario_buttons.Switch | scenario_buttons.Action]) -> bool:
    return all(isinstance(button, scenario_buttons.Switch) for button in buttons.values())

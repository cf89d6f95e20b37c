"""Switches for scripts and tests: faults, deliveries, bank debits, a fresh start. JSON in, JSON out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from sandbox import checkout, deliveries
from sandbox.faults import UnknownFault

if TYPE_CHECKING:
    from sandbox.account import Account

MOST_DELIVERIES = 500


class BadRequest(ValueError):
    """What was posted cannot be used; `str()` says why."""


class Control:
    """The endpoints under /sandbox."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def faults(self, request: Request) -> Response:
        """GET /sandbox/faults"""
        return JSONResponse(self.account.faults.as_dict())

    async def set_faults(self, request: Request) -> Response:
        """POST /sandbox/faults `{name: value}`: changes those, leaves the others. Answers with all."""
        try:
            self.account.faults.set(await _json(request))
        except (BadRequest, UnknownFault) as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        return JSONResponse(self.account.faults.as_dict())

    async def reset(self, request: Request) -> Response:
        """POST /sandbox/reset: everything is forgotten."""
        self.account.reset()
        return JSONResponse({"status": "ok"})

    async def deliveries(self, request: Request) -> Response:
        """GET /sandbox/deliveries.json: newest first, with their attempts; `?event=` for one event's."""
        found = self.account.store.all(deliveries.KIND)
        if event := request.query_params.get("event"):
            return JSONResponse([delivery for delivery in found if delivery["event"] == event])
        return JSONResponse(list(itertools.islice(found, MOST_DELIVERIES)))

    async def settle(self, request: Request) -> Response:
        """POST /sandbox/settle `{payment_intent, paid?}`: the bank answers about a debit now."""
        try:
            given = await _json(request)
            settle_now(self.account, str(given.get("payment_intent")), paid=given.get("paid"))
        except BadRequest as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        return JSONResponse({"status": "ok"})


def settle_now(account: Account, intent: str, *, paid: bool | None) -> None:
    """Let a bank debit settle (or bounce) without waiting. Raises BadRequest when none is waiting under that id."""
    if account.timers.due("settle", intent) is None:
        raise BadRequest(f"no bank debit waits for {intent}")
    account.timers.cancel("settle", intent)
    checkout.settle(account, intent, paid=paid)
    account.commit()


async def _json(request: Request) -> dict[str, Any]:
    try:
        given = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError as wrong:
        raise BadRequest(f"not JSON: {wrong}") from None
    if not isinstance(given, dict):
        raise BadRequest("a JSON object is expected")
    return given

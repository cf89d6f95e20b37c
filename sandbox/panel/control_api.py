"""Switches for scripts and tests: faults, the clock, everything the panel's buttons do, a fresh start.

JSON in, JSON out.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from sandbox.account import deliveries
from sandbox.ground.errors import StripeError
from sandbox.ground.faults import UnknownFault
from sandbox.panel import actions, payment_actions
from sandbox.panel.targets import CannotDo

if TYPE_CHECKING:
    from sandbox.account.account import Account

MOST_DELIVERIES = 500
# Jumping further at once would be a slip of the pen.
FARTHEST_SECONDS = 10 * 366 * 24 * 3600


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
            return _refused(wrong)
        return JSONResponse(self.account.faults.as_dict())

    async def reset(self, request: Request) -> Response:
        """POST /sandbox/reset: everything is forgotten."""
        self.account.reset()
        return JSONResponse({"status": "ok"})

    async def deliveries(self, request: Request) -> Response:
        """GET /sandbox/deliveries.json: newest first, with their attempts; `?event=` for one event's, `?state=pending`
        for those that are not over, and the newest 500 unless `?limit=` says otherwise."""
        wanted = request.query_params
        if event := wanted.get("event"):
            return JSONResponse(self.account.deliveries.of_event(event)[::-1])
        limit = wanted.get("limit", str(MOST_DELIVERIES))
        if not limit.isdecimal():
            return _refused(BadRequest("limit must be a number"))
        state = wanted.get("state")
        found = (each for each in self.account.store.all(deliveries.KIND) if state in (None, each["state"]))
        return JSONResponse(list(itertools.islice(found, int(limit))))

    async def clock(self, request: Request) -> Response:
        """GET /sandbox/clock: the sandbox's time in seconds since 1970, and how far it is ahead of the computer's."""
        clock = self.account.clock
        return JSONResponse({"now": int(clock.moved()), "ahead_seconds": clock.ahead})

    async def move_clock(self, request: Request) -> Response:
        """POST /sandbox/clock `{advance_seconds}`: whatever falls due on the way has happened when it answers."""
        try:
            seconds = (await _json(request)).get("advance_seconds")
            if isinstance(seconds, bool) or not isinstance(seconds, int | float):
                raise BadRequest("advance_seconds must be a number")
            if not 0 <= seconds <= FARTHEST_SECONDS:
                raise BadRequest("the clock can only be moved ahead, and at most ten years at once")
        except BadRequest as wrong:
            return _refused(wrong)
        self.account.move_clock(seconds)
        return await self.clock(request)

    async def settle(self, request: Request) -> Response:
        """POST /sandbox/settle `{payment_intent, paid?}`: the bank answers about a debit now."""
        try:
            given = await _json(request)
            payment_actions.settle(self.account, str(given.get("payment_intent")), paid=given.get("paid"))
        except (BadRequest, CannotDo) as wrong:
            return _refused(wrong)
        self.account.commit()
        return JSONResponse({"status": "ok"})

    async def act(self, request: Request) -> Response:
        """POST /sandbox/act/{name} `{id, ...}`: does what the panel's button of that name does, and answers with what
        came of it. `GET /` shows the buttons; `actions` lists them with what else they take."""
        try:
            given = await _json(request)
            result = actions.do(self.account, request.path_params["name"], str(given.pop("id", "")), given)
        except (BadRequest, CannotDo, StripeError) as wrong:
            self.account.commit()
            return _refused(wrong)
        self.account.commit()
        return JSONResponse({"status": "ok", "result": result})


def _refused(wrong: Exception) -> JSONResponse:
    return JSONResponse({"error": str(wrong)}, 400)


async def _json(request: Request) -> dict[str, Any]:
    try:
        given = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError as wrong:
        raise BadRequest(f"not JSON: {wrong}") from None
    if not isinstance(given, dict):
        raise BadRequest("a JSON object is expected")
    return given

"""The receiver: takes the webhooks that a shop sends to programs of its seller's, and shows them instead of acting on them."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

import orjson
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from sandbox.pages import flash_messages, rendering

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

KIND, PAGE, MOST, LARGEST = "received_webhook", 50, 500, 256 * 1024
# The demo signs with this one. Standard Webhooks 1.0: HMAC-SHA256 over id, time and body.
SECRET = "whsec_d2hhdCB0aGUgZGVtbyB0ZWxscyB0aGUgc2FuZGJveC4="


class ReceiverPage:
    """The pages under /webhooks."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def take(self, request: Request) -> Response:
        """POST /webhooks: kept under its id, so that what comes twice stands there once, with how often it came."""
        body = await request.body()
        id, said = request.headers.get("webhook-id", ""), _read(body)
        if not id or said is None or len(body) > LARGEST:
            return Response(status_code=400)
        now, signed = self.account.clock.real(), _is_signed(request, id, body)
        if known := self.account.store.get(KIND, id):
            self.account.store.change(known, times=known["times"] + 1, at=now, signed=signed)
        else:
            kind, shown = str(said.get("type", "")), orjson.dumps(said, option=orjson.OPT_INDENT_2).decode()
            message: Object = {"object": KIND, "id": id, "type": kind, "body": shown, "times": 1, "at": now}
            self.account.store.save({**message, "signed": signed})
        self._forget_old()
        self.account.store.commit()
        return Response(status_code=204)

    async def show(self, request: Request) -> Response:
        """GET /webhooks: what came, newest first."""
        found = list(self.account.store.all(KIND))
        number = rendering.count(request, "n", PAGE)
        return rendering.framed(
            self.account,
            request,
            "webhooks",
            messages=found[:number],
            total=len(found),
            more=rendering.more(request, "n", number + PAGE, "messages") if len(found) > number else None,
        )

    async def as_json(self, request: Request) -> Response:
        """GET /webhooks.json, oldest first."""
        found = list(self.account.store.all(KIND))[::-1]
        return JSONResponse([{**each, "body": orjson.loads(each["body"])} for each in found])

    async def clear(self, request: Request) -> Response:
        """POST /webhooks/clear, from the page."""
        self.account.store.clear(KIND)
        return flash_messages.redirect(request, "/webhooks", "Deleted all of them.")

    def _forget_old(self) -> None:
        for old in list(self.account.store.all(KIND))[MOST:]:
            self.account.store.delete(KIND, old["id"])


def _read(body: bytes) -> Object | None:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None


def _is_signed(request: Request, id: str, body: bytes) -> bool:
    moment = request.headers.get("webhook-timestamp", "")
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.digest(key, f"{id}.{moment}.".encode() + body, "sha256")).decode()
    return any(hmac.compare_digest(wanted, each) for each in request.headers.get("webhook-signature", "").split())

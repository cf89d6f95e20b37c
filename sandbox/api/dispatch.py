"""The API under /v1: who asks, for what, whether it may be asked so, and the answer in Stripe's form.

authenticate → find the operation → decode and check the parameters → idempotency key → handler → expand → answer
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import orjson
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from sandbox.account.requests import Call, Handler
from sandbox.api import access, bodies, filters, unsupported
from sandbox.api.idempotency import Answer, Keys
from sandbox.api.includable import INCLUDABLE
from sandbox.ground import ids
from sandbox.ground.errors import StripeError, unauthorized
from sandbox.protocol import conformity, expansion, parameters, spec, versions
from sandbox.protocol.spec import Object, Operation

if TYPE_CHECKING:
    from sandbox.account.account import Account

log = logging.getLogger("sandbox")
# Answers after which a request may be repeated under its idempotency key.
NOT_KEPT = (401, 409, 429)
# The first segment of paths under which objects live by their customer's clock.
KIND_OF_PATH = {
    "charges": "charge",
    "checkout": "checkout.session",
    "customers": "customer",
    "disputes": "dispute",
    "invoiceitems": "invoiceitem",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "subscription_items": "subscription_item",
    "subscriptions": "subscription",
}
NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth "
    "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or "
    "we can help at https://support.stripe.com/."
)


@dataclass
class Api:
    """Stripe's API on top of an account, with a handler for each operation it imitates."""

    account: Account
    handlers: Mapping[tuple[str, str], Handler]
    # Set when the server stops, so that requests left unanswered on purpose let go.
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.keys = Keys(self.account)
        self.rate_limit = access.RateLimit(self.account.faults)
        self.made = {named: partial(make, self.account) for named, make in INCLUDABLE.items()}

    async def answer(self, request: Request) -> Response:
        """The answer to any request under /v1."""
        request_id = ids.short("req")
        version = request.headers.get("stripe-version")
        headers = {"Request-Id": request_id, "Stripe-Version": version or self.account.settings.api_version}
        try:
            answer, more = await self._carry_out(request, request_id, version)
            headers.update(more)
        except StripeError as refused:
            answer = Answer(refused.status, _json(refused.body), request_id)
            headers.update(refused.headers)
            if request.method == "POST" and (key := request.headers.get("idempotency-key")):
                headers.update({"Idempotency-Key": key, "Original-Request": request_id})
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            answer = Answer(500, _json(_broken().body), request_id)
        if self.account.settings.check:
            answer = _checked(request, answer, headers["Stripe-Version"])
        await self.account.listeners.report(_record(request, answer, request_id))
        return Response(answer.body, answer.status, headers, media_type="application/json")

    async def _carry_out(self, request: Request, request_id: str, version: str | None) -> tuple[Answer, dict[str, str]]:
        key = _authenticate(request.headers.get("authorization", ""))
        if version is not None:
            versions.check(version)
        self.rate_limit.check()
        fault = self._fault(request.url.path)
        if fault in ("429", "500_before", "silence_before"):
            await self._fail(fault, request)
        if fault == "locked":
            raise access.locked()
        call = await self._read(request, request_id, version)
        call.key = key
        headers = {"Idempotency-Key": call.idempotency_key} if call.idempotency_key else {}
        if kept := self._claimed(call):
            if fault == "silence_after":
                await self._silence(request)
            return kept, {**headers, **_of_kept(kept), "Idempotent-Replayed": "true"}
        try:
            if self.account.faults.api_seconds:
                await asyncio.sleep(self.account.faults.api_seconds)
            answer = self._execute(call, fails=fault == "500_after")
        finally:
            if call.idempotency_key:
                self.keys.release(call.idempotency_key)
        if fault == "silence_after":
            await self._silence(request)
        return answer, {**headers, **_of_kept(answer)} if headers else {}

    async def _read(self, request: Request, request_id: str, version: str | None) -> Call:
        method, path = request.method, request.url.path
        found = spec.match(method, path)
        if path.endswith("/") or found is None:
            raise access.unrecognized(method, path)
        operation, id = found
        form = await bodies.form(request)
        expand = form.get("expand")
        default = self.account.settings.api_version
        # Who names no version may have been written for any, unless the account says for which.
        params = parameters.check(operation, form, version or (default if versions.is_older(default) else None))
        unsupported.refuse(operation, params)
        if expand == "" or params.get("expand") == "":
            params.pop("expand", None)
        if operation.returns and (paths := params.get("expand")):
            expansion.check(self._view(version or default), operation.returns, paths)
        key = request.headers.get("idempotency-key") if method == "POST" else None
        return Call(operation, path, id, params, request_id, key or None, version or default)

    def _claimed(self, call: Call) -> Answer | None:
        if call.idempotency_key is None:
            return None
        return self.keys.claim(call.idempotency_key, call.path, call.params)

    def _execute(self, call: Call, *, fails: bool) -> Answer:
        with self.account.caused_by(call):
            try:
                status, body = 200, self._result(call)
            except StripeError as refused:
                status, body = refused.status, versions.shown(self.account.store, refused.body, call.version)
            except Exception:
                log.exception("%s %s failed", call.operation.method, call.path)
                status, body = 500, _broken().body
        if fails:
            # Everything was done, but nobody will know until the events arrive.
            status, body = 500, _broken().body
        answer = Answer(status, _json(body), call.request_id)
        if call.idempotency_key and status not in NOT_KEPT:
            self.keys.keep(call.idempotency_key, answer)
        self.account.commit()
        return answer

    def _result(self, call: Call) -> Object:
        operation = call.operation
        handler = self.handlers.get((operation.method, operation.path))
        if handler is None:
            text = f"The sandbox does not imitate {operation.method} {operation.path}."
            raise StripeError(501, "api_error", text)
        # Taken out, so that handlers and filters see only what concerns them.
        call.expand = call.params.pop("expand", [])
        if operation.method == "GET":
            filters.check(self.account, call)
        with self.account.in_time_of(self._customer(call)):
            found = handler(self.account, call)
        view = self._view(call.version)
        result: Object = view.shown(found)
        if not call.expand:
            return result
        return expansion.expand(view, result, self._schema(view, operation, result), call.expand)

    def _customer(self, call: Call) -> str | None:
        """Whose time a request happens in: that of the customer it names, or of the one its object belongs to."""
        kind, store = KIND_OF_PATH.get(call.operation.path.split("/")[2]), self.account.store
        if kind is None or not call.id:
            named = call.params.get("customer")
            return named if isinstance(named, str) else None
        found = store.get(kind, call.id) or {}
        if kind == "subscription_item":
            found = store.get("subscription", found.get("subscription", "")) or {}
        if kind == "dispute":
            found = store.get("charge", found.get("charge", "")) or {}
        return call.id if kind == "customer" else found.get("customer")

    def _view(self, version: str) -> expansion.View:
        return expansion.View(self.account.store, version, self.made)

    def _schema(self, view: versions.View, operation: Operation, result: Object) -> spec.Schema:
        if operation.returns is None or result.get("object") not in (*expansion.LISTS, None):
            return view.resource(result["object"])
        return view.follow(operation.returns)

    def _fault(self, path: str) -> str:
        faults = self.account.faults
        if path.startswith(faults.api_path) and faults.strikes("api_error_rate"):
            return "429" if faults.between(0, 1) < 0.5 else "500_before"
        if not path.startswith(faults.api_path):
            return ""
        if faults.use_up("lock_timeout_next"):
            return "locked"
        return faults.api if faults.api and faults.use_up("api_next") else ""

    async def _fail(self, fault: str, request: Request) -> None:
        if fault == "silence_before":
            await self._silence(request)
        if fault == "429":
            raise access.rate_limited()
        raise _broken()

    async def _silence(self, request: Request) -> None:
        """Say nothing for as long as the other side listens."""
        while not self.closing.is_set() and not await request.is_disconnected():
            await asyncio.sleep(0.05)


def _of_kept(answer: Answer) -> dict[str, str]:
    # Under this key nothing else will ever come out.
    final = {"Stripe-Should-Retry": "false"} if 400 <= answer.status < 500 and answer.status not in NOT_KEPT else {}
    return {"Original-Request": answer.request_id, **final}


def _record(request: Request, answer: Answer, request_id: str) -> Object:
    """What those who tail the log are told about a request."""
    said = orjson.loads(answer.body).get("error", {}) if answer.status >= 400 else {}
    told = ("type", "charge", "code", "decline_code", "message", "param")
    return {
        "created_at": int(time.time()),
        "error": {key: said[key] for key in told if key in said},
        "livemode": False,
        "method": request.method,
        "request_id": request_id,
        "status": answer.status,
        "url": request.url.path,
    }


def _checked(request: Request, answer: Answer, version: str) -> Answer:
    try:
        conformity.check_answer(request.method, request.url.path, answer.status, orjson.loads(answer.body), version)
    except conformity.NotAsDescribed as wrong:
        log.error("%s", wrong)
        return Answer(500, _json(StripeError(500, "api_error", str(wrong)).body), answer.request_id)
    return answer


def _authenticate(header: str) -> str:
    scheme, _, given = header.partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    elif scheme.lower() != "bearer":
        given = ""
    if not given:
        raise unauthorized(NO_KEY)
    if not access.KEY.fullmatch(given):
        raise access.wrong_key(given)
    return given


def _json(body: Object) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _broken() -> StripeError:
    text = "An unknown error occurred. Please try again, or reach out to support if it persists."
    return StripeError(500, "api_error", text)

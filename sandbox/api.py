"""The API under /v1: who asks, for what, whether it may be asked so, and the answer in Stripe's form.

authenticate → find the operation → decode and check the parameters → idempotency key → handler → expand → answer
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response

from sandbox import conformity, expansion, forms, ids, parameters, spec
from sandbox.errors import StripeError, invalid, unauthorized
from sandbox.idempotency import Answer, Keys
from sandbox.spec import API_VERSION, Object, Operation

if TYPE_CHECKING:
    from sandbox.account import Account

log = logging.getLogger("sandbox")
KEY = re.compile(r"^[sr]k_test_\w{4,}$")
VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(\.\w+)?$")
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
RATE_LIMIT = (
    "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits."
)
NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth "
    "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or "
    "we can help at https://support.stripe.com/."
)


@dataclass
class Call:
    """One request being carried out. `id` is the one in its path; `version` what its header asked for."""

    operation: Operation
    path: str
    id: str
    params: dict[str, Any]
    request_id: str
    idempotency_key: str | None = None
    version: str | None = None
    # The secret key it came with.
    key: str = ""
    expand: list[str] = field(default_factory=list)


Handler = Callable[["Account", Call], Object]


@dataclass
class Api:
    """Stripe's API on top of an account, with a handler for each operation it imitates."""

    account: Account
    handlers: Mapping[tuple[str, str], Handler]
    # Set when the server stops, so that requests left unanswered on purpose let go.
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.keys = Keys(self.account)

    async def answer(self, request: Request) -> Response:
        """The answer to any request under /v1."""
        request_id = ids.short("req")
        version = request.headers.get("stripe-version")
        headers = {"Request-Id": request_id, "Stripe-Version": version or API_VERSION}
        try:
            answer, more = await self._carry_out(request, request_id, version)
            headers.update(more)
        except StripeError as refused:
            answer = Answer(refused.status, _json(refused.body), request_id)
            headers.update(refused.headers)
        if self.account.settings.check:
            answer = _checked(request, answer, version)
        await self.account.listeners.report(_record(request, answer, request_id))
        return Response(answer.body, answer.status, headers, media_type="application/json")

    async def _carry_out(self, request: Request, request_id: str, version: str | None) -> tuple[Answer, dict[str, str]]:
        key = _authenticate(request.headers.get("authorization", ""))
        if version and not VERSION.match(version):
            raise invalid(f"Invalid Stripe API version: {version}")
        fault = self._fault(request.url.path)
        if fault in ("429", "500_before", "silence_before"):
            await self._fail(fault, request)
        call = await _read(request, request_id, version)
        call.key = key
        headers = {"Idempotency-Key": call.idempotency_key} if call.idempotency_key else {}
        if kept := self._claimed(call):
            if fault == "silence_after":
                await self._silence(request)
            return kept, {**headers, "Idempotent-Replayed": "true", "Original-Request": kept.request_id}
        try:
            if self.account.faults.api_seconds:
                await asyncio.sleep(self.account.faults.api_seconds)
            answer = self._execute(call, fails=fault == "500_after")
        finally:
            if call.idempotency_key:
                self.keys.release(call.idempotency_key)
        if fault == "silence_after":
            await self._silence(request)
        return answer, {**headers, "Original-Request": request_id} if headers else {}

    def _claimed(self, call: Call) -> Answer | None:
        if call.idempotency_key is None:
            return None
        return self.keys.claim(call.idempotency_key, call.path, call.params)

    def _execute(self, call: Call, *, fails: bool) -> Answer:
        with self.account.caused_by(call):
            try:
                status, body = 200, self._result(call)
            except StripeError as refused:
                status, body = refused.status, refused.body
            except Exception:
                log.exception("%s %s failed", call.operation.method, call.path)
                status, body = 500, _broken().body
        if fails:
            # Everything was done, but nobody will know until the events arrive.
            status, body = 500, _broken().body
        answer = Answer(status, _json(body), call.request_id)
        if call.idempotency_key and status not in (401, 409, 429):
            self.keys.keep(call.idempotency_key, call.path, call.params, answer)
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
        with self.account.in_time_of(self._customer(call)):
            result = handler(self.account, call)
        if not call.expand:
            return result
        return expansion.expand(self.account, result, self._schema(operation, result), call.expand)

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

    def _schema(self, operation: Operation, result: Object) -> spec.Schema:
        if operation.returns is None or result.get("object") not in ("list", "search_result", None):
            return spec.resource(result["object"])
        return spec.follow(operation.returns)

    def _fault(self, path: str) -> str:
        faults = self.account.faults
        if path.startswith(faults.api_path) and faults.strikes("api_error_rate"):
            return "429" if faults.between(0, 1) < 0.5 else "500_before"
        if not faults.api or not path.startswith(faults.api_path) or not faults.use_up("api_next"):
            return ""
        return faults.api

    async def _fail(self, fault: str, request: Request) -> None:
        if fault == "silence_before":
            await self._silence(request)
        if fault == "429":
            raise _rate_limited()
        raise _broken()

    async def _silence(self, request: Request) -> None:
        """Say nothing for as long as the other side listens."""
        while not self.closing.is_set() and not await request.is_disconnected():
            await asyncio.sleep(0.05)


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


def _checked(request: Request, answer: Answer, version: str | None) -> Answer:
    if version not in (None, API_VERSION):
        return answer
    try:
        conformity.check_answer(request.method, request.url.path, answer.status, orjson.loads(answer.body))
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
    if not KEY.match(given):
        hidden = "*" * max(len(given) - 12, 4)
        raise unauthorized(f"Invalid API Key provided: {given[:8]}{hidden}{given[-4:]}")
    return given


async def _read(request: Request, request_id: str, version: str | None) -> Call:
    method, path = request.method, request.url.path
    found = spec.match(method, path)
    if path.endswith("/") or found is None:
        text = (
            f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing "
            "slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in "
            "your code. Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
        )
        raise StripeError(404, "invalid_request_error", text)
    operation, id = found
    form = forms.decode(await _text(request))
    expand = form.get("expand")
    params = parameters.check(operation, form, version)
    if expand == "" or params.get("expand") == "":
        params.pop("expand", None)
    key = request.headers.get("idempotency-key") if method == "POST" else None
    return Call(operation, path, id, params, request_id, key or None, version)


async def _text(request: Request) -> str:
    query = request.url.query
    if request.method == "GET":
        return query
    body = (await request.body()).decode()
    return "&".join(part for part in (query, body) if part)


def _json(body: Object) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _broken() -> StripeError:
    text = "An unknown error occurred. Please try again, or reach out to support if it persists."
    return StripeError(500, "api_error", text)


def _rate_limited() -> StripeError:
    error = StripeError(429, "invalid_request_error", RATE_LIMIT, code="rate_limit")
    error.headers["Stripe-Rate-Limited-Reason"] = "global-rate"
    return error

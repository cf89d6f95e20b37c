"""Bodies of requests: none is read further than the longest that any call has, whoever sends it, and JSON means one thing alone."""

import json
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.types import Message, Receive, Scope

MOST_BYTES = 1024 * 1024


class BodyTooLong(HTTPException):
    """What is sent is longer than anything that is asked for."""

    def __init__(self) -> None:
        super().__init__(413)


class BodyUnfit(HTTPException):
    """What is sent is no JSON, or no JSON that all who read it understand alike."""

    def __init__(self, problem: str) -> None:
        super().__init__(400)
        self.problem = problem


class JsonBody(BaseModel):
    """What a call is told: its own fields alone, each of its own type. `true` and `"1"` are no numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)


class JsonRoute(APIRoute):
    """A route whose body is read as `parsed` reads it. It raises BodyUnfit."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        answer = super().get_route_handler()

        async def read_and_answer(request: Request) -> Response:
            return await answer(_JsonRequest(request.scope, request.receive))

        return read_and_answer


class _JsonRequest(Request):
    async def json(self) -> Any:
        raw = await self.body()
        if _NUL.search(raw):
            raise BodyUnfit("holds a character that no text has")
        try:
            return parsed(raw)
        except ValueError as error:
            raise BodyUnfit(str(error)) from None


# A NUL, which no database takes, as JSON writes it: behind no backslash or an even number of them.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def parsed(raw: bytes) -> Any:
    """What JSON says. Raises ValueError for what is none, or names a field twice."""
    try:
        # It takes no NaN, no halves of characters and nothing but UTF-8. The standard library does, and alone tells of each field.
        orjson.loads(raw)
        return json.loads(raw, object_pairs_hook=_each_once)
    except (orjson.JSONDecodeError, RecursionError):
        raise ValueError("is no JSON") from None


def _each_once(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object, each of whose fields is named once: of two of a name each reader takes another one."""
    said: dict[str, Any] = {}
    for name, value in fields:
        if name in said:
            raise ValueError(f"names a field twice: {name[:80]}")
        said[name] = value
    return said


async def within(request: Request, most: int) -> bytes | None:
    """The whole body; None of one that is longer than so many bytes, of which no more is read. Raises ClientDisconnect."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        return None
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            return None
    return bytes(found)


def register(app: FastAPI) -> None:
    """Answer what is wrong with a body in JSON, as the webhook does."""
    app.add_exception_handler(BodyTooLong, _refuse)
    app.add_exception_handler(BodyUnfit, _refuse_unfit)


def bounded(scope: Scope, receive: Receive) -> Receive:
    """What a request is read by. It raises BodyTooLong; an upload alone, which is put away piece by piece, may be of any length."""
    if scope["type"] != "http" or scope["method"] == "PATCH":
        return receive
    length = 0

    async def within() -> Message:
        nonlocal length
        message = await receive()
        length += len(message.get("body", b""))
        if length > MOST_BYTES:
            raise BodyTooLong
        return message

    return within


async def _refuse(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "TooLarge", "most_bytes": MOST_BYTES}, 413)


async def _refuse_unfit(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BodyUnfit)
    return JSONResponse({"error": "BadInput", "problems": [{"field": "", "problem": error.problem}]}, 400)

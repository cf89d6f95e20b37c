"""Bodies of requests: none is read further than the longest that any call has, whoever sends it."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.types import Message, Receive, Scope

MOST_BYTES = 1024 * 1024


class BodyTooLong(HTTPException):
    """What is sent is longer than anything that is asked for."""

    def __init__(self) -> None:
        super().__init__(413)


def register(app: FastAPI) -> None:
    """Answer it in JSON, as the webhook does."""
    app.add_exception_handler(BodyTooLong, _refuse)


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

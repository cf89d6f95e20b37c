"""Whoever goes away in the middle of what they send, as phones do: it is no fault of the shop's, and none is logged."""

from dataclasses import replace

import anyio
import pytest
from pydantic import SecretStr
from starlette.types import Message, Scope
from structlog.testing import capture_logs

from core.shop import Shop
from tests.builders import on_sqlite
from webhook.app import create_app

JSON, FORM = b"application/json", b"application/x-www-form-urlencoded"


@on_sqlite
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/licenses/validate", JSON), ("/mail-events", JSON), ("/checkout", JSON), ("/seats", JSON), ("/ticket/x", FORM),
        ("/waiting/x", FORM), ("/buy", FORM),
    ],
)  # fmt: skip
def test_a_question_that_breaks_off_is_no_fault(shop: Shop, path: str, kind: bytes) -> None:
    settings = shop.settings.model_copy(update={"mail_events_secret": SecretStr("a secret of the provider")})
    app = create_app(replace(shop, settings=settings))
    came: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Message:
        return came.pop() if came else {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        """Nobody is there."""

    scope: Scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"content-type", kind)], "client": ("203.0.113.9", 1), "server": ("shop", 80), "scheme": "http",
        "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip
    with capture_logs() as logged:
        anyio.run(app, scope, receive, send)
    assert [line for line in logged if line["log_level"] == "error"] == []

"""What the sandbox is told to let happen, as by the buttons of its panel. Stripe itself has no such door."""

from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import orjson

from core.foundation.errors import StripeRefused, StripeUnreachable

_ANSWER_SECONDS = 20
# It stands on this machine or its own network: no proxy leads there.
_open = build_opener(ProxyHandler({})).open


def act(base: str, name: str, id: str, **more: Any) -> None:
    """Have what is called so happen to this object. Raises StripeRefused where it cannot, or StripeUnreachable."""
    asked = Request(
        f"{base}/sandbox/act/{name}",
        data=orjson.dumps({"id": id, **more}),
        headers={"Content-Type": "application/json"},
    )
    try:
        with _open(asked, timeout=_ANSWER_SECONDS) as answer:
            answer.read()
    except HTTPError as error:
        with error:
            raise StripeRefused("sandbox_refused", _reason(error.read())) from error
    except (URLError, TimeoutError) as error:
        raise StripeUnreachable("api_connection_error", str(error)) from error


def _reason(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "The sandbox refused it."

"""What the sandbox is told to let happen, as by the buttons of its panel. Stripe itself has no such door."""

from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
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
    _answer(asked)


def pay(base: str, key: str, session_id: str, *, email: str) -> None:
    """Pay a Session with the card that always works, as Stripe's own command line does. Raises StripeRefused or
    StripeUnreachable."""
    card = {
        "type": "card",
        "card[token]": "tok_visa",
        "billing_details[email]": email,
        "billing_details[name]": "Rehearsal",
    }
    method = _post(f"{base}/v1/payment_methods", key, card)["id"]
    _post(f"{base}/v1/payment_pages/{session_id}/confirm", key, {"payment_method": str(method)})


def _post(url: str, key: str, form: dict[str, str]) -> dict[str, Any]:
    asked = Request(url, data=urlencode(form).encode(), headers={"Authorization": f"Bearer {key}"})
    answer: dict[str, Any] = orjson.loads(_answer(asked))
    return answer


def _answer(asked: Request) -> bytes:
    try:
        with _open(asked, timeout=_ANSWER_SECONDS) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        with error:
            raise StripeRefused("sandbox_refused", _reason(error.read())) from error
    except (URLError, TimeoutError) as error:
        raise StripeUnreachable("api_connection_error", str(error)) from error


def _reason(body: bytes) -> str:
    try:
        said = orjson.loads(body)["error"]
        return str(said["message"] if isinstance(said, dict) else said)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "The sandbox refused it."

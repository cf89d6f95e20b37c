"""Idempotency keys: the first answer to a POST is kept for a day and given again to whoever repeats the key.

Kept is every answer of a request that began to be carried out, refusals and 500s included. Not kept: refused
parameters, 401, 409 and 429; such a request may be repeated under its key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.ground.errors import StripeError, invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account

KIND = "idempotency"
KEPT_SECONDS = 24 * 3600
LONGEST = 255


@dataclass(frozen=True)
class Answer:
    """A status and the very bytes that were sent with it."""

    status: int
    body: bytes
    request_id: str


class Keys:
    """The keys of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        # What each key in use came with: who carries a request out may take its parameters apart.
        self._in_use: dict[str, str] = {}

    def claim(self, key: str, path: str, params: dict[str, Any]) -> Answer | None:
        """The answer kept for the key, or None: then the key is in use until `release`.

        Raises StripeError when it is in use already, or was used with other parameters.
        """
        if len(key) > LONGEST:
            raise invalid(f"Idempotency key is too long. Please use {LONGEST} characters or fewer.")
        self._prune()
        if key in self._in_use:
            raise _in_use(key)
        kept, came_with = self._account.store.get(KIND, key), fingerprint(path, params)
        if kept is None:
            self._in_use[key] = came_with
            return None
        if kept["fingerprint"] != came_with:
            raise _differs(key)
        return Answer(kept["status"], kept["body"].encode(), kept["request_id"])

    def keep(self, key: str, answer: Answer) -> None:
        """Keep the answer to the request that claimed the key. It is written with the next commit, together with what
        the request changed."""
        record = {
            "object": KIND,
            "id": key,
            "fingerprint": self._in_use[key],
            "status": answer.status,
            "body": answer.body.decode(),
            "request_id": answer.request_id,
            "at": self._account.clock.exact(),
        }
        self._account.store.save(record)

    def release(self, key: str) -> None:
        """The request is over."""
        self._in_use.pop(key, None)

    def _prune(self) -> None:
        oldest = self._account.clock.exact() - KEPT_SECONDS
        while (first := self._account.store.oldest(KIND)) and first["at"] <= oldest:
            self._account.store.delete(KIND, first["id"])


def fingerprint(path: str, params: dict[str, Any]) -> str:
    """Tells requests apart by where they go and what they carry, in whatever order."""
    return hashlib.sha256(path.encode() + orjson.dumps(params, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _differs(key: str) -> StripeError:
    text = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(400, "idempotency_error", text)


def _in_use(key: str) -> StripeError:
    text = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later."
    )
    error = StripeError(409, "idempotency_error", text, code="idempotency_key_in_use")
    error.headers["Stripe-Should-Retry"] = "true"
    return error

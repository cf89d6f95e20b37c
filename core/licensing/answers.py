"""Answers: one envelope for whatever is asked of a licence, so that an app reads every one of them the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson

from core.licensing.found_licenses import FoundLicense, Standing
from core.licensing.places import Machine


class Code(StrEnum):
    """What an answer says. Only NOT_FOUND, ACTIVATION_LIMIT and those that come with status 200 may lock anybody out."""

    VALID = "VALID"
    EXPIRED = "EXPIRED"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"
    DISABLED = "DISABLED"
    NOT_ACTIVATED = "NOT_ACTIVATED"
    PRODUCT_MISMATCH = "PRODUCT_MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    ACTIVATION_LIMIT = "ACTIVATION_LIMIT"
    INVALID_REQUEST = "INVALID_REQUEST"
    RATE_LIMITED = "RATE_LIMITED"
    UNAVAILABLE = "UNAVAILABLE"


OF_STANDING = {
    Standing.EXPIRED: Code.EXPIRED,
    Standing.SUSPENDED: Code.SUSPENDED,
    Standing.REVOKED: Code.REVOKED,
    Standing.DISABLED: Code.DISABLED,
}
_STATUS = {
    Code.NOT_FOUND: 404,
    Code.ACTIVATION_LIMIT: 409,
    Code.INVALID_REQUEST: 422,
    Code.RATE_LIMITED: 429,
    Code.UNAVAILABLE: 503,
}
_MESSAGE = {
    Code.VALID: "The licence is valid.",
    Code.EXPIRED: "The licence has expired.",
    Code.SUSPENDED: "The licence is on hold while its payment is being looked into.",
    Code.REVOKED: "The licence has ended: what was paid for it went back.",
    Code.DISABLED: "The seller has switched this licence off.",
    Code.NOT_ACTIVATED: "The licence is not activated on this machine.",
    Code.PRODUCT_MISMATCH: "The licence is for another product.",
    Code.NOT_FOUND: "There is no such licence.",
    Code.ACTIVATION_LIMIT: "The licence is in use on as many machines as it allows.",
    Code.INVALID_REQUEST: "The request is not complete, or not understood.",
    Code.RATE_LIMITED: "Too many requests: go on by what you know, and ask again later.",
    Code.UNAVAILABLE: "The shop cannot answer now: go on by what you know, and ask again later.",
}
# When an app should ask again.
_USUALLY, _AFTER_A_NO = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Answer:
    """What came of a call. `retry_after` is in seconds; `problems` say which fields of the request are wrong, and how."""

    code: Code
    license: FoundLicense | None = None
    standing: Standing | None = None
    machine: Machine | None = None
    used: int | None = None
    machines: tuple[Machine, ...] | None = None
    claims: Mapping[str, Any] | None = None
    message: str = ""
    retry_after: int = 0
    problems: Sequence[Mapping[str, str]] = ()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUS.get(self.code, 200)


def body(answer: Answer, *, nonce: str = "", token: str = "", now: datetime) -> bytes:
    """The answer as it is sent and signed. Of a key that was never made it is always the same: not even the time differs."""
    unknown = answer.code is Code.NOT_FOUND
    said: dict[str, Any] = {
        "valid": answer.code is Code.VALID,
        "code": answer.code,
        "message": answer.message or _MESSAGE[answer.code],
        "license": _license(answer),
        "activation": _activation(answer.machine) if answer.machine else None,
    }
    if answer.machines is not None:
        said["machines"] = [_named(each) for each in answer.machines]
    if token:
        said["token"] = token
    if answer.problems:
        said["fields"] = list(answer.problems)
    said["server_time"] = None if unknown else _time(now)
    said["nonce"] = None if unknown else nonce or None
    said["next_check_in"] = None if unknown else _next(answer, now)
    return orjson.dumps(said)


def _license(answer: Answer) -> dict[str, Any] | None:
    found = answer.license
    if found is None:
        return None
    return {
        "id": found.id, "key_hint": found.hint, "status": answer.standing, "product": found.product,
        "features": dict(found.features), "expires_at": _time(found.expires_at),
        "updates_until": _time(found.updates_until),
        "activations": {"used": found.used if answer.used is None else answer.used, "limit": found.machines},
        "test": not found.livemode,
    }  # fmt: skip


def _activation(machine: Machine) -> dict[str, Any]:
    leased = {"lease_until": _time(machine.lease_until)} if machine.lease_until else {}
    return {
        "id": machine.id, "label": machine.label, "fingerprint": machine.fingerprint,
        "created_at": _time(machine.created_at), "last_seen_at": _time(machine.last_seen_at), **leased,
    }  # fmt: skip


def _named(machine: Machine) -> dict[str, Any]:
    """What whoever finds no place is told of those who have one: enough to let one of them go."""
    return {
        "id": machine.id, "label": machine.label, "created_at": _time(machine.created_at),
        "last_seen_at": _time(machine.last_seen_at),
    }  # fmt: skip


def _next(answer: Answer, now: datetime) -> int:
    """In how many seconds to ask again: before a lease or the licence ends."""
    if answer.retry_after:
        return answer.retry_after
    wait = _USUALLY if answer.code is Code.VALID else _AFTER_A_NO
    if answer.machine and answer.machine.lease_until:
        wait = min(wait, (answer.machine.lease_until - now) / 3)
    ends = answer.license.expires_at if answer.license else None
    if ends and ends > now:
        wait = min(wait, ends - now)
    return max(60, int(wait.total_seconds()))


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None

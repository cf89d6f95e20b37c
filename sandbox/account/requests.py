"""Requests to the API as they are carried out, and what carries them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.protocol.spec import API_VERSION, Object, Operation

if TYPE_CHECKING:
    from sandbox.account.account import Account


@dataclass
class Call:
    """One request being carried out. `id` is the one in its path; `version` the one it is answered in."""

    operation: Operation
    path: str
    id: str
    params: dict[str, Any]
    request_id: str
    idempotency_key: str | None = None
    version: str = API_VERSION
    # The secret key it came with.
    key: str = ""
    expand: list[str] = field(default_factory=list)


Handler = Callable[["Account", Call], Object]

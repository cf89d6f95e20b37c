"""How one sandbox is set up: its ports, its file, whom it tells about events, and how fast its clocks run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sandbox.protocol.spec import API_VERSION

Payouts = Literal["daily", "manual"]
DEMO_CODES = "WELCOME10=10"
CODE, PERCENT = re.compile(r"[A-Za-z0-9-]{1,500}"), re.compile(r"[1-9][0-9]?|100")
DEFAULT_SECRET = "whsec_pushcart_sandbox_0000000000000000"


@dataclass(frozen=True)
class Settings:
    """Read once at start. Seconds are real ones."""

    port: int = 12111
    # The account's version: requests that name none, events, and endpoints without one of their own are in it.
    api_version: str = API_VERSION
    smtp_port: int = 12125
    data: str = "var/sandbox.db"
    webhook_url: str = "http://127.0.0.1:8000/webhooks/stripe"
    webhook_secret: str = DEFAULT_SECRET
    shop_name: str = "Shop"
    shop_url: str = "http://localhost:8501"
    # Stripe retries over hours; here the same happens within a minute and a half.
    retry_seconds: tuple[float, ...] = (1, 3, 8, 20, 60)
    settle_seconds: float = 10
    capture_seconds: float = 2
    redirect_seconds: float = 10
    # A listener whose connection broke may come back for so long; Stripe's command line tries every ten seconds.
    listener_seconds: float = 15
    # A renewal that was not paid is tried again after so many days of the sandbox's clock, each time.
    dunning_days: tuple[float, ...] = (3, 5, 7)
    # A renewal's invoice is a draft for so many seconds of the clock its subscription lives by; 0 bills it at once.
    draft_seconds: float = 3600
    # Promotion codes that are there from the start, and how many percent each takes off.
    promotion_codes: Mapping[str, int] = field(default_factory=dict)
    # Whether what is available is paid out every midnight, or only when somebody asks for it.
    payouts: Payouts = "daily"
    # Whether every answer and event is held against Stripe's description before it leaves.
    check: bool = False

    @property
    def base_url(self) -> str:
        """Where the sandbox answers."""
        return f"http://127.0.0.1:{self.port}"


def from_environment(env: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment. Raises ValueError naming the variable that cannot be read."""
    default = Settings()
    secrets = [part.strip() for part in env.get("STRIPE_WEBHOOK_SECRET", "").split(",") if part.strip()]
    return Settings(
        port=int(_number(env, "SANDBOX_PORT", default.port)),
        api_version=env.get("SANDBOX_API_VERSION") or default.api_version,
        smtp_port=int(_number(env, "SANDBOX_SMTP_PORT", default.smtp_port)),
        data=env.get("SANDBOX_DATA") or default.data,
        webhook_url=f"http://127.0.0.1:{int(_number(env, 'WEBHOOK_PORT', 8000))}/webhooks/stripe",
        webhook_secret=secrets[0] if secrets else DEFAULT_SECRET,
        shop_name=env.get("SHOP_NAME") or default.shop_name,
        shop_url=env.get("APP_URL") or f"http://localhost:{int(_number(env, 'STOREFRONT_PORT', 8501))}",
        retry_seconds=_numbers(env, "SANDBOX_RETRY_SECONDS", default.retry_seconds),
        settle_seconds=_number(env, "SANDBOX_SETTLE_SECONDS", default.settle_seconds),
        capture_seconds=_number(env, "SANDBOX_CAPTURE_SECONDS", default.capture_seconds),
        redirect_seconds=_number(env, "SANDBOX_REDIRECT_SECONDS", default.redirect_seconds),
        dunning_days=_numbers(env, "SANDBOX_DUNNING_DAYS", default.dunning_days),
        draft_seconds=_number(env, "SANDBOX_DRAFT_SECONDS", default.draft_seconds),
        promotion_codes=_codes(env, "SANDBOX_PROMOTION_CODES", DEMO_CODES),
        payouts=_payouts(env),
        check=env.get("SANDBOX_CHECK", "") not in ("", "0"),
    )


def _payouts(env: Mapping[str, str]) -> Payouts:
    match env.get("SANDBOX_PAYOUTS", ""):
        case "" | "daily":
            return "daily"
        case "manual":
            return "manual"
        case other:
            raise ValueError(f"SANDBOX_PAYOUTS must be daily or manual: {other!r}")


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    return _numbers(env, name, (default,))[0]


def _codes(env: Mapping[str, str], name: str, default: str) -> dict[str, int]:
    text = env.get(name, default).strip()
    parts = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    if any(not CODE.fullmatch(code) or not PERCENT.fullmatch(percent) for code, _, percent in parts):
        raise ValueError(f"{name} must be codes with how many percent they take off, such as {DEMO_CODES}: {text!r}")
    return {code: int(percent) for code, _, percent in parts}


def _numbers(env: Mapping[str, str], name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    text = env.get(name, "").strip()
    try:
        return tuple(float(part) for part in text.split(",")) if text else default
    except ValueError:
        raise ValueError(f"{name} must be a number, or numbers with commas between them: {text!r}") from None

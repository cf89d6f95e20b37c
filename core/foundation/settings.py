"""The shop's settings: read from the environment once, checked together, frozen. With none set, the offline demo runs."""

import os
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.connections import server_addresses
from core.foundation import addresses, masking
from core.foundation.errors import AddressUnfit
from core.languages import catalogs

# The sandbox has the same words built in: it imports nothing of ours, so they stand in both places.
SANDBOX_KEY = "sk_test_pushcart_sandbox"
SANDBOX_WEBHOOK_SECRET = "whsec_pushcart_sandbox_0000000000000000"
# By this one the sandbox knows what a demo tells it of itself, as a program of the seller's would.
SANDBOX_RECEIVER_SECRET = "whsec_d2hhdCB0aGUgZGVtbyB0ZWxscyB0aGUgc2FuZGJveC4="
# Where a shop without a SECRET_KEY keeps the one that it made for itself.
KEPT_SECRET = Path("var/secret_key")
# What somebody could guess signs nothing.
_SHORTEST_SECRET = 16
_NO_SECRET = (
    "is empty or was cut off: with that anybody could sign. Put the file back as it was, or remove it for the shop to make another"
    " key, which ends sign-ins and links of before"
)
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
# The longest that a setting may ask for, in seconds and in days: what is counted with has to stay a date.
_A_DAY, _A_CENTURY = 86_400, 36_525


class Settings(BaseSettings):
    """The contract's environment variables, one field each. Raises pydantic's ValidationError when something is wrong."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=False, ignored_types=(cached_property,), hide_input_in_errors=True
    )

    storefront_port: int = Field(8501, ge=1, le=65535)
    webhook_port: int = Field(8000, ge=1, le=65535)
    sandbox_port: int = Field(12111, ge=1, le=65535)
    sandbox_smtp_port: int = Field(12125, ge=1, le=65535)

    app_url: str = ""
    database_url: str = "sqlite:///var/pushcart.db"
    database_direct_url: str = ""
    stripe_secret_key: SecretStr = SecretStr(SANDBOX_KEY)
    stripe_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = (SecretStr(SANDBOX_WEBHOOK_SECRET),)
    stripe_api_base: str = ""
    secret_key: SecretStr = SecretStr("")
    owner_emails: Annotated[tuple[str, ...], NoDecode] = ()
    smtp_url: SecretStr = SecretStr("")
    mail_from: str = ""
    mail_events_secret: SecretStr = SecretStr("")
    storage_url: str = "file://var/files"
    x_accel_redirect: str = ""
    ops_webhook_url: str = ""
    crm_webhook_url: str = ""
    private_webhooks: Literal["", "allow", "refuse"] = ""
    shop_name: str = "Shop"
    support_email: str = "hello@shop.example"
    shop_timezone: str = "UTC"
    languages_dir: str = ""
    default_language: str = catalogs.ENGLISH  # after the folder that it may be found in
    tax: Literal["off", "stripe"] = "off"
    invoices: Literal["off", "business", "always"] = "off"
    worker: Literal["", "embedded"] = ""
    rate_limits: Literal["on", "off"] = "on"
    log_format: Literal["", "json", "text"] = ""
    sentry_dsn: SecretStr = SecretStr("")
    redis_url: str = ""
    challenge_site_key: str = ""
    challenge_secret_key: SecretStr = SecretStr("")
    challenge: Literal["", "turnstile", "hcaptcha"] = ""  # after its keys, which it needs
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = _LOOPBACK
    metrics_token: SecretStr = SecretStr("")
    most_sessions: int = Field(200, ge=0)
    sweep_seconds: float = Field(30, gt=0, le=_A_DAY)
    worker_lost_seconds: float = Field(16, ge=1, le=_A_DAY)
    grace_days: float = Field(7, ge=0, le=_A_CENTURY)
    plan_after_refund: Literal["cancel", "ask"] = "cancel"
    plan_after_dispute: Literal["cancel", "ask"] = "cancel"
    support_refund_limit: int = Field(10_000, ge=0)
    retention_events_days: float = Field(90, ge=0, le=_A_CENTURY)
    retention_addresses_days: float = Field(120, ge=0, le=_A_CENTURY)
    retention_codes_days: float = Field(1, ge=0, le=_A_CENTURY)
    retention_unpaid_days: float = Field(30, ge=0, le=_A_CENTURY)
    retention_jobs_days: float = Field(30, ge=0, le=_A_CENTURY)

    @field_validator("stripe_webhook_secret", mode="before")
    @classmethod
    def _split_secrets(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = tuple(part.strip() for part in value.split(","))
        # An empty secret would let anybody forge a payment, so it never means "skip the check".
        if not all(re.fullmatch(r"whsec_\S+", part) for part in found):
            raise ValueError(
                "must be one or several secrets that begin with whsec_, separated by commas, and none empty"
            )
        return found

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            raise ValueError("must be addresses or networks such as 10.0.0.0/8, separated by commas") from None

    @field_validator("owner_emails", mode="before")
    @classmethod
    def _split_addresses(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("owner_emails", mode="after")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_address(each) for each in value)

    @field_validator("support_email", mode="after")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return _address(value)

    @field_validator("shop_timezone", mode="after")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in zones():
            raise ValueError(f"must be a time zone such as Europe/Copenhagen, and {value!r} is none")
        return value

    @field_validator("languages_dir", mode="after")
    @classmethod
    def _is_a_folder(cls, value: str) -> str:
        if value and not Path(value).is_dir():
            raise ValueError(f"must be a folder with catalogues such as fr.po, and {value!r} is none")
        return value

    @field_validator("default_language", mode="after")
    @classmethod
    def _has_a_catalogue(cls, value: str, info: ValidationInfo) -> str:
        folder = info.data.get("languages_dir")
        known = sorted(catalogs.files(Path(folder) if folder else None))
        if value not in known:
            raise ValueError(
                f"must be a language that there is a catalogue of ({', '.join(known)}), and {value!r} is none"
            )
        return value

    @field_validator("mail_from", mode="after")
    @classmethod
    def _has_an_address(cls, value: str) -> str:
        return value and _address(value, check=addresses.checked_sender)

    @field_validator("stripe_secret_key", mode="after")
    @classmethod
    def _looks_like_a_key(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"(sk|rk)_(test|live)_\w+", value.get_secret_value(), re.ASCII):
            published = " (pk_… is the publishable one)" if value.get_secret_value().startswith("pk_") else ""
            raise ValueError(
                f"must be a secret or restricted key, sk_test_…, sk_live_…, rk_test_… or rk_live_…{published}"
            )
        return value

    @field_validator("mail_events_secret", "secret_key", "metrics_token", mode="after")
    @classmethod
    def _is_long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
        return value

    @field_validator("shop_name", mode="after")
    @classmethod
    def _fits_a_heading(cls, value: str) -> str:
        if not value.isprintable():  # no letter could be written: it stands in their heads
            raise ValueError("must be a name in one line, without control characters")
        return value

    @field_validator("smtp_url", mode="after")
    @classmethod
    def _is_smtp(cls, value: SecretStr) -> SecretStr:
        return SecretStr(server_addresses.mail_server(value.get_secret_value())) if value.get_secret_value() else value

    @field_validator("sentry_dsn", mode="after")
    @classmethod
    def _is_sentrys(cls, value: SecretStr) -> SecretStr:
        return SecretStr(server_addresses.sentry(value.get_secret_value())) if value.get_secret_value() else value

    @field_validator("app_url", "stripe_api_base", "ops_webhook_url", "crm_webhook_url", mode="after")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return value and server_addresses.web(value)

    @field_validator("app_url", mode="after")
    @classmethod
    def _stands_at_the_root(cls, value: str) -> str:
        address = urlsplit(value)
        if address.path.strip("/") or address.query or address.fragment or "@" in address.netloc:
            raise ValueError(
                "must be a scheme and a host name alone, such as https://shop.example.com: the shop's pages, cookies and "
                "websocket stand at the root of a host, so that a path is to have a host name of its own instead"
            )
        return value

    @field_validator("database_direct_url", mode="after")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        wrong = "must begin with postgresql://: it is for a DATABASE_URL that leads to a pooler"
        return value and server_addresses.postgresql(value, wrong)

    @field_validator("database_url", mode="after")
    @classmethod
    def _is_a_database(cls, value: str) -> str:
        return server_addresses.database(value)

    @field_validator("challenge", mode="after")
    @classmethod
    def _has_both_keys(cls, value: str, info: ValidationInfo) -> str:
        if value and not (info.data["challenge_secret_key"].get_secret_value() and info.data["challenge_site_key"]):
            raise ValueError("needs CHALLENGE_SITE_KEY and CHALLENGE_SECRET_KEY")
        return value

    @field_validator("redis_url", mode="after")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        if value and server_addresses.redis(value) and find_spec("redis") is None:
            raise ValueError(
                "needs a library that is not installed: uv sync --inexact --no-default-groups --extra redis"
            )
        return value

    @field_validator("storage_url", mode="after")
    @classmethod
    def _is_storage(cls, value: str) -> str:
        return server_addresses.storage(value)

    @field_validator("x_accel_redirect", mode="after")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if value and not re.fullmatch(r"(/[\w.-]+)+/?", value, re.ASCII):
            raise ValueError("must be a path such as /sold-files, which the web server keeps to itself")
        return value.rstrip("/")

    @model_validator(mode="before")
    @classmethod
    def _listens_where_it_is_told(cls, values: Any) -> Any:
        """PORT, by which hosting platforms say where to listen, is the storefront's. Honcho says another one to each process,
        and means none."""
        told = os.environ.get("PORT", "")
        if told and "HONCHO_PROCESS_NAME" not in os.environ and isinstance(values, dict):
            return {"storefront_port": told, **values}
        return values

    @model_validator(mode="after")
    def _never_told(self) -> "Settings":
        masking.know_settings(self)
        return self

    @property
    def livemode(self) -> bool:
        """Whether the key moves real money."""
        return "_live_" in self.stripe_secret_key.get_secret_value()[:8]

    @property
    def zone(self) -> ZoneInfo:
        """Whose midnight ends a day in reports."""
        return ZoneInfo(self.shop_timezone)

    @property
    def languages_folder(self) -> Path | None:
        """Where the seller's own catalogues are, if anywhere."""
        return Path(self.languages_dir) if self.languages_dir else None

    @property
    def grace(self) -> timedelta:
        """How long a plan whose renewal failed may still be used."""
        return timedelta(days=self.grace_days)

    @property
    def mode(self) -> Literal["sandbox", "test", "live"]:
        """Whose objects the key leads to: what was made in one of these is unknown to the others."""
        return "sandbox" if self.demo else "live" if self.livemode else "test"

    @property
    def demo(self) -> bool:
        """Whether the sandbox stands in for Stripe."""
        return self.stripe_secret_key.get_secret_value() == SANDBOX_KEY

    @property
    def public_url(self) -> str:
        """The storefront's address, without a slash at its end."""
        return self.app_url or f"http://localhost:{self.storefront_port}"

    @property
    def direct_database(self) -> str:
        """The database itself, for what no pooler can carry: migrations, and what the worker listens for."""
        return self.database_direct_url or self.database_url

    @property
    def stripe_base(self) -> str | None:
        """Where Stripe's API is, or None for Stripe itself."""
        return self.stripe_api_base or (f"http://127.0.0.1:{self.sandbox_port}" if self.demo else None)

    @property
    def receiver_url(self) -> str:
        """Where the sandbox shows what a demo tells it; empty for any other shop."""
        return f"{self.stripe_base}/webhooks" if self.demo else ""

    @property
    def told_url(self) -> str:
        """Whom OPS_WEBHOOK_URL names; in a demo that says nothing of it the sandbox. An empty one names nobody."""
        return self.ops_webhook_url if "ops_webhook_url" in self.model_fields_set else self.receiver_url

    @property
    def private_webhooks_allowed(self) -> bool:
        """Whether outgoing webhooks may go to this machine and into its network: in the demo unless that is refused."""
        return self.private_webhooks == "allow" or (self.demo and not self.private_webhooks)

    @property
    def owners(self) -> tuple[str, ...]:
        """The addresses that may open the dashboard, as they were given: compare them folded."""
        return self.owner_emails or (("owner@example.com",) if self.demo else ())

    @property
    def mail_url(self) -> str:
        """Where mail is handed over, or an empty string when the team has set no mail server."""
        return self.smtp_url.get_secret_value() or (f"smtp://127.0.0.1:{self.sandbox_smtp_port}" if self.demo else "")

    @property
    def sender(self) -> addresses.Mailbox:
        """Who the shop's letters are from."""
        return (
            addresses.mailbox(self.mail_from)
            if self.mail_from
            else addresses.Mailbox(self.shop_name, self.support_email)
        )

    @cached_property
    def signing_key(self) -> str:
        """SECRET_KEY, or one that is made once and kept beside the database of the demo."""
        return self.secret_key.get_secret_value() or _kept_secret(KEPT_SECRET)


@dataclass(frozen=True)
class Mistake:
    """What is wrong with one variable, or with what the shop has on its shelves; `sentence` never quotes a secret."""

    subject: str
    sentence: str


@cache
def zones() -> frozenset[str]:
    """The names of all time zones that this machine knows. To look takes it ten milliseconds, so it is asked once."""
    return frozenset(available_timezones())


def read() -> Settings:
    """The settings of this process. Raises SystemExit with one readable line per mistake."""
    chosen, mistakes = look()
    refuse(mistakes)
    return chosen


def look() -> tuple[Settings, list[Mistake]]:
    """The settings and what is wrong with their form. What cannot be read counts as not set."""
    try:
        return Settings(), []
    except ValidationError as error:
        wrong = {str(problem["loc"][0]): problem["msg"].removeprefix("Value error, ") for problem in error.errors()}
    standing_in = {name: Settings.model_fields[name].default for name in wrong}
    if "_live_" in os.environ.get("STRIPE_SECRET_KEY", "") and "stripe_secret_key" in wrong:
        standing_in["stripe_secret_key"] = SecretStr(
            "sk_live_0"
        )  # who mistypes a live key means to open for real money
    return Settings(**standing_in), [Mistake(name.upper(), sentence) for name, sentence in wrong.items()]


def refuse(mistakes: Sequence[Mistake]) -> None:
    """Raise SystemExit with one readable line per mistake, if there are any."""
    if mistakes:
        lines = [f"  {mistake.subject}: {mistake.sentence}" for mistake in mistakes]
        raise SystemExit("\n".join(["Pushcart cannot start, these settings need a look:", *lines]))


def _address(text: str, *, check: Callable[..., str] = addresses.checked) -> str:
    """The address, which may be one for examples: with a live key those are refused with all that is left of the demo."""
    try:
        return check(text, reachable=False)
    except AddressUnfit:
        raise ValueError(f"holds no mail address: {text!r}") from None


def _network(text: str) -> IPv4Network | IPv6Network:
    """The network; an IPv4 one that IPv6 carries is IPv4, as senders are read."""
    found = ip_network(text)
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    return IPv4Network((mapped, found.prefixlen - 96)) if mapped and found.prefixlen >= 96 else found


def _kept_secret(path: Path) -> str:
    """The secret in this file, made if there is none. Whoever reads it finds it whole, also if its maker is killed."""
    path.parent.mkdir(mode=0o770, parents=True, exist_ok=True)  # the first to be made of what others may not look into
    if not path.exists():
        # Four processes start at once: each writes a key that nobody else may read, and the first to name its file wins.
        with NamedTemporaryFile("w", dir=path.parent, prefix=".secret_key-") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())  # before it has its name: else a power cut may leave the name and no key
            with suppress(FileExistsError):
                os.link(file.name, path)
    secret = path.read_text(errors="replace").strip()
    if len(secret) < _SHORTEST_SECRET:
        refuse([Mistake("SECRET_KEY", f"is not set, and {path} {_NO_SECRET}")])
    masking.know(secret)
    return secret

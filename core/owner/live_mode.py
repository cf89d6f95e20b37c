"""What a key of one's own asks of a shop: with a live one nothing of the demo may be left, for it takes real money."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from core.catalog.demo import catalogue as demo
from core.catalog.products import Product, ShopText
from core.foundation.addresses import is_reserved
from core.foundation.settings import KEPT_SECRET, SANDBOX_WEBHOOK_SECRET, Mistake, Settings
from core.kinds.downloads import DownloadFile

# What only ever leads to a machine nearby.
_NEARBY = ("local", "localdomain", "internal", "lan", "home.arpa")


def mistakes(chosen: Settings) -> list[Mistake]:
    """What these settings lack for the key that stands in them, one sentence each; empty if the shop may open."""
    if chosen.demo:
        return list(_with_the_sandbox(chosen))
    return lacking(chosen) if chosen.livemode else list(_forgeable(chosen))


def lacking(chosen: Settings) -> list[Mistake]:
    """What these settings lack for real money, whatever key stands in them, one sentence each."""
    return [
        *_forgeable(chosen), *_brand(chosen), *_addresses(chosen), *_app_url(chosen), *_mail_server(chosen),
        *_secrets(chosen), *_storage(chosen),
    ]  # fmt: skip


def demo_goods(session: Session) -> list[Mistake]:
    """What of the demo's is on the shelves: its products, its pictures and files in others, and its words for the shop."""
    on_sale = session.exec(select(Product).where(col(Product.active)).order_by(col(Product.position))).all()
    theirs = [product.id for product in on_sale if product.from_demo]
    own = {product.id: product for product in on_sale if not product.from_demo}
    sold = session.exec(select(DownloadFile).where(col(DownloadFile.active), col(DownloadFile.product_id).in_(own)))
    words = session.exec(select(ShopText.key).where(col(ShopText.from_demo)).order_by(ShopText.key)).all()
    sentences = [
        *([f"holds the demo's {', '.join(theirs)}: `pushcart catalog apply FILE` takes them off the shelves"] if theirs else []),
        *(f"{product.id} shows the demo's {product.image}" for product in own.values() if product.image in demo.pictures()),
        *(f"{file.product_id} sells the demo's {file.name}" for file in sold.all() if file.sha256 in demo.fingerprints()),
        *(f"shop.{key} is the demo's: say it in your own words" for key in words),
    ]  # fmt: skip
    return [Mistake("catalogue", sentence) for sentence in sentences]


def _with_the_sandbox(chosen: Settings) -> Iterator[Mistake]:
    # Its key is known to everybody: whoever answers at a public address could say of any order that it is paid.
    if chosen.stripe_api_base and _is_public(urlsplit(chosen.stripe_api_base).hostname or ""):
        yield Mistake("STRIPE_API_BASE", "must be on this machine or its own network while the key is the sandbox's")


def _forgeable(chosen: Settings) -> Iterator[Mistake]:
    if any(secret.get_secret_value() == SANDBOX_WEBHOOK_SECRET for secret in chosen.stripe_webhook_secret):
        yield Mistake(
            "STRIPE_WEBHOOK_SECRET",
            "is the sandbox's or not set, so that anybody could forge a payment: set it to your endpoint's secret",
        )


def _brand(chosen: Settings) -> Iterator[Mistake]:
    if not chosen.shop_name.strip():
        yield Mistake("SHOP_NAME", "is empty")
    elif chosen.shop_name.strip().casefold() in _of_the_demo("name", "shop_name"):
        yield Mistake("SHOP_NAME", f"is the demo's ({chosen.shop_name.strip()}) or not set")


def _addresses(chosen: Settings) -> Iterator[Mistake]:
    if not chosen.owner_emails:
        yield Mistake("OWNER_EMAILS", "is not set: nobody could open the dashboard or be told of a dispute")
    if not chosen.mail_from:
        yield Mistake("MAIL_FROM", "is not set")
    for variable, address in [
        ("SUPPORT_EMAIL", chosen.support_email),
        *(("OWNER_EMAILS", owner) for owner in chosen.owner_emails),
        *([("MAIL_FROM", chosen.sender.address)] if chosen.mail_from else []),
    ]:
        if address.casefold() in _of_the_demo("support", "support_email"):
            yield Mistake(variable, f"is the demo's ({address}) or not set")
        elif not _is_public(address.rpartition("@")[2]):
            yield Mistake(variable, f"{address} is an address that no mail can reach")


def _app_url(chosen: Settings) -> Iterator[Mistake]:
    address = urlsplit(chosen.app_url)
    if not chosen.app_url:
        yield Mistake("APP_URL", "is not set: buyers and letters are sent there")
        return
    if address.scheme != "https":
        yield Mistake("APP_URL", f"must begin with https://, and is {chosen.app_url}")
    if not _is_public(address.hostname or ""):
        yield Mistake("APP_URL", f"must be an address that buyers can reach, and is {chosen.app_url}")


def _mail_server(chosen: Settings) -> Iterator[Mistake]:
    url = chosen.smtp_url.get_secret_value()
    if not url:
        yield Mistake("SMTP_URL", "is not set: no receipt and no sign-in code could be sent")
        return
    host, port = urlsplit(url).hostname or "", urlsplit(url).port
    if _is_this_machine(host) and port in (
        chosen.sandbox_smtp_port,
        Settings.model_fields["sandbox_smtp_port"].default,
    ):
        yield Mistake("SMTP_URL", "is the sandbox's mailbox, which sends nothing")
    elif _is_reserved(host) and not _is_this_machine(host):
        yield Mistake("SMTP_URL", f"{host} is an address that is reserved for examples")


def _secrets(chosen: Settings) -> Iterator[Mistake]:
    secret = chosen.secret_key.get_secret_value()
    if not secret:
        yield Mistake("SECRET_KEY", "is not set: it signs links and cookies")
    elif _kept_by_the_demo() == secret:
        yield Mistake("SECRET_KEY", f"is the one that the demo made for itself ({KEPT_SECRET}): make another")
    if chosen.rate_limits == "off":
        yield Mistake("RATE_LIMITS", "cannot be off with a live key: keys and codes could be guessed without end")
    if chosen.stripe_api_base:
        yield Mistake("STRIPE_API_BASE", "cannot be used with a live key: live payments go to Stripe alone")


def _kept_by_the_demo() -> str:
    """The secret that a demo made for itself here; empty where there is none that this user could have set."""
    try:
        return KEPT_SECRET.read_text().strip()
    except OSError:
        return ""


def _storage(chosen: Settings) -> Iterator[Mistake]:
    if chosen.storage_url.rstrip("/") in (_default("storage_url"), f"file://{KEPT_SECRET.parent.absolute()}/files"):
        yield Mistake(
            "STORAGE_URL",
            "is the demo's folder or not set: say where your own files shall lie, and apply the catalogue",
        )
    elif chosen.storage_url.startswith("memory:"):
        yield Mistake("STORAGE_URL", "forgets the sold files at every start")


def _of_the_demo(key: str, field: str) -> set[str]:
    """What the demo says under this key of its `[shop]`, and what this setting is where nobody says anything."""
    return {demo.catalogue().shop.said[key].casefold(), _default(field).casefold()}


def _default(field: str) -> str:
    return str(Settings.model_fields[field].default)


def _is_public(host: str) -> bool:
    """Whether somebody elsewhere could reach this host, as far as its name tells."""
    number = _number(host)
    if number is not None:
        return number.is_global
    name = _plain(host)
    return "." in name and not _is_reserved(name) and not _below(name, _NEARBY)


def _is_reserved(host: str) -> bool:
    return is_reserved(_plain(host))


def _is_this_machine(host: str) -> bool:
    number = _number(host)
    if number is not None:
        return number.is_loopback or number.is_unspecified
    return _below(_plain(host), ("localhost",))


def _number(host: str) -> IPv4Address | IPv6Address | None:
    """The host as a number, also in the forms that only old resolvers take, such as 127.1; None for a name."""
    with suppress(ValueError):
        found = ip_address(host.strip("[]"))
        return getattr(found, "ipv4_mapped", None) or found
    with suppress(OSError):
        return IPv4Address(socket.inet_aton(host))
    return None


def _plain(host: str) -> str:
    return host.casefold().rstrip(".")


def _below(name: str, domains: tuple[str, ...]) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)

"""Framed pages: whatever the sidecar says to somebody's browser, in the shop's looks and with the way back to it."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi.responses import HTMLResponse
from markupsafe import Markup

from core.languages.sentences import _
from core.shop import Shop
from webhook.requests import branding

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDERS = [Path(__file__).parents[1] / "templates", Path(__file__).parents[1] / "attendance" / "templates"]
# What is said to one browser is kept nowhere, and found by no search engine.
PRIVATE = {
    "Cache-Control": "private, no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff",
}  # fmt: skip


class Way(NamedTuple):
    """A link on from a page."""

    address: str
    label: str
    quiet: bool = False


def drawn(
    shop: Shop, template: str, status: int = 200, headers: Mapping[str, str] = PRIVATE, **words: Any
) -> HTMLResponse:
    """A page of this template."""
    brand = branding.of(shop)
    html = environment().get_template(template).render(
        shop=brand.shop, support=brand.support, brand=brand, home=shop.settings.public_url or "/", **words
    )  # fmt: skip
    return HTMLResponse(html, status, headers)


def plain(
    shop: Shop, title: str, sentence: str, *, status: int = 200, headers: Mapping[str, str] = PRIVATE, more: str = "",
    ways: Sequence[Way] = (), alert: bool = False,
) -> HTMLResponse:  # fmt: skip
    """A page that says one thing; `more` is HTML of our own, such as a form. An `alert` is read out at once."""
    words = {"title": title, "sentence": sentence, "ways": ways, "alert": alert}
    return drawn(shop, "plain.html.j2", status, headers, more=Markup(more), **words)


def withdrawal(shop: Shop) -> Way:
    """The way to withdraw from a contract, which stands wherever buyers are."""
    return Way(f"{shop.settings.public_url}/withdraw", _("Withdraw from contract here"), quiet=True)


@cache
def environment() -> "Environment":
    """What draws the templates."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # not before somebody opens a page

    from core.languages import templates

    made = Environment(
        loader=FileSystemLoader(_FOLDERS), undefined=StrictUndefined, autoescape=True, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    templates.equip(made)
    made.globals["strong"] = Markup("<strong>{}</strong>").format
    return made

"""The sandbox's own pages: templates, and how they write money, time and ids."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.ground import currencies
from sandbox.pages import flash_messages

if TYPE_CHECKING:
    from sandbox.account.account import Account

HERE = Path(__file__).parent
STATIC = HERE / "static"
MOST_DIGITS = 10
HEADERS = {
    # Never kept by a browser: the next look may show something else.
    "Cache-Control": "no-store",
    # Scripts, styles and fonts are the sandbox's own; only pictures of what is sold come from elsewhere. Where a form
    # may lead is not said: after paying, it is wherever the shop asked for.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
        "frame-src 'self'; img-src * data:; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
}


def _day(stamp: float) -> str:
    return f"{datetime.fromtimestamp(stamp, UTC):%-d %B %Y}"


def _time(stamp: float) -> str:
    return f"{datetime.fromtimestamp(stamp).astimezone():%H:%M:%S}"


def minute(stamp: float) -> str:
    """Such as 5 March 2027, 14:05."""
    return f"{datetime.fromtimestamp(stamp).astimezone():%-d %B %Y, %H:%M}"


def short(id: str) -> str:
    """An id that fits into a table; a Checkout Session's is 66 letters long."""
    return id if len(id) < 30 else f"{id[:14]}…{id[-6:]}"


_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(money=currencies.written, day=_day, time=_time, minute=minute, short=short)


def render(template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page."""
    return HTMLResponse(_environment.get_template(f"{template}.html.j2").render(**context), status, HEADERS)


def framed(account: Account, request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page of the panel: with its navigation, what it has to say once, and the number it follows changes from."""
    letters, address = account.store.all("mail"), request.url.remove_query_params("said")
    frame: dict[str, Any] = {
        "since": account.changes.number,
        "notice": flash_messages.take(request),
        "armed": len(account.faults.armed()),
        "unread": sum(not account.store.notes(letter["id"]).get("seen") for letter in letters),
        "shop_url": account.settings.shop_url,
        # Without what was said: pages that lead back here must not say it again.
        "here": f"{address.path}?{address.query}" if address.query else address.path,
        "page": template,
    }
    return render(template, status=status, **{**frame, **context})


def count(request: Request, name: str, default: int, most: int = 1000) -> int:
    """How many rows the address asks for."""
    given = request.query_params.get(name, "")
    return min(max(int(given), 1), most) if given.isdecimal() and len(given) < MOST_DIGITS else default


def more(request: Request, name: str, number: int, anchor: str) -> str:
    """The address of this page with more rows, at the same place."""
    address = request.url.remove_query_params("said").include_query_params(**{name: number})
    return f"{address.path}?{address.query}#{anchor}"


async def form(request: Request) -> dict[str, str]:
    """The fields of a submitted form; of a repeated field, the last value."""
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))

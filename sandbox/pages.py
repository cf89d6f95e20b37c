"""The sandbox's own pages: templates, and how they write money and time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox import currencies

HERE = Path(__file__).parent
STATIC = HERE / "static"


def _day(stamp: float) -> str:
    return f"{datetime.fromtimestamp(stamp, UTC):%-d %B %Y}"


def _time(stamp: float) -> str:
    return f"{datetime.fromtimestamp(stamp).astimezone():%H:%M:%S}"


def _minute(stamp: float) -> str:
    return f"{datetime.fromtimestamp(stamp).astimezone():%-d %B %Y, %H:%M}"


_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(money=currencies.written, day=_day, time=_time, minute=_minute)


def render(template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page. It is never kept by a browser: the next look may show something else."""
    text = _environment.get_template(f"{template}.html.j2").render(**context)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


async def form(request: Request) -> dict[str, str]:
    """The fields of a submitted form; of a repeated field, the last value."""
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))

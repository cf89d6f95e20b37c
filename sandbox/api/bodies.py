"""What a request carries, in its query and its body: a form in one piece or in parts. Whatever cannot be read is a 400."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from sandbox.ground.errors import invalid
from sandbox.protocol import forms

NO_FORM = (
    "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any "
    "questions, we can help at https://support.stripe.com/."
)


async def form(request: Request) -> forms.Form:
    """The parameters of query and body together. Raises StripeError for a body that is no form, or a broken one."""
    query = request.url.query
    if request.method == "GET":
        return forms.decode(query)
    body = await request.body()
    text = forms.text(body)
    if body and _is_multipart(request):
        text = await _in_one_piece(request)
    return forms.decode("&".join(part for part in (query, text) if part))


def _is_multipart(request: Request) -> bool:
    """Whether the body is a form in parts rather than in one. Raises StripeError for a body that is no form."""
    given = request.headers.get("content-type", "")
    match given.partition(";")[0].strip().lower():
        case "application/x-www-form-urlencoded":
            return False
        case "multipart/form-data":
            return True
        case "application/json":
            raise invalid(NO_FORM)
    text = f"Invalid request: unsupported Content-Type {given}. If error persists and you need assistance, please"
    raise invalid(f"{text} contact support@stripe.com.")


async def _in_one_piece(request: Request) -> str:
    """A form in parts, written as the other kind."""
    _, options = parse_options_header(request.headers["content-type"])
    if b"--" + options.get(b"boundary", b"") + b"--" not in await request.body():
        raise invalid("Invalid request: the multipart body has no end.")
    try:
        async with request.form(max_fields=forms.MOST, max_files=forms.MOST) as parts:
            return urlencode([_field(name, value) for name, value in parts.multi_items()])
    except HTTPException as broken:
        raise invalid(f"Invalid request: {broken.detail}") from None


def _field(name: str, value: str | UploadFile) -> tuple[str, str]:
    if isinstance(value, str):
        return name, value
    raise invalid(f"Invalid string: {name} is a file, and no parameter here takes one.", param=name)

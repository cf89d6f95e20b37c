"""What a seller's software asks of licences. Every answer has the same form, whatever it says, and is signed."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
import structlog
from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool

from core.foundation.database import is_away
from core.licensing import answers, calls, offline_tokens, signing_keys
from core.licensing.answers import Answer, Code
from core.licensing.calls import Call, Question, Reply
from core.shop import Shop
from webhook.requests import bodies, senders
from webhook.requests.dependencies import OpenShop

log = structlog.get_logger()
router = APIRouter()

# Far more than a question takes.
_MOST_BYTES = 16 * 1024
# What Lemon Squeezy's calls say, by what it is called here.
_ALSO = {"license_key": "key", "instance_name": "label", "instance_id": "activation_id"}
_MOST_META = 4096
_RETRY = 30
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def _storable(text: str) -> str:
    """The text, if a database takes it."""
    if "\0" in text:
        raise ValueError("holds a character that no text has")
    text.encode()  # half a surrogate pair is no character either
    return text.strip()


def _parsed(value: Any) -> Any:
    """A form says an object in JSON's words."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError("is no JSON object") from None


def _small(value: dict[str, Any]) -> dict[str, Any]:
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:  # read are more levels than can be written
        raise ValueError("is nested too deeply") from None
    if len(written) > _MOST_META or b"\\u0000" in written:
        raise ValueError(f"is larger than {_MOST_META} bytes, or holds a character that no text has")
    return value


Text = Annotated[str, Field(max_length=500), AfterValidator(_storable)]
_LEAST_TTL, _MOST_TTL = (int(each.total_seconds()) for each in (offline_tokens.LEAST, offline_tokens.MOST))


class Body(BaseModel):
    """A question as it is sent. What other shops' calls say besides is passed over."""

    key: Annotated[Text, Field(min_length=1)]
    product: Annotated[Text, Field(min_length=1)]
    fingerprint: Text = ""
    activation_id: Text = ""
    label: Text = ""
    meta: Annotated[dict[str, Any], BeforeValidator(_parsed), AfterValidator(_small)] = Field(default_factory=dict)
    nonce: Text = ""
    ttl: Annotated[int, Field(ge=_LEAST_TTL, le=_MOST_TTL)] = int(offline_tokens.USUAL.total_seconds())

    @model_validator(mode="before")
    @classmethod
    def _in_our_words(cls, said: Any) -> Any:
        if not isinstance(said, dict):
            raise ValueError("the body is neither a JSON object nor a form")
        # What is left empty counts as left out.
        said = {_ALSO.get(name, name): value for name, value in said.items() if value not in (None, "")}
        # Where a machine has no fingerprint it is known by its name.
        return {"fingerprint": said["label"], **said} if "label" in said and "activation_id" not in said else said


# Which calls are about a machine, and by what it may be named.
_NAMED_BY = {
    Call.ACTIVATE: ("fingerprint",),
    Call.LEASE: ("fingerprint",),
    Call.OFFLINE: ("fingerprint",),
    Call.DEACTIVATE: ("fingerprint", "activation_id"),
}


# Read by hand, since both forms of a body and all its mistakes have the one answer: so the document is told of it here.
_BODY = Body.model_json_schema()
_DOCUMENTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": _BODY} for kind in ("application/json", "application/x-www-form-urlencoded")},
    }
}


@router.post("/licenses/activate/", include_in_schema=False)
@router.post("/licenses/activate", openapi_extra=_DOCUMENTED)
async def activate(request: Request, shop: OpenShop) -> Response:
    """A place for a machine. The same fingerprint again takes no new one; 409 where all are taken, with the machines."""
    return await _answer(request, shop, Call.ACTIVATE)


@router.post("/licenses/validate/", include_in_schema=False)
@router.post("/licenses/validate", openapi_extra=_DOCUMENTED)
async def validate(request: Request, shop: OpenShop) -> Response:
    """Whether the key may be used right now, and on this machine if one is named."""
    return await _answer(request, shop, Call.VALIDATE)


@router.post("/licenses/deactivate/", include_in_schema=False)
@router.post("/licenses/deactivate", openapi_extra=_DOCUMENTED)
async def deactivate(request: Request, shop: OpenShop) -> Response:
    """Free a machine's place. One that is gone already is a success."""
    return await _answer(request, shop, Call.DEACTIVATE)


@router.post("/licenses/lease/", include_in_schema=False)
@router.post("/licenses/lease", openapi_extra=_DOCUMENTED)
async def lease(request: Request, shop: OpenShop) -> Response:
    """A place of a floating licence for some minutes; asked for again it is kept."""
    return await _answer(request, shop, Call.LEASE)


@router.post("/licenses/offline/", include_in_schema=False)
@router.post("/licenses/offline", openapi_extra=_DOCUMENTED)
async def offline(request: Request, shop: OpenShop) -> Response:
    """A signed token for a machine without network."""
    return await _answer(request, shop, Call.OFFLINE)


@router.api_route("/licenses/{rest:path}", methods=_METHODS, include_in_schema=False)
async def no_call(request: Request, shop: OpenShop) -> Response:
    """The same form for what is no call, by its address or its method. No 404, by which an app would lock somebody out."""
    is_call = request.path_params["rest"].removesuffix("/") in list(Call)
    wrong = ("method", "Only POST is taken") if is_call else ("address", "There is no such call")
    problems = [{"field": wrong[0], "problem": wrong[1]}]
    address = senders.household_of(request)
    found = await _in_every_case(shop, lambda: calls.refuse(shop, problems, address=address))
    answer = _response(found)
    if is_call and found.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        answer.status_code = HTTPStatus.METHOD_NOT_ALLOWED
        answer.headers["Allow"] = "POST"
    return answer


@router.head("/.well-known/jwks.json", include_in_schema=False)
@router.get("/.well-known/jwks.json")
def keys(shop: OpenShop) -> Response:
    """The public keys by which answers and tokens are checked."""
    signing_keys.signer(shop)  # the first to ask has it made
    with shop.reading() as session:
        found = signing_keys.published(session, now=shop.now())
    return Response(
        orjson.dumps({"keys": found}), media_type="application/json", headers={"Cache-Control": "public, max-age=300"}
    )


async def _answer(request: Request, shop: Shop, call: Call) -> Response:
    body = await bodies.within(request, _MOST_BYTES)
    said, problems = _read(b"\0" if body is None else body, request, call)  # what is too long is no question
    address = senders.household_of(request)
    if said is None:
        found = await _in_every_case(shop, lambda: calls.refuse(shop, problems, address=address))
    else:
        found = await _in_every_case(shop, lambda: calls.reply(shop, call, said, address=address))
    return _response(found)


async def _in_every_case(shop: Shop, reply: Callable[[], Reply]) -> Reply:
    """What the shop replies; while its database is away, that it cannot say."""
    try:
        return await run_in_threadpool(reply)
    except Exception as error:
        if not is_away(error):
            raise
        log.error("license_not_answered", error=type(error).__name__)
        unsigned = Answer(Code.UNAVAILABLE, retry_after=_RETRY)
        return Reply(unsigned.status, answers.body(unsigned, now=shop.now()), "", _RETRY)


def _response(found: Reply) -> Response:
    headers = {"Cache-Control": "no-store"}
    if found.signature:
        headers["Signature"] = found.signature
    if found.retry_after:
        headers["Retry-After"] = str(found.retry_after)
    return Response(found.body, found.status, headers, "application/json")


def _read(body: bytes, request: Request, call: Call) -> tuple[Question | None, list[dict[str, str]]]:
    """The question, or what is wrong with it."""
    try:
        in_json = _is_json(body, request)
        # A form says all it says in letters, numbers too.
        said = Body.model_validate(_fields(body, request, in_json=in_json), strict=in_json)
    except ValidationError as error:
        return None, [
            {"field": ".".join(map(str, each["loc"])) or "body", "problem": each["msg"].removeprefix("Value error, ")}
            for each in error.errors()
        ]
    named = _NAMED_BY.get(call, ())
    if named and not any(getattr(said, name) for name in named):
        return None, [{"field": named[0], "problem": "Field required"}]
    return Question(**{**said.model_dump(), "ttl": timedelta(seconds=said.ttl)}), []


def _is_json(body: bytes, request: Request) -> bool:
    return "json" in request.headers.get("content-type", "") or body.lstrip()[:1] in (b"{", b"[")


def _fields(body: bytes, request: Request, *, in_json: bool) -> Any:
    """What a JSON object or a form says. The product may also stand in the address, for apps that know no such field."""
    try:
        said = bodies.parsed(body) if in_json else dict(parse_qsl(body.decode(), max_num_fields=50))
    except ValueError:
        return None
    if isinstance(said, dict) and "product" in request.query_params:
        return {"product": request.query_params["product"], **said}
    return said

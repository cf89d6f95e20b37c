"""What a seller's own programs ask by API key: what somebody may use, who has changed since they asked last, and a seat."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, BackgroundTasks, Depends, Path, Query, Request, Response
from pydantic import Field

from core.integrations import versions
from core.people import api_keys
from core.people.api_keys import Caller, Scope
from core.seats import claims
from webhook.requests import etags
from webhook.requests.bodies import JsonBody, JsonRoute
from webhook.requests.dependencies import OpenShop, bearer, caller_for, note_use

router = APIRouter(route_class=JsonRoute)

Asking = Annotated[Caller, Depends(caller_for(Scope.ENTITLEMENTS))]
Seating = Annotated[Caller, Depends(caller_for(Scope.SEATS))]
_FRESH = "private, max-age=60"


# With a slash behind them the calls are the same ones, as clients write them that join addresses: a 404 would tell them that there
# is no such person, and a redirect lose what they post. Not so `/entitlements/`, which is what asking for nobody looks like.


# PostgreSQL takes the character of no text: whatever is looked up by it, there is none.
_WITHOUT_NUL = r"^[^\x00]*$"


class Lookup(JsonBody):
    """Whom is asked about, by address: in the body, since addresses in a query end in access logs."""

    email: Annotated[str, Field(min_length=3, max_length=1000, pattern=_WITHOUT_NUL)]
    product: Annotated[str, Field(max_length=80)] = ""


@router.head("/entitlements", include_in_schema=False)
@router.get("/entitlements")
def changed(
    shop: OpenShop,
    _: Asking,
    changed_since: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = versions.PAGE,
) -> Response:
    """Whoever has changed since a cursor, in pages: `{data, next_cursor, has_more}`. Without one, everybody."""
    page = versions.changed_since(shop, changed_since, size=limit)
    said = {"data": [each.told() for each in page.people], "next_cursor": page.cursor, "has_more": page.more}
    return Response(_json(said), media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post("/entitlements/lookup/", include_in_schema=False)
@router.post("/entitlements/lookup")
def lookup(body: Lookup, shop: OpenShop, _: Asking) -> Response:
    """What whoever has this address may use, or of one product. 404 for an address that nobody has."""
    found = versions.of_address(shop, body.email)
    return Response(_json(found.told(body.product)), media_type="application/json", headers=_headers(found.version))


@router.head("/entitlements/{person}/", include_in_schema=False)
@router.get("/entitlements/{person}/", include_in_schema=False)
@router.head("/entitlements/{person}", include_in_schema=False)
@router.get("/entitlements/{person}")
def one(
    person: Annotated[str, Path(max_length=200)], request: Request, shop: OpenShop, later: BackgroundTasks
) -> Response:
    """What somebody may use, by our id or the seller's own. 304 where the version is the one that is known."""
    known = etags.known(request)
    with shop.reading() as session:
        # Both at once: it is asked again and again, and nearly always nothing has changed.
        caller = api_keys.check(session, bearer(request), Scope.ENTITLEMENTS)
        mode = shop.settings.livemode
        standing = versions.standing(session, person, livemode=mode, now=shop.now()) if known else None
    note_use(shop, caller, later)
    if standing is not None and etags.is_among(_etag(standing), known):
        return Response(status_code=304, headers=_headers(standing))
    found = versions.of(shop, person)
    headers = _headers(found.version)
    if etags.is_among(_etag(found.version), known):
        return Response(status_code=304, headers=headers)
    return Response(_json(found.told()), media_type="application/json", headers=headers)


class SeatBody(JsonBody):
    """Who is to have a seat of which order's plan, by its id or its number, and of which product where it has several."""

    order: Annotated[str, Field(min_length=1, max_length=80, pattern=_WITHOUT_NUL)]
    email: Annotated[str, Field(min_length=3, max_length=1000)]
    product: Annotated[str, Field(max_length=80, pattern=_WITHOUT_NUL)] = ""
    external_id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")] | None = None


@router.post("/seats/", status_code=201, include_in_schema=False)
@router.post("/seats", status_code=201)
def give_seat(body: SeatBody, shop: OpenShop, _: Seating) -> dict[str, Any]:
    """A seat, at once and without a letter; whoever has one keeps it. 409 where all are taken, or the plan is on hold."""
    return claims.claim(shop, body.order, body.email, product=body.product, external_id=body.external_id or "").told()


@router.delete("/seats/{seat}/", status_code=204, include_in_schema=False)
@router.delete("/seats/{seat}", status_code=204)
def take_seat(seat: Annotated[str, Path(max_length=80)], shop: OpenShop, _: Seating) -> None:
    """Take it away. One that is gone already is a success."""
    claims.release(shop, seat)


def _headers(version: int) -> dict[str, str]:
    return {"ETag": _etag(version), "Cache-Control": _FRESH}


def _etag(version: int) -> str:
    return f'"{version}"'


def _json(said: Any) -> bytes:
    return orjson.dumps(said, option=orjson.OPT_UTC_Z)

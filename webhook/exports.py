"""Exports: lists of the owner's side as files, streamed, for whoever may take them."""

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from core.foundation.records import new_id
from core.owner import evidence
from core.owner.accounting import files
from core.owner.accounting.files import File
from core.owner.figures import period
from core.owner.figures.days import Days, day_of
from core.owner.order_book import attendees_export, export, filters
from core.owner.order_book.filters import Filters
from core.owner.shelves import export as shelves
from core.people.deeds import Deed
from core.privacy import export as person_export
from core.shop import Shop
from webhook.requests import cookies
from webhook.requests.dependencies import OpenShop

router = APIRouter()


@router.get("/owner/orders.csv")
async def orders(request: Request, shop: OpenShop) -> StreamingResponse:
    """The orders that the query asks for, in the words of the list's own address. Raises NotPermitted."""
    wanted = filters.read(request.query_params)
    pieces = await run_in_threadpool(_begin, shop, wanted, cookies.sign_in_of(request, shop))
    return _streamed(pieces, f"orders-{shop.now():%Y-%m-%d}.csv")


@router.get("/owner/accounts/{file}.csv")
async def accounts(file: File, request: Request, shop: OpenShop) -> StreamingResponse:
    """One of the accountant's files, of the days that the query asks for in the words of the pages. Raises NotPermitted."""
    zone, today = shop.settings.zone, day_of(shop.now(), shop.settings.zone)
    days = period.read(request.query_params, today=today).days(zone, today=today)
    pieces = await run_in_threadpool(_begin_file, shop, file, days, cookies.sign_in_of(request, shop))
    return _streamed(pieces, f"{file}-{days.first}-{days.last}.csv")


@router.get("/owner/attendees.csv")
async def attendees(date: str, request: Request, shop: OpenShop) -> StreamingResponse:
    """Who comes on a date of a workshop. Raises NotPermitted, UnknownDate."""
    deed = Deed(cookies.sign_in_of(request, shop), new_id("do"))
    pieces = await run_in_threadpool(_begin_attendees, shop, date, deed)
    return _streamed(pieces, f"attendees-{date.replace('/', '-')}.csv")


@router.get("/owner/catalogue.toml")
async def catalogue(request: Request, shop: OpenShop) -> Response:
    """The shelves as a catalogue file. Raises NotPermitted."""
    deed = Deed(cookies.sign_in_of(request, shop), new_id("do"))
    found = await run_in_threadpool(shelves.hand_out, shop, deed=deed)
    headers = {"Content-Disposition": 'attachment; filename="catalogue.toml"', "Cache-Control": "no-store"}
    return Response(found, media_type="application/toml", headers=headers)


@router.get("/owner/customers/{customer_id}.json")
async def customer(customer_id: str, request: Request, shop: OpenShop) -> StreamingResponse:
    """Everything held about a customer. Raises NotPermitted, CustomerNotFound."""
    deed = Deed(cookies.sign_in_of(request, shop), new_id("do"))
    pieces = await run_in_threadpool(_begin_person, shop, customer_id, deed)
    headers = {"Content-Disposition": 'attachment; filename="customer.json"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="application/json", headers=headers)


@router.get("/owner/evidence/{order_id}")
async def evidence_of(order_id: str, request: Request, shop: OpenShop) -> Response:
    """All that helps to answer a dispute about an order, as a page to keep. Raises NotPermitted, OrderNotFound."""
    deed = Deed(cookies.sign_in_of(request, shop), new_id("do"))
    found = await run_in_threadpool(evidence.hand_out, shop, order_id, deed=deed)
    # To be kept and not to be opened here: what buyers typed stands in it.
    headers = {"Content-Disposition": 'attachment; filename="evidence.html"', "Cache-Control": "no-store"}
    return Response(found, media_type="text/html; charset=utf-8", headers=headers)


def _streamed(pieces: Iterator[str], name: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


def _begin_attendees(shop: Shop, date_id: str, deed: Deed) -> Iterator[str]:
    return attendees_export.begin(shop, date_id, deed=deed)


def _begin_person(shop: Shop, customer_id: str, deed: Deed) -> Iterator[bytes]:
    return person_export.by_staff(shop, customer_id, deed=deed)


def _begin_file(shop: Shop, file: File, days: Days, sign_in_id: str) -> Iterator[str]:
    return files.begin(shop, file, days, deed=Deed(sign_in_id, new_id("do")))


def _begin(shop: Shop, wanted: Filters, sign_in_id: str) -> Iterator[str]:
    return export.begin(shop, wanted, deed=Deed(sign_in_id, new_id("do")))

"""Tickets: the page of a place with its code, its entry for calendars, its changes, and the way into the meeting."""

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from core.attendance import changes, check_in, giving_up, tickets
from core.attendance.tickets import TicketView
from core.foundation.errors import AccessDenied, BadInput, LinkExpired, ShopError, TooManyTries
from core.foundation.records import new_id
from core.languages import formats
from core.languages.sentences import _, marked
from core.people import sign_in
from core.people.deeds import Deed
from webhook.attendance import pages
from webhook.requests import cookies, framed, senders

router = APIRouter()

_DONE = {
    "renamed": marked("The name is changed."),
    "moved": marked("You come on this date now. A letter with the entry for your calendar is on its way."),
    "canceled": marked("The place is canceled. A letter is on its way."),
    "code-sent": marked("A code is on its way to the address that this ticket was mailed to."),
    "proven": marked("You are signed in, and can change the place."),
    "checked-in": "Checked in.",
    "undone": "Not checked in any more.",
}


@router.head("/ticket/{token}", include_in_schema=False)
@router.get("/ticket/{token}")
async def show(token: str, request: Request, done: str = "") -> Response:
    """The ticket. Staff who open it near its date check in by that, and see that they did; everybody else sees the ticket alone."""
    shop = pages.shop_of(request)
    try:
        staff = await run_in_threadpool(check_in.works_here, shop, pages.sign_in_of(request))
        if staff and not done and not pages.is_guess(request):
            done = await run_in_threadpool(_come_in, request, token)
        view = await run_in_threadpool(tickets.view, shop, token, signed_in=await pages.signed_in(request))
    except ShopError as error:
        return pages.refused(request, error)
    return _drawn(request, view, done, staff=staff)


@router.post("/ticket/{token}")
async def change(token: str, request: Request) -> Response:
    """One change of the ticket: `do` says which. 303 back to the page, or a page that says why not."""
    shop, form = pages.shop_of(request), await pages.fields(request)
    signed_in = await pages.signed_in(request)
    try:
        if form is None:
            raise BadInput()
        if form.get("do") == "code":
            return await run_in_threadpool(_proven, request, token, form.get("code", ""))
        if form.get("do") == "hand-over":
            name, email = form.get("name", ""), form.get("email", "")
            if not await run_in_threadpool(changes.hand_over, shop, token, name, email, signed_in=signed_in):
                return pages.back(request, "renamed")
            said = _("The place is {name}'s now. Their ticket is on its way to them, and this one opens nothing.")
            home = framed.Way(shop.settings.public_url or "/", _("To the shop"))
            return framed.plain(
                shop, _("Handed over"), said.format(name=changes.cleaned(name)), ways=[home], alert=True
            )
        done = await run_in_threadpool(_changed, request, token, form, signed_in)
    except ShopError as error:
        return pages.refused(request, error)
    return pages.back(request, done)


@router.head("/ticket/{token}/workshop.ics", include_in_schema=False)
@router.get("/ticket/{token}/workshop.ics")
async def calendar(token: str, request: Request) -> Response:
    """The entry for a calendar, to be kept."""
    try:
        found = await run_in_threadpool(tickets.calendar_file, pages.shop_of(request), token)
    except ShopError as error:
        return pages.refused(request, error)
    headers = {"Content-Disposition": 'attachment; filename="workshop.ics"', "Cache-Control": "private, no-store"}
    return Response(found, media_type="text/calendar; charset=utf-8; method=PUBLISH", headers=headers)


@router.head("/join/{token}", include_in_schema=False)
@router.get("/join/{token}")
async def join(token: str, request: Request) -> Response:
    """On to the meeting, if the place is open and its time has come; else a page that says when or why not. Changes nothing."""
    try:
        door = await run_in_threadpool(tickets.door, pages.shop_of(request), token)
    except ShopError as error:
        return pages.refused(request, error)
    if door.address:
        return pages.away(door.address)
    shut = _(pages.FIXED[door.shut]) if door.shut else ""
    return pages.drawn(request, "door.html.j2", 403 if shut else 200, door=door, shut=shut)


def _drawn(request: Request, view: TicketView, done: str, *, staff: bool = False, wrong: str = "") -> Response:
    said = _(_DONE[done]) if done in _DONE else ""
    return pages.drawn(
        request, "ticket.html.j2", 400 if wrong else 200, view=view, code=_code(view.url), said=said, staff=staff,
        shut=_why(view), refund=_refund(view), sent=done == "code-sent" or bool(wrong), wrong=wrong,
    )  # fmt: skip


def _proven(request: Request, token: str, digits: str) -> Response:
    """Back to the ticket, signed in as whoever has it, by the code that was mailed there; or the page with what was wrong."""
    shop = pages.shop_of(request)
    address, ip = tickets.address_of(shop, token), senders.address_of(request)
    try:
        entered = sign_in.by_code(shop, address, digits, pages.sender_of(request))
    except (AccessDenied, TooManyTries) as error:
        late = isinstance(error, LinkExpired)
        why = _("This code is used up or too old. Have a new one sent.") if late else _("This code is not right.")
        wrong = pages.sentence(error) if isinstance(error, TooManyTries) else why
        return _drawn(request, tickets.view(shop, token), "", wrong=wrong)
    with shop.transaction() as session:
        cookie = sign_in.redeem(session, entered, ip=ip, signing_key=shop.signing_key, now=shop.now())
    response = pages.back(request, "proven")
    cookies.remember_sign_in(response, shop, cookie)
    return response


def _come_in(request: Request, token: str) -> str:
    """Check in whoever shows this ticket at the door, once; what was done."""
    shop, sign_in_id = pages.shop_of(request), pages.sign_in_of(request)
    if not check_in.is_at_the_door(shop, token, sign_in_id):
        return ""
    _check(request, token)
    return "checked-in"


def _changed(request: Request, token: str, form: dict[str, str], signed_in: str) -> str:
    shop = pages.shop_of(request)
    match form.get("do"):
        case "rename":
            changes.rename(shop, token, form.get("name", ""))
            return "renamed"
        case "send-code":
            sign_in.request_code(shop, tickets.address_of(shop, token), pages.sender_of(request), veiled=True)
            return "code-sent"
        case "move":
            changes.move(shop, token, form.get("date", ""), signed_in=signed_in)
            return "moved"
        case "cancel":
            giving_up.cancel(shop, token, signed_in=signed_in)
            return "canceled"
        case "check-in":
            _check(request, token)
            return "checked-in"
        case "undo":
            check_in.undo(shop, tickets.view(shop, token).attendee_id, deed=_deed(request))
            return "undone"
    raise BadInput()


def _check(request: Request, token: str) -> None:
    shop = pages.shop_of(request)
    check_in.check_in(shop, tickets.view(shop, token).attendee_id, deed=_deed(request))


def _deed(request: Request) -> Deed:
    return Deed(pages.sign_in_of(request), new_id("do"))


def _code(url: str) -> str:
    """The address as a code for cameras, as a drawing."""
    import segno  # here, since few pages have one

    return segno.make(url, error="m", micro=False).svg_inline(
        scale=5, border=3, omitsize=True, dark="#161b2e", light="#fff"
    )


def _why(view: TicketView) -> str:
    return _(pages.FIXED[view.shut]) if view.shut else ""


def _refund(view: TicketView) -> str:
    """What comes of giving the place up."""
    match view.percent:
        case 0:
            return _("No money goes back.")
        case 100:
            return _("All that was paid for it goes back the way it was paid.")
        case part:
            return _("{percent} of what was paid for it goes back the way it was paid.").format(
                percent=formats.percent(part)
            )

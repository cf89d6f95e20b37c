"""What a terminal shows of orders, and does to one: send its receipt again, give money back, end access, collect the evidence."""

from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer

from core.command_line.answers import Json, fail, moment, one_of, refuse, say, table
from core.command_line.arguments import MOST, EndSubscription, Limit
from core.foundation.money import Money
from core.opening import open_shop


def orders(
    status: Annotated[str, typer.Option(help="Only orders in this status.")] = "",
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """The newest orders."""
    from core.orders.status import Status
    from core.owner import reports

    one_of(Status, status, "--status")
    shop = open_shop()
    with shop.reading() as session:
        found = reports.order_list(session, status=status, limit=limit)
    columns = ("number", "status", "total", "fulfilled", "email", "id")
    none = "No such orders." if status else "No orders yet."
    say(found, table([_for_people(row, shop.settings.zone) for row in found], columns, none), as_json)


def _for_people(row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    units = row["amount_expected"] if row["amount_total"] is None else row["amount_total"]
    return row | {
        "total": Money(units, row["currency"]).format(), "fulfilled": moment(row["fulfilled_at"], zone),
        "status": row["status"].replace("_", " "),
    }  # fmt: skip


def order(reference: Annotated[str, typer.Argument(metavar="ORDER")], as_json: Json = False) -> None:
    """One order by id or number: lines, grants, refunds and what happened."""
    from core.command_line.words import order_sheet
    from core.owner import reports

    shop = open_shop()
    with shop.reading() as session:
        found = reports.order_detail(session, reference)
    say(found, "\n".join(order_sheet.lines(found, shop.settings.zone)), as_json)


def resend(
    reference: Annotated[str, typer.Argument(metavar="ORDER")],
    to: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Another address than the order's. No link in it opens the order there."),
    ] = "",
    as_json: Json = False,
) -> None:
    """Send the receipt of ORDER once more, with everything that it gives."""
    from core.journeys import order_care
    from core.owner import reports

    shop = open_shop()
    with shop.reading() as session:
        found = reports.order_detail(session, reference)
    receiver = order_care.resend(shop, found["id"], to=to, actor="pushcart resend")
    answer = {"order_id": found["id"], "number": found["number"], "to": receiver}
    say(answer, f"The receipt of {found['number']} goes to {receiver} again.", as_json)


def refund(
    reference: Annotated[str, typer.Argument(metavar="ORDER")],
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Such as 27 or 27.00; without it all that is left.")
    ] = None,
    line: Annotated[
        list[int] | None, typer.Option(min=1, max=MOST, help="The lines to pay back, counted from 1.")
    ] = None,
    reason: Annotated[str, typer.Option(help="duplicate, fraudulent, requested_by_customer, or your own words.")] = "",
    payment: Annotated[
        str, typer.Option(metavar="ID", help="The payment to pay back, by any of its ids; without it the newest first.")
    ] = "",
    take_back: Annotated[
        bool, typer.Option("--take-back", help="End access, of these lines or all, though money is left.")
    ] = False,
    end_subscription: EndSubscription = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    as_json: Json = False,
) -> None:
    """Say what would go back to the buyer of ORDER and what that does to the deliveries, ask, and send it."""
    from core.command_line.words import refund as words
    from core.journeys.refund import preview, request
    from core.orders.refunds import RefundStatus
    from core.owner import reports

    shop = open_shop()
    with shop.reading() as session:
        found = reports.order_detail(session, reference)
    order_id, units = found["id"], None if amount is None else Money.parse(amount, found["currency"]).amount
    plan = preview(
        shop, order_id, units, lines=line or (), payment=payment, take_back=take_back, end_subscription=end_subscription
    )
    if refusal := words.disagreement(plan, yes=yes, as_json=as_json):
        fail(refusal)
    done = request(
        shop,
        order_id,
        units,
        reason=reason,
        actor="pushcart refund",
        lines=line or (),
        payment=payment,
        take_back=take_back,
        end_subscription=end_subscription,
        agreed=plan,
    )
    with shop.reading() as session:
        found = reports.order_detail(session, order_id)
    say(words.answer(done, plan, found), words.said(done, plan), as_json)
    if done.status in (RefundStatus.FAILED, RefundStatus.CANCELED):
        raise typer.Exit(1)


def revoke(
    reference: Annotated[str, typer.Argument(metavar="ORDER")],
    line: Annotated[
        list[int] | None, typer.Option(min=1, max=MOST, help="The lines to end, from 1; without it all.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the order's history.")] = "",
    restore: Annotated[bool, typer.Option("--restore", help="Give back what was ended.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    as_json: Json = False,
) -> None:
    """End access to what ORDER gave, without moving money; or give it back."""
    from core.command_line.words import revoke as words
    from core.journeys import revocation
    from core.owner import reports

    if not reason and not restore:
        refuse("Say why with --reason: it stands in the order's history.")
    shop = open_shop()
    with shop.reading() as session:
        order_id = reports.order_detail(session, reference)["id"]
    plan = revocation.preview(shop, order_id, line or (), restore=restore)
    if refusal := words.disagreement(plan, restore=restore, yes=yes, as_json=as_json):
        fail(refusal)
    act = revocation.restore if restore else revocation.revoke
    act(shop, order_id, line or (), reason=reason, actor="pushcart revoke", agreed=plan)
    with shop.reading() as session:
        found = reports.order_detail(session, order_id)
    say(words.answer(plan, found), words.said(plan, restore=restore), as_json)


def evidence(
    reference: Annotated[str, typer.Argument(metavar="ORDER")],
    html: Annotated[Path | None, typer.Option(help="Write a page to this file instead of printing JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Everything about ORDER that helps to answer a dispute, as JSON or as a page."""
    from core.owner import evidence as proof

    pack = proof.pack(open_shop(), reference)
    if html is None:
        say(pack, orjson.dumps(pack, option=orjson.OPT_INDENT_2).decode(), as_json)
        return
    html.write_text(proof.page(pack), encoding="utf-8")
    say({"written": str(html)}, f"Written to {html}.", as_json)

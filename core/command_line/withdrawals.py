"""What a terminal shows of withdrawals, and decides about one."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from core.command_line import errors
from core.command_line.answers import Json, fail, moment, refuse, say, table, tell
from core.command_line.arguments import EndSubscription, Limit
from core.foundation.errors import NothingToRefund
from core.foundation.money import Money
from core.opening import open_shop
from core.shop import Shop

_NOTHING_LEFT = "Accept it by --no-refund: then its buyer is told that nothing is left to be sent back."

withdraw_commands = typer.Typer(no_args_is_help=True, help="Accept a withdrawal from a contract, or decline it.")
Withdrawal = Annotated[str, typer.Argument(metavar="WITHDRAWAL", help="Its id, as `pushcart withdrawals` lists it.")]


def withdrawals(
    every: Annotated[bool, typer.Option("--all", help="Also those that were decided.")] = False,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """The withdrawals that nobody has decided about."""
    from core.owner import reports

    shop = open_shop()
    with shop.reading() as session:
        found = reports.withdrawal_list(session, every=every, limit=limit)
    columns = ("id", "state", "proof", "order_id", "reference", "email", "answer_by")
    rows = [row | {"answer_by": moment(row["answer_by"], shop.settings.zone)} for row in found]
    say(found, table(rows, columns, "No withdrawals."), as_json)


@withdraw_commands.command()
def accept(
    withdrawal: Withdrawal,
    order: Annotated[str, typer.Option(metavar="ORDER", help="Which order is meant, where nobody knows yet.")] = "",
    amount: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="Such as 27 or 27.00; without it all of what is withdrawn from."),
    ] = None,
    keep_access: Annotated[bool, typer.Option("--keep-access", help="Leave them what they have.")] = False,
    end_subscription: EndSubscription = None,
    no_refund: Annotated[bool, typer.Option("--no-refund", help="Send nothing back: it has gone back before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    as_json: Json = False,
) -> None:
    """Accept WITHDRAWAL: say what goes back and what that does to the deliveries, ask, and send it."""
    from core.command_line.words import refund as words
    from core.journeys import withdrawal as decisions
    from core.journeys.refund import preview, request
    from core.owner import reports

    shop, actor = open_shop(), "pushcart withdraw"
    with shop.reading() as session:
        found = reports.withdrawal(session, withdrawal)
        meant = reports.order_detail(session, order) if order else None
    if meant and meant["id"] != found["order_id"]:
        found |= {"order_id": meant["id"], "currency": meant["currency"], "lines": []}
    if no_refund:
        if meant:
            decisions.assign(shop, withdrawal, meant["id"], actor=actor)
        decisions.accept_without_refund(shop, withdrawal, actor=actor)
        say({"id": withdrawal, "state": "accepted"}, f"{withdrawal} is accepted; nothing was sent back.", as_json)
        return
    if not found["order_id"]:
        refuse(f"Nobody knows which order {withdrawal} is about. Say it with --order.")
    if amount is None:
        tell(*_unused(shop, found))
    units = None if amount is None else Money.parse(amount, found["currency"]).amount
    # A choice of all lines is all of the order: that may be several refunds, and whole ones end access by themselves.
    wish: dict[str, Any] = {
        "lines": found["lines"], "take_back": not keep_access and bool(found["lines"] or units),
        "end_subscription": end_subscription,
    }  # fmt: skip
    try:
        plan = preview(shop, found["order_id"], units, **wish)
    except NothingToRefund as error:
        fail(*errors.lines(error), _NOTHING_LEFT)
    if refusal := words.disagreement(plan, yes=yes, as_json=as_json):
        fail(refusal)
    if meant:  # not before somebody has seen what that comes to
        decisions.assign(shop, withdrawal, meant["id"], actor=actor)
    done = request(
        shop, found["order_id"], units, reason="withdrawal", actor=actor, agreed=plan, withdrawal=withdrawal,
        **wish,
    )  # fmt: skip
    with shop.reading() as session:
        detail = reports.order_detail(session, found["order_id"])
    say(
        {"id": withdrawal, "state": "accepted", "refund": words.answer(done, plan, detail)},
        words.said(done, plan),
        as_json,
    )


def _unused(shop: Shop, found: dict[str, Any]) -> Iterator[str]:
    """What of the plans among what is withdrawn from is for the time to come, where they agreed to pay for what they used."""
    from core.rights import periods
    from core.rights.periods import Right

    at = datetime.fromisoformat(found["declared_at"])
    with shop.reading() as session:
        lines = periods.of_order(session, found["order_id"], shop.settings.zone, at=at)
    for each in lines:
        if each.right is Right.PART and each.unused and each.position in (found["lines"] or [each.position]):
            yield (
                f"{each.name}: of what was paid for it {each.unused.format()} is for the time still to come, and they agreed to"
                " pay for what they used. --amount sends less than all."
            )


@withdraw_commands.command()
def decline(
    withdrawal: Withdrawal,
    reason: Annotated[str, typer.Option(help="Why. Whoever declared it gets to read it.")] = "",
    as_json: Json = False,
) -> None:
    """Decline WITHDRAWAL with a reason, which is mailed to whoever declared it."""
    from core.journeys import withdrawal as decisions

    if not reason.strip():
        refuse("Say why with --reason: whoever declared it gets to read it.")
    decisions.decline(open_shop(), withdrawal, reason=reason, actor="pushcart withdraw")
    say({"id": withdrawal, "state": "declined"}, f"{withdrawal} is declined.", as_json)

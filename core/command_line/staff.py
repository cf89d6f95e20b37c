"""What `pushcart staff` does: who may work at the owner's side, said at a terminal, where nobody signs in."""

from typing import Annotated, Any

import typer

from core.catalog import products
from core.command_line.answers import Json, fail, say
from core.foundation import addresses
from core.foundation.money import Money
from core.opening import open_shop
from core.people import audit, second_factor, staff
from core.people.staff import Action, Listed, Role

staff_commands = typer.Typer(no_args_is_help=True, help="Who may work at the owner's side.")


@staff_commands.command("list")
def everybody(as_json: Json = False) -> None:
    """Everybody who may work here, and as what."""
    shop = open_shop()
    with shop.reading() as session:
        found = staff.listed(session, owners=shop.settings.owners)
    say([_row(each) for each in found], "\n".join(f"{each.email}  {each.role}" for each in found), as_json)


@staff_commands.command("invite")
def invite(
    email: str, role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER, as_json: Json = False
) -> None:
    """Invite EMAIL, who gets a letter, or give them another role."""
    shop = open_shop()
    address, now = addresses.checked(email, reachable=shop.settings.livemode), shop.now()
    with shop.transaction() as session:
        member = staff.invite(session, address, role, by=audit.TERMINAL, now=now)
        audit.record(
            session, who=audit.TERMINAL, role=Role.OWNER, action=Action.STAFF, subject="staff",
            detail=f"invited {address} as {role}", now=now,
        )  # fmt: skip
    say({"id": member.id, "email": address, "role": role}, f"{address} is invited as {role}.", as_json)


@staff_commands.command("remove")
def remove(email: str, as_json: Json = False) -> None:
    """Let EMAIL work here no longer, at once."""
    shop = open_shop()
    with shop.transaction() as session:
        found = next((each for each in staff.listed(session, owners=()) if addresses.fold(email) == each.folded), None)
        if found is None:
            fail(f"{email} was not invited. Those whom OWNER_EMAILS names are removed there.")
        staff.remove(session, found.id, now=shop.now())
        audit.record(
            session, who=audit.TERMINAL, role=Role.OWNER, action=Action.STAFF, subject=found.id,
            detail=f"removed {found.email}", now=shop.now(),
        )  # fmt: skip
    say({"removed": found.email}, f"{found.email} works here no longer.", as_json)


@staff_commands.command("limit")
def limit(
    email: str,
    amount: Annotated[
        str, typer.Argument(help="Such as 50.00, in what most is sold in; without it as much as all.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Let EMAIL, who is of the support, send back up to AMOUNT of one order."""
    shop = open_shop()
    with shop.transaction() as session:
        currency = products.currencies(session)[0]
        most = Money.parse(amount, currency) if amount else None
        units = None if most is None else most.amount
        found = next((each for each in staff.listed(session, owners=()) if addresses.fold(email) == each.folded), None)
        if found is None or staff.limit(session, found.id, units) is None:
            fail(f"{email} does not work here as support.")
        told = "as much as everybody" if most is None else most.format()
        audit.record(
            session, who=audit.TERMINAL, role=Role.OWNER, action=Action.STAFF, subject=found.id,
            detail=f"{found.email} may refund {told if units is None else units}", now=shop.now(),
        )  # fmt: skip
    answer = {"email": found.email, "refund_limit": units}
    say(answer, f"{found.email} may send back {told} of one order.", as_json)


@staff_commands.command("reset-second-factor")
def reset_second_factor(email: str, as_json: Json = False) -> None:
    """Take off the second factor of EMAIL, who has lost it: the mailed code alone lets them in until they have another."""
    shop = open_shop()
    address = addresses.fold(email)
    with shop.transaction() as session:
        if not second_factor.remove(session, address):
            fail(f"{email} has no second factor.")
        audit.record(
            session, who=audit.TERMINAL, role=Role.OWNER, action=Action.STAFF, subject="staff",
            detail=f"second factor of {address} reset", now=shop.now(),
        )  # fmt: skip
    say({"reset": address}, f"{address} signs in by a mailed code alone until they set up another device.", as_json)


def _row(each: Listed) -> dict[str, Any]:
    def iso(name: str) -> str | None:
        moment = getattr(each, name)
        return moment.isoformat() if moment else None

    return {
        "id": each.id, "email": each.email, "role": each.role, "invited_by": each.invited_by,
        "invited_at": iso("invited_at"), "signed_in_at": iso("signed_in_at"), "second_factor": each.second_factor,
        "refund_limit": each.refund_limit,
    }  # fmt: skip

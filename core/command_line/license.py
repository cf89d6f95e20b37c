"""`pushcart license`: one licence, and what an owner does about it at a terminal; the keys of another shop; the signing key."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from core.command_line.answers import Json, count, refuse, say
from core.command_line.arguments import MOST, day
from core.foundation.errors import FileTrouble, FileUnreadable
from core.opening import open_shop
from core.shop import Shop


def license(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key, its id, or its last six characters.")],
    disable: Annotated[bool, typer.Option("--disable", help="Switch it off at once.")] = False,
    enable: Annotated[bool, typer.Option("--enable", help="Switch it on again.")] = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="Replace the key; machines keep their places.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, max=MOST, help="On how many machines it may be used.")] = None,
    until: Annotated[
        date | None, typer.Option(parser=day, metavar="DAY", help="Until which day (UTC, included) it may be used.")
    ] = None,
    release: Annotated[
        str, typer.Option(metavar="MACHINE", help="Free a machine's place, by id, name or fingerprint.")
    ] = "",
    as_json: Json = False,
) -> None:
    """The licence with this KEY: its terms, how it stands, and the machines that use it."""
    from core.licensing import administration

    if disable and enable:
        raise typer.BadParameter("--disable and --enable are each other's opposite")
    shop, new = open_shop(), ""
    with shop.transaction() as session:
        license_id = administration.find(session, key)
        row, now = administration.hold(session, license_id), shop.now()
        if disable:
            administration.disable(session, row, now=now)
            _note(session, shop, license_id, "switched off")
        if enable:
            administration.enable(session, row)
            _note(session, shop, license_id, "switched on")
        if limit is not None:
            administration.allow(session, row, limit)
            _note(session, shop, license_id, f"{limit} machines")
        if until is not None:
            administration.extend(session, row, datetime.combine(until, time(23, 59, 59), UTC))
            _note(session, shop, license_id, f"until {until:%Y-%m-%d}")
        if release:
            administration.release(session, row, release, now=now)
            _note(session, shop, license_id, "machine removed")
        if rotate:
            new = administration.replace(session, row, now=now)
            _note(session, shop, license_id, "key replaced")
    found = look(shop, license_id) | ({"key": new} if new else {})
    say(found, _text(found), as_json)


def look(shop: Shop, license_id: str) -> dict[str, Any]:
    """One licence as `--json` prints it."""
    from core.kinds import licenses
    from core.kinds.licenses import LicenseKey
    from core.licensing import administration, found_licenses

    with shop.reading() as session:
        row = session.get_one(LicenseKey, license_id)
        [found] = found_licenses.by_ids(session, [license_id], now=shop.now())
        [shown] = licenses.shown(session, [row], signing_key=shop.signing_key)
        order = administration.order_of(session, row)
        there = [each for each in shown.machines if each.is_there(shop.now())]
        return {
            "id": row.id, "key_hint": row.hint, "product": row.product_id, "order_id": order.id if order else None,
            "origin": row.origin, "status": found.standing(shop.now(), livemode=shop.settings.livemode),
            "machines": row.machines, "used": found.used, "floating": row.floating, "on_expiry": row.on_expiry,
            "features": row.features, "expires_at": _iso(row.expires_at), "updates_until": _iso(row.updates_until),
            "activations": [
                {"id": each.id, "label": each.label, "created_at": _iso(each.created_at),
                 "last_seen_at": _iso(each.last_seen_at), "lease_until": _iso(each.lease_until)}
                for each in there
            ],
        }  # fmt: skip


def import_licenses(
    file: Path,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take the licence keys of a CSV FILE with the machines that use them: a line for each key and machine."""
    from core.licensing import imports

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}")
    shop = open_shop()
    with shop.transaction() as session:
        found = imports.read(session, text, livemode=shop.settings.livemode, now=shop.now())
        if found.missing:
            raise FileUnreadable(FileTrouble.COLUMNS_MISSING, ", ".join(found.missing))
        if dry_run:
            session.rollback()
        elif found.keys or found.machines:
            _note(session, shop, "licenses", f"{count(found.keys, 'key')} imported")
    answer = {
        "dry_run": dry_run, "keys": found.keys, "machines": found.machines, "known": found.known,
        "problems": [{"line": line, "reason": reason} for line, reason in found.problems],
    }  # fmt: skip
    lines = [
        f"{count(found.keys, 'new key')} and {count(found.machines, 'new machine')}, {count(found.known, 'line')} of keys that are"
        " there already."
    ]
    lines += ["Nothing was changed."] * dry_run + [f"Line {line} {reason}." for line, reason in found.problems]
    say(answer, "\n".join(lines), as_json)


def signing_key(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Sign with a new key; the one before stays published.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The keys by which apps check what this shop says of licences, the one in use first."""
    from core.licensing import signing_keys

    shop = open_shop()
    if rotate:
        signing_keys.rotate(shop)
    signing_keys.signer(shop)
    with shop.reading() as session:
        found = signing_keys.published(session, now=shop.now())
    say({"keys": found}, "\n".join(f"{each['kid']}  {each['x']}" for each in found), as_json)


def _note(session: Session, shop: Shop, subject: str, detail: str) -> None:
    from core.people import audit
    from core.people.staff import Action, Role

    audit.record(
        session,
        who=audit.TERMINAL,
        role=Role.OWNER,
        action=Action.LICENSE,
        subject=subject,
        detail=detail,
        now=shop.now(),
    )


def _text(found: dict[str, Any]) -> str:
    lines = [
        f"Licence {found['id']}, its key ends in {found['key_hint']}",
        f"  {found['product']}, {found['status']}, in use on {found['used']} of {count(found['machines'], 'machine')}",
        *([f"  of order {found['order_id']}"] if found["order_id"] else [f"  origin: {found['origin']}"]),
        *([f"  until {found['expires_at']}"] if found["expires_at"] else []),
        *([f"  updates until {found['updates_until']}"] if found["updates_until"] else []),
        *(
            f"  {each['id']}  {each['label'] or '(no name)'}, last seen {each['last_seen_at']}"
            for each in found["activations"]
        ),
        *([f"The new key is {found['key']}"] if "key" in found else []),
    ]
    return "\n".join(lines)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

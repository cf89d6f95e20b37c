"""Keys of another shop, brought along with the machines that use them: a CSV file with a line for each key and machine.

The same file again changes nothing. A line that cannot be taken is named with its number and the reason, and the others are.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from core.catalog import license_terms, wall_times
from core.catalog.license_terms import LicenseTerms
from core.catalog.products import Kind, Product
from core.foundation import addresses
from core.foundation.addresses import fold
from core.foundation.errors import AddressUnfit
from core.foundation.records import new_id
from core.kinds import license_keys, licenses
from core.kinds.licenses import LicenseActivation, LicenseKey, Origin
from core.licensing import administration
from core.people import customers

# What other shops call our columns.
_ALSO = {
    "license_key": "key", "licence_key": "key", "license": "key", "user_email": "email", "customer_email": "email",
    "activation_limit": "machines", "limit": "machines", "max_machines": "machines", "expires": "expires_at",
    "expiration": "expires_at", "expiry": "expires_at", "instance_name": "label", "instance": "label", "name": "label",
    "machine": "fingerprint", "instance_id": "fingerprint", "activated_at": "created_at", "state": "status",
}  # fmt: skip
_COLUMNS = {
    "key",
    "product",
    "email",
    "machines",
    "expires_at",
    "updates_until",
    "status",
    "fingerprint",
    "label",
    "created_at",
}
# What a status comes to. With Lemon Squeezy and Easy Digital Downloads `inactive` is a key that no machine uses yet.
_GOOD, _OFF, _OVER = ("", "active", "inactive", "valid", "enabled"), ("disabled", "revoked"), "expired"
# So long is what software may send of keys and machines, too.
_LONGEST = 500


@dataclass
class Imported:
    """What a file came to: keys and machines that are new, keys that were there, and what was left out with its reason. Without the
    columns that are `missing` there is nothing in it that could be taken."""

    keys: int = 0
    machines: int = 0
    known: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    missing: tuple[str, ...] = ()


class _Unfit(Exception):
    """Why a line is not taken."""


def read(session: Session, text: str, *, livemode: bool, now: datetime) -> Imported:
    """Take the keys of this file into the shop. To see what would come of it, roll the transaction back."""
    found = Imported()
    products = {row.id: row for row in session.exec(select(Product).where(Product.kind == Kind.LICENSE))}
    for number, line in _lines(text, found):
        try:
            # Whatever a line breaks is undone alone.
            with session.begin_nested():
                _take(session, line, products, found, livemode=livemode, now=now)
        except _Unfit as reason:
            found.problems.append((number, str(reason)))
        except IntegrityError:
            found.problems.append((number, "is at odds with what is there already"))
    return found


def _lines(text: str, found: Imported) -> Iterator[tuple[int, dict[str, str]]]:
    text = text.removeprefix("\ufeff")
    first = next(iter(text.splitlines()), "")
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ","
    )
    try:
        names = [name.strip().lower().replace(" ", "_") for name in reader.fieldnames or ()]
    except csv.Error:
        names = []
    reader.fieldnames = [_ALSO.get(name, name) for name in names]
    found.missing = tuple(sorted({"key", "product"} - set(reader.fieldnames)))
    if found.missing:
        found.problems.append((1, f"the columns {', '.join(found.missing)} are missing"))
        return
    try:
        for line in reader:
            yield reader.line_num, {name: str(value or "").strip() for name, value in line.items() if name in _COLUMNS}
    except csv.Error as error:
        found.problems.append((reader.line_num + 1, f"is no line of a CSV file: {error}"))


def _take(
    session: Session,
    line: dict[str, str],
    products: Mapping[str, Product],
    found: Imported,
    *,
    livemode: bool,
    now: datetime,
) -> None:
    text = line.get("key", "")
    if not license_keys.canonical(text) or len(text) > _LONGEST or "\0" in "".join(line.values()):
        raise _Unfit("has no key that can be kept")
    if any(len(each) > _LONGEST for each in line.values()):
        raise _Unfit(f"has a cell of more than {_LONGEST} letters")
    product = products.get(line.get("product", ""))
    if product is None:
        raise _Unfit(f"names {line.get('product') or 'no product'}, which is no licence of this shop")
    query = select(LicenseKey).where(LicenseKey.key_hash == license_keys.fingerprint(text)).with_for_update()
    row = session.exec(query).first()
    if row and row.product_id != product.id:
        raise _Unfit(f"has a key that is one of {row.product_id} already")
    if row and not _is_theirs(session, row, _holder(line.get("email", ""))):
        raise _Unfit("has a key that is there already, and differs: it is not of this buyer")
    # What was tried out with a test key, and is brought again now that money is real, is meant for real.
    is_new = row is None or (livemode and not row.livemode and row.origin is Origin.IMPORT)
    if row and is_new:
        row.livemode = True
        session.flush()
        administration.given(session, row, "", now=now)
    row = row or _made(session, line, text, product, livemode=livemode, now=now)
    placed = _place(session, row, line, now=now) if line.get("fingerprint") or line.get("label") else False
    found.keys, found.machines, found.known = found.keys + is_new, found.machines + placed, found.known + (not is_new)


def _is_theirs(session: Session, row: LicenseKey, email: str) -> bool:
    """Whether a key that is there is of whoever has this address, of which they may have several; so it is where none is named."""
    if not email:
        return True
    owner, theirs = customers.whose_with_all(session, email)
    order = administration.order_of(session, row)
    if order is None:
        return row.holder in theirs
    return fold(order.email) in theirs or (owner is not None and order.customer_id == owner)


def _made(
    session: Session, line: dict[str, str], text: str, product: Product, *, livemode: bool, now: datetime
) -> LicenseKey:
    usual = license_terms.as_of(product.terms, now)
    # What the file does not limit is not limited: the other shop's terms count, and not ours from today on.
    terms = LicenseTerms(
        _count(line.get("machines", "")) or usual.machines, _moment(line.get("expires_at", "")),
        _moment(line.get("updates_until", "")), usual.on_expiry, usual.floating, "", usual.features,
    )  # fmt: skip
    status = line.get("status", "").lower()
    if status not in (*_GOOD, *_OFF, _OVER):
        raise _Unfit(f"has the status {status}, which is none of active, inactive, expired, disabled and revoked")
    if status == _OVER:
        terms = replace(terms, expires_at=min(terms.expires_at or now, now))
    off = now if status in _OFF else None
    row = licenses.new_key(
        session, text, terms, product_id=product.id, origin=Origin.IMPORT, holder=_holder(line.get("email", "")),
        livemode=livemode, disabled_at=off, created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    administration.given(session, row, line.get("email", ""), now=now)
    return row


def _place(session: Session, row: LicenseKey, line: dict[str, str], *, now: datetime) -> bool:
    """Note that the machine uses the key; return whether that is new."""
    machine = line.get("fingerprint") or line["label"]
    in_use = (col(LicenseActivation.license_key_id) == row.id, licenses.IN_USE)
    if session.exec(select(LicenseActivation.id).where(*in_use, licenses.is_machine(row.id, machine))).first():
        return False
    if session.exec(select(func.count()).select_from(LicenseActivation).where(*in_use)).one() >= row.machines:
        raise _Unfit(f"is one machine more than the {row.machines} that the key allows")
    since = _moment(line.get("created_at", "")) or now
    session.add(
        LicenseActivation(
            id=new_id("act"), license_key_id=row.id, fingerprint=machine, label=line.get("label", ""), created_at=since,
            last_seen_at=since,
        )
    )  # fmt: skip
    session.flush()
    return True


def _count(text: str) -> int | None:
    if text and not (re.fullmatch("[0-9]{1,6}", text) and 0 < int(text) <= 100_000):
        raise _Unfit(f"allows {text!r} machines, which is no number of them")
    return int(text) if text else None


def _moment(text: str) -> datetime | None:
    try:
        found = wall_times.reckoned(datetime.fromisoformat(text)) if text else None
    except ValueError:
        raise _Unfit(f"says {text!r}, which is no date such as 2027-01-31") from None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _holder(text: str) -> str:
    try:
        return fold(addresses.checked(text, reachable=False)) if text else ""
    except AddressUnfit:
        raise _Unfit("has an address that no mail can reach") from None

"""`pushcart customer`: what somebody has, the change of their address on an owner's word, and what is held about them."""

from pathlib import Path
from typing import Any

from core.command_line.answers import count, fail, tell
from core.command_line.export import write
from core.command_line.words.refund import unconfirmed
from core.foundation.money import Money
from core.owner import reports
from core.people import address_changes, customers
from core.people.customers import How
from core.privacy import erasure
from core.privacy import export as privacy_export
from core.privacy.erasure import Erased
from core.shop import Shop

_ACTOR = "pushcart customer"


def look(shop: Shop, email: str) -> dict[str, Any]:
    """What the customer with this address has, as `--json` prints it. Raises CustomerNotFound."""
    with shop.reading() as session:
        return reports.customer_detail(session, email)


def change(shop: Shop, email: str, new: str, *, order: str, keep: bool, join: bool) -> str:
    """Change the address of a customer, or of one order of theirs; return the address to look at afterwards.

    Raises CustomerNotFound, OrderNotFound, or AddressTaken.
    """
    with shop.transaction() as session:
        now = shop.now()
        if not order:
            address_changes.change(session, email, new, how=How.OWNER, keep=keep, join=join, actor=_ACTOR, now=now)
            return new
        found = reports.order_detail(session, order)
        owner = customers.whose(session, email)
        address_changes.change_of_order(session, found["id"], new, owner=owner, how=How.OWNER, actor=_ACTOR, now=now)
    return new


def export(shop: Shop, email: str, out: Path) -> Path:
    """Write all that is held about them to a file, and return which. Raises CustomerNotFound."""
    write(out, privacy_export.from_terminal(shop, email))
    return out


def erase(shop: Shop, email: str, *, yes: bool, as_json: bool) -> dict[str, int]:
    """Erase them, once whoever sits there agrees; return what went. Raises CustomerNotFound, NotErasable."""
    foreseen = erasure.preview_of_address(shop, email)
    if not foreseen.holds:
        if not as_json:
            tell(_foreseen(foreseen.takes))
        if why_not := unconfirmed("Erase them for good?", "Nothing was erased", yes=yes, as_json=as_json):
            fail(why_not)
    return vars(erasure.from_terminal(shop, email))


def _foreseen(takes: Erased) -> str:
    kept = (
        count(takes.addresses, "address", "addresses"),
        count(takes.sign_ins, "sign-in"),
        count(takes.notes, "note"),
    )
    taken = count(takes.downloads, "file was", "files were")
    return (
        f"  goes     {', '.join(kept)}, from where {taken} taken, and who they are in {count(takes.events, 'event')}\n"
        f"  stays    {count(takes.orders, 'order')}: numbers, amounts, taxes and countries, as the books need them"
    )


def text(found: dict[str, Any]) -> str:
    """The same for people."""
    addresses = [f"  {each['address']} (by {each['how']}, {each['verified_at'][:10]})" for each in found["addresses"]]
    orders = [line for each in found["orders"] for line in _order(each)]
    others = [f"  {each['number']}: {_total(each)}, somebody else's order" for each in found["also_paid"]]
    blocks = {"Addresses": addresses, "Orders": orders, "Paid for orders that are not theirs": others}
    lines = [f"Customer {found['id']}" if found["id"] else "No customer of their own."]
    return "\n".join(lines + [line for title, block in blocks.items() if block for line in (f"{title}:", *block)])


def _order(order: dict[str, Any]) -> list[str]:
    grants = [
        f"    {each['product']} ({each['kind']}) x {each['quantity']}: {each['state']}" for each in order["grants"]
    ]
    return [f"  {order['number']} {order['status'].replace('_', ' ')}, {_total(order)}, to {order['email']}", *grants]


def _total(paid: dict[str, Any]) -> str:
    return Money(paid["amount_total"] or 0, paid["currency"]).format()

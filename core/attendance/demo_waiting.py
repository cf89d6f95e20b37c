"""The demo's waiting people: made up, but put on the lists of its full dates as anybody is, so that their letters are real."""

from sqlmodel import col, select

from core.catalog import products
from core.catalog.products import Product
from core.foundation.database import repeatable
from core.kinds.places import waiting_list
from core.kinds.places.waiting_list import WaitingEntry
from core.kinds.workshops import WorkshopDate
from core.shop import Shop

# Nobody's: no mail server delivers to such an address, but for the sandbox's mailbox.
_PEOPLE = ("maja@studio-hav.example", "theo@northwind-type.example", "ines@atelier-sol.example", "jonas@kiln.example")


@repeatable
def let_wait(shop: Shop) -> int:
    """Have some people wait for the demo's dates that are full, unless somebody was ever on a list; how many entries that made.

    Nothing in a shop that is not a demo.
    """
    if not shop.settings.demo:
        return 0
    with shop.transaction() as session:
        products.lock_shelves(session)
        if session.exec(select(WaitingEntry.id).limit(1)).first() is not None:
            return 0
        full = (
            select(WorkshopDate.id)
            .join(Product, col(Product.id) == WorkshopDate.product_id)
            .where(
                col(WorkshopDate.taken) == col(WorkshopDate.capacity), col(WorkshopDate.active),
                col(WorkshopDate.starts_at) > shop.now(), col(Product.active), col(Product.from_demo),
            )
            .order_by(WorkshopDate.id)
        )  # fmt: skip
        entries = [
            waiting_list.join(session, date_id, address, places=1 + place % 2, now=shop.now())
            for date_id in session.exec(full).all()
            for place, address in enumerate(_PEOPLE)
        ]
        return len(entries)

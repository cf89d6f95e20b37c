"""New versions: what the letter says of a file that has become newer since its reader bought it, as things stand then."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from core.catalog.products import Product
from core.kinds import licenses
from core.kinds.downloads import Download, DownloadFile
from core.kinds.file_versions import FileVersion
from core.kinds.grants import Grant
from core.orders.orders import Order
from core.orders.status import GrantState
from core.people.receipts import order_links
from core.shop import Shop


@dataclass(frozen=True)
class VersionLetter:
    """What the letter about a new version needs. `version` and `notes` are the seller's words, and may be empty."""

    email: str
    product: str
    file: str
    version: str
    notes: str
    library_url: str
    order_url: str = ""


def about(shop: Shop, order_id: str, version_id: str) -> VersionLetter | None:
    """What to write to the buyer of this order, or None if they may not have it any more, have taken it meanwhile, or if there
    is a newer one by now, or none."""
    with shop.reading() as session:
        order, version = session.get_one(Order, order_id), session.get_one(FileVersion, version_id)
        file = session.get_one(DownloadFile, version.file_id)
        if not file.active or file.number != version.number or not _lacks(session, order, file):
            return None
        product = session.get_one(Product, file.product_id)
        return VersionLetter(
            order.email, product.name, file.label or file.name, file.version, file.notes,
            order_links.library_link(shop, order.id, order.email), order_links.link(shop, order.id, order.email),
        )  # fmt: skip


def _lacks(session: Session, order: Order, file: DownloadFile) -> bool:
    """Whether the order's customer may have the file by any order of theirs, and has not taken its present version."""
    theirs = select(Grant).join(Order, col(Order.id) == Grant.order_id)
    theirs = theirs.where(
        Order.customer_id == order.customer_id, Order.livemode == order.livemode, ~col(Order.from_season),
        Grant.product_id == file.product_id,
    )  # fmt: skip
    grants = session.exec(theirs).all()
    taken = select(Download.id).where(
        col(Download.grant_id).in_([grant.id for grant in grants]), Download.file_id == file.id,
        Download.number == file.number,
    )  # fmt: skip
    open_ones = {grant.id for grant in grants if grant.state is GrantState.ACTIVE}
    covered = open_ones - licenses.uncovered(session, open_ones, released_at=file.released_at)
    return bool(covered) and session.exec(taken).first() is None

"""Top products: what was sold of each, as far as it is known which payment was for which."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from core.catalog.products import Product
from core.owner.figures import counting, sums
from core.owner.figures.days import Days
from core.owner.figures.sums import Asked


@dataclass(frozen=True)
class ProductSales:
    """What was sold of a product, in minor units and without tax. Without a `product_id`: what was for none of them."""

    product_id: str
    name: str
    currency: str
    quantity: int
    gross: int
    discounts: int

    @property
    def sold(self) -> int:
        """Gross sales less discounts."""
        return self.gross - self.discounts


def top(session: Session, days: Days, asked: Asked, *, limit: int = 10) -> list[ProductSales]:
    """The products of which most was sold on these days, in each currency at most so many; the best first."""
    found = [
        ProductSales(product_id, "", currency, measures["quantity"], measures["gross"], measures["discounts"])
        for (currency, product_id), measures in sums.of_all(session, counting.PRODUCTS, days, asked).items()
    ]
    found.sort(key=lambda each: (each.currency, -each.sold, each.product_id))
    best = [each for place, each in enumerate(found) if _rank(found, place) < limit]
    wanted = {each.product_id for each in best}
    names = dict(session.exec(select(Product.id, Product.name).where(col(Product.id).in_(wanted))).all())
    return [ProductSales(**{**vars(each), "name": names.get(each.product_id, "")}) for each in best]


def _rank(found: list[ProductSales], place: int) -> int:
    """Which of its currency's one is, from 0."""
    return place - next(first for first, each in enumerate(found) if each.currency == found[place].currency)

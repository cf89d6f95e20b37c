"""Top products: what was sold of each, as far as it is known which payment was for which."""

from dataclasses import dataclass, replace
from datetime import date

from sqlmodel import Session, col, select

from core.catalog.products import Product
from core.owner.figures import counting, sums
from core.owner.figures.days import Days, Step, step_of
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

    def with_more(self, quantity: int, gross: int, discounts: int) -> "ProductSales":
        """The same and this together."""
        return replace(
            self, quantity=self.quantity + quantity, gross=self.gross + gross, discounts=self.discounts + discounts
        )


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


def series(
    session: Session, days: Days, asked: Asked, step: Step, product_id: str
) -> dict[str, list[tuple[date, ProductSales]]]:
    """The points of a chart of one product in each currency in which it was sold: each day, week or month by its first day."""
    found: dict[str, dict[date, ProductSales]] = {}
    for day, each in sorted(sums.of_days(session, counting.PRODUCTS, days, asked).items()):
        for (currency, product), measures in each.items():
            if product == product_id:
                points = found.setdefault(currency, _no_sales(days, step, product_id, currency))
                point = step_of(day, step)
                points[point] = points[point].with_more(**measures)
    return {currency: list(found[currency].items()) for currency in sorted(found)}


def _no_sales(days: Days, step: Step, product_id: str, currency: str) -> dict[date, ProductSales]:
    return {step_of(day, step): ProductSales(product_id, "", currency, 0, 0, 0) for day in days.each()}


def _rank(found: list[ProductSales], place: int) -> int:
    """Which of its currency's one is, from 0."""
    return place - next(first for first, each in enumerate(found) if each.currency == found[place].currency)

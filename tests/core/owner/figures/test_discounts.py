"""Gross sales and discounts are without tax, whether prices include it or not, whatever a code takes off."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest
from sqlmodel import Session

from core.orders.orders import Order, OrderLine
from core.orders.payment_lines import PaymentLine
from core.orders.payments import Payment
from core.owner.figures import counting, sales, sums
from core.owner.figures.days import Days
from core.owner.figures.facts import LISTED_LINES, PAYMENTS
from core.shop import Shop

AT = datetime(2026, 11, 3, 12, tzinfo=UTC)


def half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))


class Line:
    """A line as Stripe has it: at a rate in per cent, that its price includes or that comes on top."""

    def __init__(self, price: int, rate: int, *, quantity: int = 1, off: int = 0, included: bool = True) -> None:
        self.quantity, self.rate, self.included, self.off = quantity, rate, included, min(off, price * quantity)
        self.subtotal = price * quantity
        left = self.subtotal - self.off
        self.tax = half_up(Fraction(left * rate, 100 + rate if included else 100))
        self.amount = left + (0 if included else self.tax)

    @property
    def share(self) -> Fraction:
        """What of its price is no tax."""
        return Fraction(100, 100 + self.rate) if self.included else Fraction(1)


def write(session: Session, name: str, lines: list[Line], *, listed: bool = True, at: datetime = AT) -> None:
    """A payment of these lines."""
    session.add(
        Order(
            id=f"ord_{name}", number=name, cart_id=name, status="fulfilled", currency="eur", amount_expected=0, livemode=False,
            created_at=at, updated_at=at,
        )
    )  # fmt: skip
    session.flush()
    tax_included = sum(line.tax for line in lines if line.included)
    session.add(
        Payment(
            id=name, order_id=f"ord_{name}", billing_reason="checkout", currency="eur", paid_at=at, lines_known=True,
            amount=sum(line.amount for line in lines), amount_subtotal=sum(line.subtotal for line in lines),
            amount_discount=sum(line.off for line in lines), amount_tax=sum(line.tax for line in lines),
            tax_included=tax_included,
        )
    )  # fmt: skip
    session.flush()
    for place, line in enumerate(lines if listed else ()):
        bought = OrderLine(
            id=f"ol_{name}_{place}", order_id=f"ord_{name}", position=place, product_id="guide", price_id="guide-eur",
            kind="download", name="Guide", quantity=line.quantity, unit_amount=0, currency="eur",
        )  # fmt: skip
        session.add(bought)
        session.flush()
        session.add(
            PaymentLine(
                payment_id=name, position=place, order_line_id=bought.id, quantity=line.quantity,
                amount_subtotal=line.subtotal, amount_discount=line.off, amount_tax=line.tax, amount=line.amount,
            )
        )  # fmt: skip


def measured(session: Session) -> dict[str, dict[str, int]]:
    query = PAYMENTS.rows(PAYMENTS.id.label("id"), *(value.label(name) for name, value in PAYMENTS.measures.items()))
    return {row.id: dict(row._mapping) for row in session.execute(query)}


@pytest.mark.parametrize("listed", [True, False])
def test_a_tenth_off_a_hundred_at_nineteen_per_cent_is_ten(shop: Shop, *, listed: bool) -> None:
    with shop.transaction() as session:
        write(session, "included", [Line(11900, 19, off=1190)], listed=listed)
        write(session, "on_top", [Line(10000, 19, off=1000, included=False)], listed=listed)
        found = measured(session)
    for name in ("included", "on_top"):
        assert (found[name]["gross"], found[name]["discounts"], found[name]["tax"]) == (10000, 1000, 1710)


@pytest.mark.parametrize("seed", range(2))
def test_gross_less_discounts_with_tax_is_what_was_charged_to_the_cent(shop: Shop, seed: int) -> None:
    chance = Random(seed)
    made = {f"pi_{number}": [a_line(chance) for _ in range(chance.randint(1, 3))] for number in range(60)}
    # In a currency whose amounts are long: multiplied, they are more than 64 bits hold.
    made["pi_long"] = [Line(900_000_000_000, 11, off=123_456_789_012)]
    with shop.transaction() as session:
        for number, (name, lines) in enumerate(made.items()):
            write(session, name, lines, at=AT + timedelta(minutes=number))
        session.flush()
        found = measured(session)
        days = Days(AT.date(), AT.date(), shop.settings.zone)
        products = counting.counted(session, LISTED_LINES, [days.start], days.end, livemode=False)
        whole = sales.of_days(session, days, sums.ask(session, days.zone, livemode=False))["eur"]
    for name, lines in made.items():
        got = found[name]
        assert got["gross"] - got["discounts"] + got["tax"] - got["credit"] == sum(line.amount for line in lines)
        assert got["credit"] == 0
        if all(line.off < line.subtotal for line in lines):
            # Each line's tax is rounded to the cent, and with it what is in a discount.
            near = sum(1 + Fraction(line.off, line.subtotal - line.off) for line in lines)
            assert abs(got["gross"] - sum(line.subtotal * line.share for line in lines)) <= near
            assert abs(got["discounts"] - sum(line.off * line.share for line in lines)) <= near
        if not any(line.included for line in lines):
            assert got["gross"] == sum(line.subtotal for line in lines)
            assert got["discounts"] == sum(line.off for line in lines)
    assert (whole.gross, whole.discounts) == (
        sum(row.gross for row in products),
        sum(row.discounts for row in products),
    )
    assert whole.net == sum(sum(line.amount - line.tax for line in lines) for lines in made.values())


def a_line(chance: Random) -> Line:
    price, quantity = chance.choice((1, 99, 1900, 2900, 11900, 123_456)), chance.randint(1, 4)
    percent = chance.choice((0, 10, 33, 50, 99, 100))
    off = chance.choice((price * quantity * percent // 100, chance.randint(0, 2000)))
    return Line(
        price, chance.choice((0, 5, 7, 19, 25)), quantity=quantity, off=off, included=chance.choice((True, False))
    )


def test_what_a_credit_takes_back_has_its_discount_without_tax_as_well(shop: Shop) -> None:
    with shop.transaction() as session:
        write(session, "pi_1", [])
        session.add(
            PaymentLine(
                payment_id="pi_1", position=0, quantity=1, amount_subtotal=-11900, amount_discount=-1190, amount_tax=-1710,
                amount=-10710,
            )
        )  # fmt: skip
        session.get_one(Payment, "pi_1").sqlmodel_update(
            {
                "amount_subtotal": -11900, "amount_discount": -1190, "amount_tax": -1710, "tax_included": -1710,
                "amount": -10710,
            }
        )  # fmt: skip
        session.flush()
        (found,) = measured(session).values()
    assert (found["gross"], found["discounts"]) == (-10000, -1000)

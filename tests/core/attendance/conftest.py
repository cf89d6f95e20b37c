"""Workshops with people in them: places that were bought, and what is sent about them."""

import pytest
from sqlmodel import select

from core.catalog.products import Product
from core.correspondence import drafts
from core.journeys import refund
from core.kinds.places import attendees
from core.kinds.places.attendees import Attendee
from core.messages.wording import Message
from core.orders.refunds import Refund
from core.shop import Shop
from tests import builders
from tests.builders import bought, deliver
from tests.fakes import FakeStripe

NORA = "nora@lindqvist.example"
MEETING = "https://meet.example/room"


class Clinic:
    """The clinic, which takes place on two dates and may be given up two days before."""

    def __init__(self, shop: Shop, stripe: FakeStripe) -> None:
        self.shop, self.stripe = shop, stripe
        builders.add_date(shop, "clinic/2", in_days=24)
        builders.change_date(shop, "clinic/1", join_url=MEETING)
        self.agree(cancel_until=48)

    def agree(self, **terms: object) -> None:
        """Let the product have these terms."""
        with self.shop.transaction() as session:
            session.get_one(Product, "clinic").terms = terms

    def sell(self, places: int = 1, *, cart: str = "cart_1") -> str:
        """An order of so many places, paid; its id."""
        return bought(self.shop, self.stripe, ("clinic-eur", places), cart=cart)

    def tickets(self, order_id: str) -> list[str]:
        """The tokens of an order's places."""
        with self.shop.reading() as session:
            query = select(Attendee).where(Attendee.order_id == order_id).order_by(Attendee.place)
            return [attendees.token(row, signing_key=self.shop.signing_key) for row in session.exec(query)]

    def rows(self, order_id: str = "") -> list[Attendee]:
        """The places of an order, or all of them."""
        found = [row for row in builders.rows(self.shop, Attendee) if order_id in ("", row.order_id)]
        return sorted(found, key=lambda row: (row.order_id, row.place))

    def refund(self, order_id: str) -> None:
        """All the money of an order goes back."""
        refund.request(self.shop, order_id, actor="owner", key=order_id)
        self.confirm_refunds()

    def confirm_refunds(self) -> None:
        """Stripe says that it made what it was asked for."""
        for row in builders.rows(self.shop, Refund):
            if row.stripe_refund_id:
                deliver(self.shop, self.stripe.tell("refund.updated", self.stripe.refunds[row.stripe_refund_id]))

    def letters(self, beginning: str) -> dict[str, Message | None]:
        """The letters of a kind that are owed, as they read now."""
        found = [job for job in builders.jobs(self.shop) if job.startswith(beginning)]
        drawn = {job: drafts.of_id(job) for job in found}
        return {job: drafts.write(self.shop, draft) for job, draft in drawn.items() if draft}


@pytest.fixture
def clinic(shop: Shop, stripe: FakeStripe) -> Clinic:
    return Clinic(shop, stripe)

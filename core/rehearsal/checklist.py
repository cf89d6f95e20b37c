"""The checklist: what is done in a rehearsal, part after part, and what must be seen of each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from core.catalog.products import Kind
from core.events import inbox
from core.events.inbox import StripeEvent
from core.foundation import masking
from core.foundation.errors import RealMoney, ShopError
from core.foundation.jobs.kinds import Job
from core.foundation.records import new_id
from core.journeys import checkout, refund, success_page
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds import offers
from core.kinds.offers import Availability, Offer
from core.orders import checkouts
from core.orders.orders import Order
from core.orders.status import Status
from core.owner.doctor import examination, ping
from core.rehearsal import seeing
from core.rehearsal.paying import Pay
from core.rehearsal.points import Record
from core.rehearsal.seeing import Patience
from core.shop import Shop

About = TypeVar("About")
Found = TypeVar("Found")

_ACTOR = "rehearsal"
_PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_REFUNDED = ("refund.created", "refund.updated", "charge.refunded")
_ANSWER_SECONDS = 20
_A_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True)
class _Bought:
    """What was bought in a rehearsal."""

    offer: Offer
    order_id: str
    session_id: str


class Rehearsal:
    """One rehearsal of a shop. Raises RealMoney at once where the key moves any."""

    def __init__(self, shop: Shop, record: Record, pay: Pay, *, by_hand: bool, patience: Patience) -> None:
        if shop.settings.livemode:
            raise RealMoney
        self._shop, self._record, self._pay, self._patience = shop, record, pay, patience
        self._for_payment = patience.person if by_hand else patience.machines

    def run(self) -> Record:
        """Go through all of it. Whatever fails, the rest is looked at all the same."""
        with self._shop.reading() as session:
            shelf = offers.shelf(session, now=self._shop.now())
        on_sale = [offer for offer in shelf if offer.availability is Availability.ON_SALE]
        chosen = {kind: next((offer for offer in on_sale if offer.kind is kind), None) for kind in Kind}
        bought = [found for offer in chosen.values() if offer and (found := self._part(offer.name, self._buy, offer))]
        first = next((offer for offer in on_sale), None)
        if first is None:
            self._record.note("The shelves", "Something is on sale", False, "nothing is")
            return self._record
        self._part("A page that is left", self._leave, first)
        for each in bought:
            if each.offer.kind is Kind.PLAN:
                self._part(f"The end of {each.offer.name}", self._end_plan, each)
            else:
                self._part(f"A refund of {each.offer.name}", self._pay_back, each)
        return self._record

    def _part(self, name: str, act: Callable[[str, About], Found], about: About) -> Found | None:
        try:
            return act(name, about)
        except (ShopError, OSError) as error:
            self._record.note(name, "It goes through", False, masking.described(error))
            return None

    def _buy(self, part: str, offer: Offer) -> _Bought | None:
        link = self._opened(offer)
        bought = _Bought(offer, link.order_id, self._session_of(link))
        self._record.note(part, "The payment page opens", bool(link.url), f"{bought.session_id} for {link.order_id}")
        self._pay(link, bought.session_id)
        arrived = seeing.until(
            partial(seeing.event, self._shop, link.order_id, *_PAID), self._patience, seconds=self._for_payment
        )
        by = seeing.actor_of(self._shop, link.order_id, "paid")
        told = arrived is not None and self._was_delivered(arrived, by)
        said = f"{arrived.id}, taken by {by or 'nobody'}" if arrived else "no event of its payment came"
        self._record.note(part, "Stripe's event arrives at the webhook", told, said)
        self._see_order(part, bought)
        self._see_success_page(part, bought)
        if arrived:
            self._send_again(part, bought, arrived.id)
        self._see_letter(part, bought.order_id, Job.RECEIPT, "The receipt is sent")
        return bought

    def _was_delivered(self, event: StripeEvent, by: str) -> bool:
        """Whether the webhook took it. Where the buyer's return was faster, only Stripe can tell whether an endpoint did."""
        if by != "return page":
            return by.startswith("webhook")
        since = event.created - _A_MOMENT
        listed = partial(self._shop.stripe.undelivered_events, since=since, types=_PAID)
        return seeing.until(lambda: event.id not in {each["id"] for each in listed()}, self._patience)

    def _opened(self, offer: Offer) -> PaymentLink:
        item = Item(offer.prices[0].id, 1)
        return checkout.start(self._shop, Basket(new_id("rehearsal"), (item,), again=True))

    def _session_of(self, link: PaymentLink) -> str:
        with self._shop.reading() as session:
            return str(checkouts.of_order(session, link.order_id)[-1].stripe_checkout_session_id)

    def _see_order(self, part: str, bought: _Bought) -> None:
        order = seeing.until(partial(self._with_status, bought.order_id, Status.FULFILLED), self._patience)
        row = order or seeing.order(self._shop, bought.order_id)
        ids = [row.stripe_checkout_session_id, row.stripe_payment_intent_id or row.stripe_subscription_id]
        seen = (
            f"{row.number} is {row.status}, {', '.join(str(each) for each in ids)}, {row.amount_total} {row.currency}"
        )
        free = row.amount_total == 0
        self._record.note(part, "Order and Stripe's ids are in the database", bool(order and (all(ids) or free)), seen)

    def _with_status(self, order_id: str, wanted: Status) -> Order | None:
        found = seeing.order(self._shop, order_id)
        return found if found.status is wanted else None

    def _see_success_page(self, part: str, bought: _Bought) -> None:
        before = seeing.entries(self._shop, bought.order_id)
        url = f"{self._shop.settings.public_url}/thanks?session_id={bought.session_id}"
        answers = [_fetched(url) for _ in range(2)]
        named = {success_page.confirm(self._shop, bought.session_id) for _ in range(2)}
        same = seeing.entries(self._shop, bought.order_id) == before
        passed = answers == ["200", "200"] and named == {bought.order_id} and same
        seen = f"answered {' and '.join(answers)}; {'nothing changed' if same else 'the order changed'}"
        self._record.note(part, "The success page can be reloaded", passed, seen)

    def _send_again(self, part: str, bought: _Bought, event_id: str) -> None:
        before = seeing.entries(self._shop, bought.order_id)
        raw = inbox.payload_of(self._shop, event_id).encode()
        answers = {url: ping.post(self._shop, url, raw) or "taken" for url in examination.addresses(self._shop)}
        same = seeing.entries(self._shop, bought.order_id) == before
        passed = set(answers.values()) == {"taken"} and same
        seen = "; ".join(f"{url} {answer}" for url, answer in answers.items())
        what = "The same event once more changes nothing"
        self._record.note(part, what, passed, f"{seen}; {'nothing changed' if same else 'the order changed'}")

    def _leave(self, part: str, offer: Offer) -> None:
        link = self._opened(offer)
        self._shop.stripe.expire_checkout(self._session_of(link))
        arrived = seeing.until(
            partial(seeing.event, self._shop, link.order_id, "checkout.session.expired"), self._patience
        )
        seen = arrived.id if arrived else "no event of it came"
        self._record.note(part, "A Session that expires is told of", arrived is not None, seen)
        order = seeing.until(partial(self._with_status, link.order_id, Status.CANCELED), self._patience)
        row = order or seeing.order(self._shop, link.order_id)
        self._record.note(part, "Its order is over", order is not None, f"{row.number} is {row.status}")

    def _pay_back(self, part: str, bought: _Bought) -> None:
        done = refund.request(self._shop, bought.order_id, actor=_ACTOR, key=new_id(_ACTOR))
        arrived = seeing.until(partial(seeing.event, self._shop, bought.order_id, *_REFUNDED), self._patience)
        self._record.note(
            part, "Stripe takes the refund and tells of it", arrived is not None,
            f"{done.id}, {arrived.id if arrived else 'no event of it came'}",
        )  # fmt: skip
        order = seeing.until(partial(self._with_status, bought.order_id, Status.REFUNDED), self._patience)
        row = order or seeing.order(self._shop, bought.order_id)
        self._record.note(
            part, "The order is refunded", order is not None, f"{row.amount_refunded} of {row.amount_total} {row.currency} back"
        )  # fmt: skip
        self._see_letter(part, bought.order_id, Job.REFUNDED, "Its buyer is told")

    def _end_plan(self, part: str, bought: _Bought) -> None:
        name = seeing.order(self._shop, bought.order_id).stripe_subscription_id or ""
        self._shop.stripe.cancel_subscription(name)
        ended = "customer.subscription.deleted"
        arrived = seeing.until(partial(seeing.event, self._shop, bought.order_id, ended), self._patience)
        seen = f"{name}, {arrived.id if arrived else 'no event of it came'}"
        self._record.note(part, "A cancelled subscription is told of", arrived is not None, seen)
        order = seeing.until(partial(self._with_status, bought.order_id, Status.CANCELED), self._patience)
        row = order or seeing.order(self._shop, bought.order_id)
        self._record.note(part, "The plan is over", order is not None, f"{row.number} is {row.status}")
        self._see_letter(part, bought.order_id, Job.PLAN_ENDED, "Its buyer is told")

    def _see_letter(self, part: str, order_id: str, kind: Job, what: str) -> None:
        sent = seeing.until(partial(seeing.sent_letters, self._shop, order_id, kind), self._patience)
        seen = f"{sent[0].id} at {sent[0].sent_at:%H:%M:%S}" if sent else "no mail server took one"
        self._record.note(part, what, bool(sent), seen)


def _fetched(url: str) -> str:
    """The status by which an address answers, or why it does not."""
    try:
        with urlopen(url, timeout=_ANSWER_SECONDS) as answer:
            answer.read()
            return str(answer.status)
    except HTTPError as error:
        with error:
            return str(error.code)
    except (URLError, TimeoutError, OSError) as error:
        return f"nothing ({getattr(error, 'reason', error)})"

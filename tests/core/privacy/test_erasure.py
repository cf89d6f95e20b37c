"""Erasure: nothing of somebody is left in any table, the books say the same as before, and no late event brings them back."""

from base64 import urlsafe_b64decode
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlmodel import update

from core.events import inbox
from core.events.inbox import StripeEvent
from core.foundation.addresses import fold
from core.foundation.errors import CustomerNotFound, DoneAlready, Hold, NotErasable, NotPermitted
from core.integrations import versions
from core.invoicing.billing_details import BillingDetails
from core.invoicing.invoices import Invoice
from core.journeys import checkout, given_orders, refund, revocation
from core.journeys.billing import plans
from core.kinds import downloads
from core.kinds.downloads import Download
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseActivation, LicenseKey
from core.kinds.seats import Seat
from core.licensing import calls, imports
from core.licensing.calls import Call, Question
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.subscriptions import Subscription
from core.outgoing import attempts
from core.outgoing.messages import WebhookDelivery
from core.outgoing.posting import Answer
from core.owner import notes
from core.owner.accounting import journal
from core.owner.figures.days import Days
from core.owner.needs import set_aside
from core.owner.needs.items import Item
from core.people import address_changes, codes, customer_notes, customers, sign_in
from core.people.audit import AuditEntry
from core.people.customers import Customer, How
from core.people.past import PastCustomer, PastOrder
from core.people.receipts.receipt_copies import ReceiptCopy
from core.people.staff import Role
from core.privacy import erasure, export
from core.privacy.erasure import Erased
from core.shop import Shop
from tests import builders
from tests.builders import deliver, opened
from tests.colleagues import deed, signed_in, works_as
from tests.conftest import Clock
from tests.core.outgoing.receiver import listens
from tests.core.privacy import traces
from tests.fakes import FakeStripe, signed

NORA, OLE = "Nora@Lindqvist.example", "ole@berg.example"
# Whatever tells who she is: her mailbox, her name, and where she lives.
HER = ("nora", "lindqvist", "10.1.2.3", "Storgatan")


def sells(shop: Shop, stripe: FakeStripe, *items: str, email: str = NORA, cart: str = "cart_1") -> str:
    order_id, session_id = opened(shop, *items or ("guide-eur", "kit-eur"), cart=cart, browser=f"br_{cart}")
    stripe.pay(session_id, email=email, address={"line1": "Storgatan 1"})
    deliver(shop, stripe.event("completed", session_id))
    return order_id


def customer_of(shop: Shop, order_id: str) -> str:
    return builders.order(shop, order_id).customer_id or ""


def leaves_traces(shop: Shop, stripe: FakeStripe, order_id: str, *, by: str) -> None:
    """Everything by which the shop may come to know somebody."""
    owner, customer_id = works_as(shop, Role.OWNER), customer_of(shop, order_id)
    customer_notes.write(shop, customer_id, "Nora called.", deed=deed(owner))
    notes.write(shop, order_id, "Lindqvist & Co.", deed=deed(owner))
    with shop.transaction() as session:
        for grant in session.exec(builders.select(Grant).where(Grant.order_id == order_id)):
            file = session.exec(
                builders.select(downloads.DownloadFile).where(downloads.DownloadFile.product_id == grant.product_id)
            ).one()
            session.add(Download(id=f"dl_{grant.id}", grant_id=grant.id, file_id=file.id, ip=by, created_at=shop.now()))
            session.add(
                Seat(id=f"seat_{grant.id}", grant_id=grant.id, email=NORA, since=shop.now(), created_at=shop.now())
            )
            for key in session.exec(builders.select(LicenseKey).where(LicenseKey.grant_id == grant.id)):
                for fingerprint in ("f1", "Nora's laptop"):
                    session.add(
                        LicenseActivation(
                            id=f"act_{key.id}_{fingerprint[0]}", license_key_id=key.id, fingerprint=fingerprint,
                            label="Nora's laptop", meta={"user": "nora"}, created_at=shop.now(), last_seen_at=shop.now(),
                        )
                    )  # fmt: skip
        session.exec(update(LicenseKey).values(holder=fold(NORA)))
        now = shop.now()
        order = session.get_one(Order, order_id)
        order.seller_reference = "nora-77"
        order.attention = f"{customers.UNREFERRED}: nora-77"
        session.add(
            BillingDetails(
                order_id=order_id, name="Lindqvist AB", line1="Storgatan 1", country="SE", revision=1, written_at=now
            )
        )  # fmt: skip
        payment = session.exec(builders.select(Payment).where(Payment.order_id == order_id)).one()
        session.add(
            Invoice(
                id="in_1", order_id=order_id, payment_id=payment.id, number="PLAIN-0001", issued_at=now,
                hosted_url="https://invoice.stripe.com/i/nora", pdf_url="https://invoice.stripe.com/i/nora/pdf",
            )
        )  # fmt: skip
        session.add(ReceiptCopy(id="copy_1", order_id=order_id, address="nora@work.example", created_at=now))
        session.add(
            PastCustomer(
                folded=fold(NORA),
                customer_id=customer_id,
                name="Nora",
                note="Lindqvist",
                source="here",
                imported_at=now,
            )
        )
        session.add(
            PastOrder(
                id="past_1", customer_id=customer_id, source="here", number="1", placed_at=now, name="Nora", email=NORA,
                product="A book", amount=900, currency="eur", imported_at=now,
            )
        )  # fmt: skip
        codes.owe(session, NORA, now=shop.now())
        codes.owe(session, OLE, about=NORA, now=shop.now())
    signed_in(shop, NORA)
    for kind, said in told(stripe).items():
        deliver(shop, stripe.tell(kind, said))


def told(stripe: FakeStripe) -> dict[str, dict[str, Any]]:
    """What Stripe says of her beside the Session."""
    her = {"name": "Nora Lindqvist", "email": NORA, "address": {"line1": "Storgatan 1", "country": "SE"}}
    payment_intent = next(reversed(stripe.payment_intents.values()))
    charge = stripe.charge_of(payment_intent["id"])
    return {
        "charge.succeeded": {**charge, "billing_details": her, "receipt_email": NORA, "shipping": her},
        "payment_intent.succeeded": {**payment_intent, "receipt_email": NORA},
        "customer.created": {"id": "cus_1", "object": "customer", "description": "Nora", **her},
        "payment_method.attached": {"id": "pm_1", "object": "payment_method", "billing_details": her},
    }


def test_nothing_of_them_is_left_and_the_books_are_as_they_were(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = sells(shop, stripe)
    leaves_traces(shop, stripe, order_id, by="10.1.2.3")
    refund.request(shop, order_id, actor="owner", key="half", amount=1000)
    assert len({each.partition(":")[0] for each in traces.of(shop, *HER)}) > 10
    before, booked = builders.detail(shop, order_id), books(shop, clock)
    owner = works_as(shop, Role.OWNER)
    customer_id = customer_of(shop, order_id)
    foreseen = erasure.preview(shop, customer_id)
    done = erasure.by_staff(shop, customer_id, deed=deed(owner))
    assert traces.of(shop, *HER) == []
    assert foreseen.takes == done
    assert done == Erased(orders=1, addresses=1, sign_ins=1, downloads=2, notes=2, events=done.events)
    after = builders.detail(shop, order_id)
    assert [entry["event"] for entry in after["log"] if entry not in before["log"]] == ["erased"]
    assert after == {**before, "email": "", "name": "", "log": after["log"]}
    assert builders.order(shop, order_id).attention == ""
    assert books(shop, clock) == booked
    assert (after["country"], after["amount_total"], after["number"]) == ("DE", 10800, before["number"])
    # A key that was bought goes on working.
    assert builders.rows(shop, LicenseKey)
    [entry] = [each for each in builders.rows(shop, AuditEntry) if each.action == "erase"]
    assert (entry.subject, entry.detail) == (customer_id, "")


def test_what_staff_wrote_about_them_goes_wherever_it_stands_and_that_it_was_done_stays(
    shop: Shop, stripe: FakeStripe
) -> None:
    owner, order_id = works_as(shop, Role.OWNER), sells(shop, stripe)
    other = sells(shop, stripe, email=OLE, cart="cart_2")
    for each, name in ((order_id, "Lindqvist"), (other, "Berg")):
        revocation.revoke(shop, each, reason=f"{name} asked", actor="owner", deed=deed(owner))
        item = Item("blocked", builders.order(shop, each).number, each, shop.now(), None, "", "")
        set_aside.put(shop, item, until=None, note=f"{name}: knows", deed=deed(owner))
        revocation.restore(shop, each, reason=f"{name} asked again", actor="owner", deed=deed(owner))
    gift = given_orders.Gift(NORA, (checkout.Item("guide-eur", 1),), "For Nora's talk")
    given_orders.give(shop, gift, deed=deed(owner))
    before, of_ole = len(builders.rows(shop, AuditEntry)), traces.of(shop, "Berg")
    erasure.from_terminal(shop, NORA)
    assert traces.of(shop, "Lindqvist asked", "Lindqvist: knows", "Nora's talk") == []
    assert traces.of(shop, "Berg") == of_ole
    assert len(builders.rows(shop, AuditEntry)) == before + 1
    assert {"taken_back", "given_back"} <= {each.split(":")[0] for each in builders.log(shop, order_id)}


def test_what_somebody_wrote_when_they_left_a_plan_is_forgotten_and_no_late_event_brings_it_back(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id, plan = builders.subscribed(shop, stripe)
    stripe.subscriptions[plan].update(
        status="canceled", ended_at=int(shop.now().timestamp()),
        cancellation_details={"reason": "cancellation_requested", "feedback": "unused", "comment": "Astrid is sick."},
    )  # fmt: skip
    deliver(shop, stripe.tell("customer.subscription.deleted", stripe.subscriptions[plan]))
    plans.refresh(shop, plan)
    assert "subscriptions.end_comment: Astrid is sick." in traces.of(shop, "astrid")
    email = builders.order(shop, order_id).email
    assert b"Astrid is sick." in b"".join(export.from_terminal(shop, email))
    erasure.from_terminal(shop, email)
    assert traces.of(shop, "astrid") == []
    plans.refresh(shop, plan)
    deliver(shop, stripe.tell("customer.subscription.updated", stripe.subscriptions[plan]))
    assert traces.of(shop, "astrid") == []
    assert builders.rows(shop, Subscription)[0].end_feedback == "unused"


def test_machines_of_whoever_is_erased_go_on_by_the_names_that_nobody_reads_any_more(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id = sells(shop, stripe, "kit-eur")
    asked = {"key": builders.license_key(shop, order_id), "product": "kit"}
    laptop = Question(**asked, fingerprint="Nora's laptop", label="Nora's laptop")

    def answered(call: Call, question: Question) -> dict[str, Any]:
        said: dict[str, Any] = orjson.loads(calls.reply(shop, call, question, address="203.0.113.9").body)
        return said

    known = answered(Call.ACTIVATE, laptop)["activation"]["id"]
    erasure.by_staff(shop, customer_of(shop, order_id), deed=deed(works_as(shop, Role.OWNER)))
    assert traces.of(shop, "nora") == []
    seen = answered(Call.VALIDATE, replace(laptop, label=""))
    assert (seen["code"], seen["activation"]["id"], seen["activation"]["fingerprint"]) == (
        "VALID",
        known,
        "Nora's laptop",
    )
    again = answered(Call.OFFLINE, replace(laptop, label=""))
    assert (again["activation"]["id"], again["license"]["activations"]["used"]) == (known, 1)
    claims = orjson.loads(urlsafe_b64decode(again["token"].split(".")[1] + "=="))
    assert claims["fpr"] == "Nora's laptop"
    assert traces.of(shop, "nora") == []
    file = f"key,product,fingerprint\n{asked['key']},kit,Nora's laptop\n"
    with shop.transaction() as session:
        assert imports.read(session, file, livemode=False, now=shop.now()).machines == 0
    assert answered(Call.VALIDATE, replace(laptop, fingerprint="another"))["code"] == "NOT_ACTIVATED"
    assert answered(Call.DEACTIVATE, laptop)["license"]["activations"]["used"] == 0


def test_what_programs_were_told_of_them_before_two_customers_became_one_is_forgotten_too(
    shop: Shop, stripe: FakeStripe
) -> None:
    listens(shop, "http://127.0.0.1:9/")
    first, second = sells(shop, stripe, "kit-eur"), sells(shop, stripe, "guide-eur", email=OLE, cart="cart_2")
    with shop.transaction() as session:
        customers.refer(session, customer_of(shop, first), "nora-77")
    versions.catch_up(shop)
    with shop.transaction() as session:
        for delivery in session.exec(builders.select(WebhookDelivery)):
            answer = Answer(200, "taken: Nora Lindqvist")
            attempts.note(session, delivery.id, "http://127.0.0.1:9/", {}, answer, now=shop.now())
        address_changes.change(session, NORA, OLE, how=How.OWNER, keep=False, join=True, actor="owner", now=shop.now())
    assert traces.of(shop, "nora-77")
    erasure.by_staff(shop, customer_of(shop, second), deed=deed(works_as(shop, Role.OWNER)))
    assert [each for each in traces.of(shop, *HER) if "webhook" in each] == []


def books(shop: Shop, clock: Clock) -> str:
    day = clock().date()
    with shop.reading() as session:
        return "".join(journal.lines(session, Days(day, day, shop.settings.zone), livemode=False))


def test_events_that_come_late_bring_nobody_back(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = sells(shop, stripe)
    session_id = builders.order(shop, order_id).stripe_checkout_session_id or ""
    with shop.reading() as session:
        first = session.exec(builders.select(StripeEvent)).one().id
    erasure.from_terminal(shop, NORA.upper())
    clock.pass_(days=1)
    late = [stripe.event("completed", session_id), stripe.event("async_payment_succeeded", session_id)]
    late += [stripe.tell(kind, said) for kind, said in told(stripe).items()]
    for event in late:
        deliver(shop, event)
        inbox.replay(shop, event["id"], actor="owner")
    inbox.replay(shop, first, actor="owner")
    charge = stripe.charge_of(builders.order(shop, order_id).stripe_payment_intent_id or "")
    stripe.make_refund(charge["payment_intent"], 1000)
    deliver(shop, stripe.tell("charge.refunded", {**charge, "billing_details": {"email": NORA, "name": "Nora"}}))
    builders.ask_stripe(shop)
    assert traces.of(shop, *HER) == []
    assert builders.order(shop, order_id).amount_refunded == 1000
    assert [each.erased_at is not None for each in builders.rows(shop, Customer)] == [True]


def test_whoever_comes_back_is_a_new_customer_who_sees_nothing_of_before(shop: Shop, stripe: FakeStripe) -> None:
    first = sells(shop, stripe)
    erasure.from_terminal(shop, NORA)
    assert builders.seen(shop, NORA) == []
    second = sells(shop, stripe, cart="cart_2")
    assert customer_of(shop, second) not in ("", customer_of(shop, first))
    assert builders.seen(shop, NORA) == [second]
    assert builders.order(shop, first).email == ""
    erasure.from_terminal(shop, NORA)
    assert traces.of(shop, *HER) == []
    assert len(builders.rows(shop, Customer)) == 2


def test_others_keep_what_is_theirs(shop: Shop, stripe: FakeStripe) -> None:
    sells(shop, stripe)
    other = sells(shop, stripe, email=OLE, cart="cart_2")
    signed_in(shop, OLE)
    before = sorted(traces.of(shop, OLE))
    assert before
    erasure.from_terminal(shop, NORA)
    assert sorted(traces.of(shop, OLE)) == before
    assert builders.seen(shop, OLE) == [other]


def test_a_session_that_somebody_paid_for_anothers_order_forgets_them_too(shop: Shop, stripe: FakeStripe) -> None:
    order_id, first = opened(shop, "kit-eur")
    stripe.expire(first)
    sessions = [stripe.recover(first)["id"] for _ in range(2)]
    for session_id, email in zip(sessions, (OLE, NORA), strict=True):
        stripe.pay(session_id, email=email)
        deliver(shop, stripe.event("completed", session_id))
        builders.ask_stripe(shop)
    before = builders.detail(shop, order_id)
    erasure.from_terminal(shop, NORA)
    deliver(shop, stripe.event("async_payment_succeeded", sessions[1]))
    assert traces.of(shop, NORA) == []
    assert builders.detail(shop, order_id) == before
    assert {row.email for row in builders.rows(shop, Checkout)} >= {OLE}


def test_somebody_who_never_bought_is_erased_by_address(shop: Shop, stripe: FakeStripe) -> None:
    signed_in(shop, NORA)
    sign_in.request_code(shop, NORA)
    assert erasure.from_terminal(shop, NORA).sign_ins == 1
    assert traces.of(shop, "nora") == []
    with pytest.raises(CustomerNotFound):
        erasure.from_terminal(shop, NORA)


def test_an_order_that_was_never_paid_goes_with_them(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = opened(shop)
    with shop.transaction() as session:
        session.get_one(builders.Order, order_id).email = NORA
    with pytest.raises(NotErasable) as refused:
        erasure.from_terminal(shop, NORA)
    assert refused.value.holds == [(Hold.ORDER, builders.order(shop, order_id).number)]
    stripe.expire(session_id)
    deliver(shop, stripe.event("expired", session_id, status="expired"))
    erasure.from_terminal(shop, NORA)
    assert traces.of(shop, "nora") == []


@pytest.mark.parametrize("buys", [False, True])
@pytest.mark.parametrize("typed", ["nora@lindqvist.example", "NORA@Lindqvist.Example", "noRA@lindqvist.example"])
def test_an_order_that_was_never_paid_is_theirs_in_whichever_capitals_they_typed_their_address(
    shop: Shop, stripe: FakeStripe, typed: str, buys: bool
) -> None:
    if buys:
        sells(shop, stripe, cart="cart_0")
    others = {"nora@lindqvist.example.org", "nor@lindqvist.example"}
    for number, email in enumerate((typed, *others)):
        order_id, session_id = opened(shop, cart=f"cart_{number + 1}")
        with shop.transaction() as session:
            session.get_one(builders.Order, order_id).email = email
        stripe.expire(session_id)
        deliver(shop, stripe.event("expired", session_id, status="expired"))
    told = orjson.loads(b"".join(export.from_terminal(shop, NORA)))
    assert sorted(each["email"] for each in told["orders"]) == sorted([typed, *([NORA] if buys else [])])
    erasure.from_terminal(shop, NORA)
    assert {order.email for order in builders.rows(shop, builders.Order)} - {""} == others


@pytest.mark.parametrize(
    ("items", "happens", "hold"),
    [
        (("plan-month",), "", Hold.PLAN),
        (("guide-eur",), "disputed", Hold.DISPUTE),
        (("clinic-eur",), "", Hold.WORKSHOP),
        (("guide-eur",), "slow", Hold.ORDER),
    ],
)
def test_what_is_open_is_named_and_nothing_is_done(
    shop: Shop, stripe: FakeStripe, items: tuple[str, ...], happens: str, hold: Hold
) -> None:
    order_id, session_id = opened(shop, *items)
    stripe.pay(session_id, email=NORA, slowly=happens == "slow")
    deliver(shop, stripe.event("completed", session_id))
    builders.ask_stripe(shop)
    if happens == "disputed":
        found = stripe.dispute(builders.order(shop, order_id).stripe_payment_intent_id or "")
        deliver(shop, stripe.tell("charge.dispute.created", found))
    before = sorted(traces.of(shop, "nora"))
    with pytest.raises(NotErasable) as refused:
        erasure.from_terminal(shop, NORA)
    assert refused.value.holds == [(hold, builders.order(shop, order_id).number)]
    assert [each.why for each in erasure.preview_of_address(shop, NORA).holds] == [hold]
    assert sorted(traces.of(shop, "nora")) == before
    assert builders.rows(shop, AuditEntry) == []


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_owners_erase(shop: Shop, stripe: FakeStripe, role: Role) -> None:
    customer_id = customer_of(shop, sells(shop, stripe))
    with pytest.raises(NotPermitted):
        erasure.by_staff(shop, customer_id, deed=deed(works_as(shop, role)))
    assert traces.of(shop, "nora")


def test_a_second_click_finds_nobody(shop: Shop, stripe: FakeStripe) -> None:
    customer_id = customer_of(shop, sells(shop, stripe))
    click = deed(works_as(shop, Role.OWNER), "do_1")
    erasure.by_staff(shop, customer_id, deed=click)
    with pytest.raises((DoneAlready, CustomerNotFound)):
        erasure.by_staff(shop, customer_id, deed=click)
    with pytest.raises(CustomerNotFound):
        erasure.preview(shop, customer_id)
    with pytest.raises(CustomerNotFound):
        customer_notes.write(shop, customer_id, "Nora again", deed=deed(click.sign_in_id))
    assert traces.of(shop, "nora") == []


def test_an_event_that_comes_at_the_same_instant_leaves_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id = sells(shop, stripe)
    session_id = builders.order(shop, order_id).stripe_checkout_session_id or ""
    event = stripe.event("async_payment_succeeded", session_id)

    def erase() -> object:
        return erasure.from_terminal(shop, NORA)

    def tell() -> object:
        return inbox.receive(shop, *signed(event))

    done = builders.at_once(erase, tell)
    assert not [each for each in done if isinstance(each, Exception)], done
    assert traces.of(shop, *HER) == []


def test_what_stripe_says_beyond_ascii_goes_as_well(shop: Shop, stripe: FakeStripe) -> None:
    umlaut = "nöra_%@bücher.example"
    order_id = sells(shop, stripe, email=umlaut)
    deliver(shop, stripe.tell("product.updated", {"id": "prod_1", "object": "product", "statement": f"for {umlaut}"}))
    assert len(traces.of(shop, "nöra_%", "n\\u00f6ra_%")) > 3
    erasure.from_terminal(shop, umlaut)
    assert traces.of(shop, "nöra", "n\\u00f6ra", "n\\xf6ra") == []
    with shop.reading() as session:
        assert customers.whose(session, umlaut) is None
    assert builders.order(shop, order_id).amount_total == 10800


def test_whoever_is_interrupted_has_erased_nothing(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    sells(shop, stripe)
    before = sorted(traces.of(shop, *HER))

    def stop(*_: object, **__: object) -> None:
        raise OSError("the power went")

    with monkeypatch.context() as broken:
        broken.setattr(erasure, "_forget_customer", stop)
        with pytest.raises(OSError, match="the power went"):
            erasure.from_terminal(shop, NORA)
    assert sorted(traces.of(shop, *HER)) == before
    erasure.from_terminal(shop, NORA)
    assert traces.of(shop, *HER) == []


def test_an_address_that_was_typed_for_an_order_that_somebody_else_paid_goes_too(
    shop: Shop, stripe: FakeStripe
) -> None:
    link = checkout.start(shop, builders.a_basket(email=NORA))
    stripe.pay(builders.session_id(link), email=OLE)
    deliver(shop, stripe.event("completed", builders.session_id(link)))
    assert any("checkouts.parameters" in each for each in traces.of(shop, NORA))
    sells(shop, stripe, cart="cart_2")
    erasure.from_terminal(shop, NORA)
    assert traces.of(shop, NORA) == []
    assert builders.order(shop, link.order_id).email == OLE

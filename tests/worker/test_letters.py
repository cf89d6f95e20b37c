"""The letters that a running worker sends, from the order or the click that owed them to the mail server."""

import re

from sqlmodel import select

from core.foundation.jobs import outbox
from core.journeys import order_care, success_page
from core.kinds import deliverables
from core.kinds.grants import Grant
from core.messages.letters import LetterState
from core.orders.orders import Order
from core.orders.status import Status
from core.people import codes, sign_in
from core.people.receipts import order_links
from tests import builders
from tests.machine import eventually
from tests.worker.conftest import Trade
from tests.worker.postbox import html_of, text_of


def _status(trade: Trade, order_id: str) -> Status:
    with trade.shop.reading() as session:
        return session.get_one(Order, order_id).status


def test_a_purchase_is_answered_by_one_letter_that_holds_everything(trade: Trade) -> None:
    buyer = trade.buyer()
    order_id = trade.buy(buyer, "guide-eur", "kit-eur", "clinic-eur")
    trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    with trade.shop.reading() as session:
        order = session.get_one(Order, order_id)
        key = next(
            key.key
            for each in deliverables.deliveries(session, order_id, signing_key=trade.shop.signing_key)
            for key in each.licenses
        )

    (letter,) = trade.postbox.to(buyer)
    assert letter["Subject"] == f"Your Shop order {order.number}"
    assert letter["From"] == "Shop <hello@shop.example>"
    assert letter["Message-ID"].endswith("@shop.example>")
    for form in (text_of(letter), html_of(letter)):
        assert all(name in form for name in ("Field Guide", "Template Kit", "Clinic", "€248.00", order.number))
        assert key in form
        assert "http://localhost:8501/purchases?letter=" in form


def test_a_copy_of_the_receipt_goes_to_the_address_that_it_was_made_for(trade: Trade) -> None:
    buyer, other = trade.buyer(), trade.buyer()
    order_id, session_id = trade.start(buyer, "kit-eur")
    trade.stripe.pay(session_id, email=buyer)
    trade.tell(trade.stripe.event("completed", session_id))
    trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    order_care.resend(trade.shop, order_id, to=other)
    trade.wait_until_idle()
    (first,), (copy,) = trade.postbox.to(buyer), trade.postbox.to(other)
    assert copy["Subject"] == first["Subject"]
    assert "/purchases?letter=" in text_of(first)
    assert "/purchases?letter=" not in text_of(copy)


def test_the_buyer_of_what_cannot_be_delivered_hears_what_is_there_and_later_the_rest(trade: Trade) -> None:
    buyer = trade.buyer()
    order_id, session_id = trade.start(buyer, "clinic-eur", "guide-eur")
    trade.tell(trade.stripe.event("expired", session_id, status="expired"))
    capacity = trade.fill("clinic/1")
    trade.stripe.pay(session_id, email=buyer)
    trade.tell(trade.stripe.event("completed", session_id))
    trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    trade.wait_until_idle()
    (first,) = trade.postbox.to(buyer)
    for form in (text_of(first), html_of(first)):
        assert "Part of it is yours already" in form
        assert "Clinic: not open yet" in form
        assert "The last place went while you were paying" in form
    assert "Download" in text_of(first)

    trade.fill("clinic/1", capacity=capacity)
    success_page.confirm(trade.shop, session_id)
    trade.wait_for(f"late_delivery:{order_id}:delivered:1", LetterState.SENT)
    trade.wait_until_idle()
    _, second = trade.postbox.to(buyer)
    assert "The rest of your order" in second["Subject"]
    assert "Your place:" in text_of(second)
    assert "Field Guide" not in text_of(second)


def test_redelivered_events_and_the_return_page_send_no_second_letter(trade: Trade) -> None:
    buyer = trade.buyer()
    order_id, session_id = trade.start(buyer, "guide-eur")
    trade.stripe.pay(session_id, email=buyer)
    event = trade.stripe.event("completed", session_id)
    for _ in range(3):
        trade.tell(event)
    trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    trade.tell(event)
    trade.tell(trade.stripe.event("completed", session_id))
    success_page.confirm(trade.shop, session_id)
    trade.wait_until_idle()

    assert len(trade.postbox.to(buyer)) == 1
    assert [(letter.state, letter.attempts) for letter in trade.letters_of(order_id)] == [(LetterState.SENT, 1)]


def test_the_links_in_a_receipt_lead_to_its_order_and_to_a_code(trade: Trade) -> None:
    buyer = trade.buyer()
    order_id = trade.buy(buyer, "guide-eur")
    trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    (letter,) = trade.postbox.to(buyer)

    def tokens(page: str) -> set[str]:
        found = re.compile(rf"/{page}([\w.-]+)")
        return {*found.findall(text_of(letter)), *found.findall(html_of(letter))}

    for token in tokens("order/") | tokens(r"purchases\?letter="):
        found = order_links.read(trade.shop, token)
        assert (found.order_id, found.address) == (order_id, buyer)
    assert tokens(r"withdraw\?order=") == {builders.order(trade.shop, order_id).number}


def test_while_the_mail_server_is_down_the_order_is_fulfilled_and_its_letter_waits(trade: Trade) -> None:
    buyer = trade.buyer()
    with trade.postbox.closed():
        order_id = trade.buy(buyer, "guide-eur")
        assert _status(trade, order_id) is Status.FULFILLED
        waiting = trade.wait_for(f"receipt:{order_id}", LetterState.RETRYING)
        assert waiting.attempts >= 1
        assert "ConnectionRefusedError" in waiting.error
        assert _status(trade, order_id) is Status.FULFILLED
    sent = trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    trade.wait_until_idle()

    assert sent.attempts > 1
    assert sent.error == ""
    assert len(trade.postbox.to(buyer)) == 1


def test_a_letter_that_the_mail_server_puts_off_goes_out_when_it_takes_it(trade: Trade) -> None:
    buyer = trade.buyer()
    trade.postbox.answers[buyer] = ["451 Come back later"] * 2
    order_id = trade.buy(buyer, "guide-eur")
    assert "451" in trade.wait_for(f"receipt:{order_id}", LetterState.RETRYING).error
    trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    trade.wait_until_idle()

    assert len(trade.postbox.to(buyer)) == 1
    assert trade.letters_of(order_id)[0].attempts == 3


def test_a_letter_that_is_refused_for_good_is_not_tried_again_and_says_why(trade: Trade) -> None:
    buyer = trade.buyer()
    trade.postbox.answers[buyer] = ["550 No such mailbox"]
    order_id = trade.buy(buyer, "guide-eur")
    refused = trade.wait_for(f"receipt:{order_id}", LetterState.REFUSED)
    trade.wait_until_idle()

    assert "No such mailbox" in refused.error
    assert trade.letters_of(order_id)[0].attempts == 1
    assert trade.postbox.to(buyer) == []
    assert _status(trade, order_id) is Status.FULFILLED


def test_the_buyer_of_a_bounced_bank_debit_is_told(trade: Trade) -> None:
    buyer = trade.buyer()
    order_id, session_id = trade.start(buyer, "guide-eur")
    trade.stripe.pay(session_id, email=buyer, slowly=True)
    trade.tell(trade.stripe.event("completed", session_id))
    assert _status(trade, order_id) is Status.PROCESSING
    trade.tell(trade.stripe.event("async_payment_failed", session_id))
    trade.wait_for(f"payment_failed:{order_id}:1", LetterState.SENT)
    trade.wait_until_idle()

    (letter,) = trade.postbox.to(buyer)
    assert "didn't go through" in letter["Subject"]
    assert "http://localhost:8501/cart" in text_of(letter)
    assert _status(trade, order_id) is Status.FAILED


def test_a_sign_in_letter_carries_the_digits_that_sign_in(trade: Trade) -> None:
    reader = trade.buyer()
    sign_in.request_code(trade.shop, reader)
    (letter,) = eventually(lambda: trade.postbox.to(reader))
    digits = letter["Subject"].split()[0]

    assert re.fullmatch(r"\d{6}", digits)
    assert digits in text_of(letter)
    assert digits in html_of(letter)
    assert sign_in.by_code(trade.shop, reader, digits)


def test_of_two_codes_asked_for_while_mail_is_down_only_the_newer_is_sent(trade: Trade) -> None:
    reader = trade.buyer()
    with trade.postbox.closed():
        sign_in.request_code(trade.shop, reader)
        trade.clock.pass_(seconds=1)
        sign_in.request_code(trade.shop, reader)
    eventually(lambda: trade.postbox.to(reader))
    trade.wait_until_idle()

    (letter,) = trade.postbox.to(reader)
    assert sign_in.by_code(trade.shop, reader, letter["Subject"].split()[0])


def test_a_code_that_ran_out_before_its_letter_could_go_is_not_sent(trade: Trade) -> None:
    reader = trade.buyer()
    with trade.postbox.closed():
        sign_in.request_code(trade.shop, reader)
        trade.clock.pass_(minutes=codes.CODE_MINUTES + 1)
    trade.wait_until_idle()

    assert trade.postbox.to(reader) == []


def test_an_order_of_which_no_webhook_told_is_fulfilled_by_the_next_sweep_and_gets_its_letter(trade: Trade) -> None:
    buyer = trade.buyer()
    order_id, session_id = trade.start(buyer, "kit-eur")
    trade.stripe.pay(session_id, email=buyer)
    trade.clock.pass_(minutes=10)

    eventually(lambda: _status(trade, order_id) is Status.FULFILLED)
    trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    trade.wait_until_idle()
    assert len(trade.postbox.to(buyer)) == 1


def test_an_event_that_stripe_could_not_deliver_is_fetched_by_the_next_sweep(trade: Trade) -> None:
    buyer = trade.buyer()
    order_id, session_id = trade.start(buyer, "guide-eur")
    trade.stripe.tell("checkout.session.completed", trade.stripe.pay(session_id, email=buyer))

    trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    assert _status(trade, order_id) is Status.FULFILLED


def test_a_plan_is_asked_about_as_soon_as_stripe_tells_of_it(trade: Trade) -> None:
    order_id, session_id = trade.start(trade.buyer(), "plan-month", quantity=2)
    plan = trade.stripe.pay(session_id)["subscription"]
    trade.tell(trade.stripe.event("completed", session_id))
    trade.stripe.change_seats(plan, 7)
    trade.tell(trade.stripe.tell("customer.subscription.updated", trade.stripe.subscriptions[plan]))

    def seats() -> bool:
        with trade.shop.reading() as session:
            return session.exec(select(Grant.quantity).where(Grant.order_id == order_id)).one() == 7

    eventually(seats)


def test_sweeps_that_find_nothing_to_do_leave_no_trace_in_the_database(trade: Trade) -> None:
    trade.wait_until_idle()
    before = _rows(trade)
    sweeps = trade.stripe.calls.count("events")
    eventually(lambda: trade.stripe.calls.count("events") > sweeps + 10)

    assert _rows(trade) == before


def _rows(trade: Trade) -> dict[str, int]:
    """How many rows each table has, DBOS's included."""
    from sqlalchemy import inspect, text

    inspector = inspect(trade.shop.engine)
    with trade.shop.reading() as session:
        return {
            f"{schema}.{name}": session.execute(text(f'select count(*) from "{schema}"."{name}"')).scalar_one()
            for schema in inspector.get_schema_names()
            if schema in ("main", "public", "dbos")
            for name in inspector.get_table_names(schema)
        }


def test_every_job_has_ended_well(trade: Trade) -> None:
    sign_in.request_code(trade.shop, "well@example.com")
    trade.wait_until_idle()
    statuses = {job.status for job in outbox.open_client(trade.shop.engine).list_workflows()}
    assert statuses == {"SUCCESS"}

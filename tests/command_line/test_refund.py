"""`pushcart refund`: what it takes for an amount, what it says and asks before anything is sent, and what was done."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson
import pytest
from sqlmodel import update

from core import cli
from core.command_line import orders
from core.foundation.errors import StripeUnreachable
from core.journeys import refund
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.shop import Shop
from tests import builders, fork_server
from tests.command_line.conftest import Run
from tests.fakes import FakeStripe
from tests.machine import environment

WAITING = "Stripe did not answer. What was asked for is remembered, and the worker asks again."
NOBODY = "Nothing was sent: there is nobody to ask here. Scripts say --yes."


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe) -> str:
    """A file and a key, paid and delivered: €29 and €79."""
    return builders.bought(shop, stripe, "guide-eur", "kit-eur")


def asked_for(shop: Shop, order_id: str) -> list[int]:
    return [refund["amount"] for refund in builders.detail(shop, order_id)["refunds"]]


@pytest.mark.parametrize(("words", "amount"), [("27", 2700), ("27.00", 2700), ("27,00", 2700), ("27.5", 2750)])
@builders.on_sqlite
def test_an_amount_is_a_decimal_of_the_orders_currency(
    pushcart: Run, shop: Shop, order_id: str, words: str, amount: int
) -> None:
    said = pushcart("refund", order_id, "--amount", words, "--yes", "--json")
    assert (said.status, said.output, said.complaints) == (1, "", [WAITING])
    assert asked_for(shop, order_id) == [amount]


@pytest.mark.parametrize(
    ("price", "words", "sentence"),
    [
        ("kit-eur", "27.005", "'27.005' has marks that could set thousands apart or begin the decimals, so it could be more"),
        ("kit-eur", "1.000,00", "'1.000,00' has marks that could set thousands apart"),
        ("kit-eur", "1,000.00", "'1,000.00' has marks that could set thousands apart"),
        ("kit-eur", "0.001", "'0.001' has more decimals than EUR, which has 2. Write 27 or 27.00 for €27.00, and 2700 for"),
        ("kit-eur", "-5", "'-5' has a sign, and what goes back has none."),
        ("kit-eur", "0", "€0.00 is too little: the least is €0.01."),
        ("kit-eur", "79.01", "€79.01 is more than there is: only €79.00 is left to refund."),
        ("kit-eur", "half", "'half' is not an amount in digits from 0 to 9. Write 27 or 27.00 for €27.00"),
        ("kit-eur", "NaN", "'NaN' is not an amount"),
        ("kit-eur", "1e1", "'1e1' is not an amount"),
        ("kit-eur", "２７", "'２７' is not an amount in digits from 0 to 9."),
        ("kit-eur", "", "'' is not an amount"),
        ("kit-eur", "7" * 30, f"'{'7' * 30}' is longer than any amount."),
        ("yen-jpy", "27.50", "'27.50' has more decimals than JPY, which has none. Write 27 for ¥27, and 2700 for ¥2,700."),
        ("dinar-kwd", "1,000", "'1,000' has marks that could set thousands apart"),
        ("dinar-kwd", "1.2345", "'1.2345' has more decimals than KWD, which has 3. Write 27 or 27.000 for"),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_is_not_clearly_an_amount_that_can_go_back_is_refused_in_a_sentence(
    pushcart: Run, shop: Shop, stripe: FakeStripe, price: str, words: str, sentence: str
) -> None:
    order_id = builders.bought(shop, stripe, price)
    said = pushcart("refund", order_id, "--amount", words, "--yes")
    assert (said.status, said.output) == (2, "")
    (complaint,) = said.complaints
    assert complaint.startswith(sentence)
    assert asked_for(shop, order_id) == []


@pytest.mark.parametrize("words", [(), ("--json",), ("--amount", "27"), ("--line", "1", "--json")])
def test_with_nobody_to_ask_nothing_is_sent_without_yes(
    pushcart: Run, shop: Shop, order_id: str, words: tuple[str, ...]
) -> None:
    said = pushcart("refund", order_id, *words)
    assert (said.status, said.output, said.complaints[-1]) == (1, "", NOBODY)
    assert (len(said.complaints) == 1) is ("--json" in words)
    assert asked_for(shop, order_id) == []


@builders.on_sqlite
def test_what_would_happen_is_said_before(pushcart: Run, shop: Shop, order_id: str) -> None:
    order = builders.order(shop, order_id)
    said = pushcart("refund", order.number, "--line", "2")
    assert said.complaints == [
        "€79.00 goes back (test money); €29.00 can still be refunded afterwards.",
        f"  order    {order.number} ({order_id})",
        f"  payment  {order.stripe_payment_intent_id}",
        f"  buyer    {order.customer_id}",
        "  line 1   Field Guide: stays active",
        "  line 2   Template Kit: access ends",
        NOBODY,
    ]
    part = pushcart("refund", order_id, "--amount", "5").complaints
    assert part[4:6] == ["  line 1   Field Guide: stays active", "  line 2   Template Kit: stays active"]
    for words in ((), ("--amount", "5", "--take-back")):
        ended = pushcart("refund", order_id, *words).complaints
        assert ended[4:6] == ["  line 1   Field Guide: access ends", "  line 2   Template Kit: access ends"]


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (("ord_none",), 1, "There is no order ord_none."),
        (("{}", "--line", "9"), 2, "There is no line 9: the lines of this order are 1 to 2."),
    ],
)
@builders.on_sqlite
def test_what_is_not_there_is_said_in_one_line(
    pushcart: Run, shop: Shop, order_id: str, words: tuple[str, ...], status: int, complaint: str
) -> None:
    said = pushcart("refund", *[word.format(order_id) for word in words], "--yes")
    assert (said.status, said.output, said.complaints) == (status, "", [complaint])


@builders.on_sqlite
def test_of_a_line_that_went_back_nothing_is_left_and_of_the_rest_there_is(
    pushcart: Run, shop: Shop, order_id: str
) -> None:
    pushcart("refund", order_id, "--line", "2", "--yes")
    assert asked_for(shop, order_id) == [7900]
    said = pushcart("refund", order_id, "--line", "2", "--yes")
    assert said.complaints == [
        f"There is nothing left to refund of {order_id}: what these lines cost went back. Of the rest of it there is €29.00."
    ]


@builders.on_sqlite
def test_an_order_without_money_has_nothing_to_refund(pushcart: Run, shop: Shop) -> None:
    unpaid, _ = builders.opened(shop, cart="unpaid")
    said = pushcart("refund", unpaid, "--yes", "--json")
    assert (said.status, said.complaints) == (
        1,
        [f"There is nothing left to refund of {unpaid}: nobody has paid for it."],
    )


def taken(shop: Shop, stripe: FakeStripe, status: str) -> str:
    order_id = builders.bought(shop, stripe, cart="taken")
    told = stripe.dispute(builders.payment_of(shop, order_id), status=status)
    builders.deliver(shop, stripe.tell("charge.dispute.created", told))
    return order_id


def sent_back(shop: Shop, stripe: FakeStripe) -> str:
    order_id = builders.bought(shop, stripe, cart="back")
    refund.request(shop, order_id, actor="owner")
    return order_id


def on_its_way(shop: Shop, stripe: FakeStripe) -> str:
    order_id = sent_back(shop, stripe)
    with shop.transaction() as session:
        session.exec(update(Refund).values(status=RefundStatus.PENDING))
    return order_id


def unanswered(shop: Shop, stripe: FakeStripe) -> str:
    order_id = builders.bought(shop, stripe, cart="asked")
    stripe.trouble.append(StripeUnreachable("api_connection_error"))
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, actor="owner")
    return order_id


def tried(shop: Shop, stripe: FakeStripe) -> str:
    builders.let_try(shop, days=14)
    order_id, name = builders.subscribed(shop, stripe, cart="tried")
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.invoices_of(name)[0]))
    return order_id


def by_credit(shop: Shop, stripe: FakeStripe) -> str:
    order_id = builders.bought(shop, stripe, cart="credit")
    with shop.transaction() as session:
        session.exec(update(Payment).values(amount=0, amount_subtotal=2900))
    return order_id


def settling(shop: Shop, stripe: FakeStripe) -> str:
    order_id, session_id = builders.opened(shop, cart="settling")
    stripe.pay(session_id, slowly=True)
    builders.deliver(shop, stripe.event("completed", session_id))
    return order_id


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (partial(taken, status="lost"), "a bank took the money in a dispute"),
        (partial(taken, status="needs_response"), "a bank has yet to decide whose the money is"),
        (sent_back, "all of it went back"),
        (on_its_way, "all of it is on its way back"),
        (unanswered, "all of it is asked for already, and Stripe has yet to answer"),
        (tried, "it cost nothing, or nothing was charged yet"),
        (by_credit, "it was paid by credit that Stripe held for its buyer, and no money came in"),
        (settling, "a bank is still settling the payment"),
    ],
)
@builders.on_sqlite
def test_why_nothing_is_left_is_said(
    pushcart: Run, shop: Shop, stripe: FakeStripe, make: Callable[[Shop, FakeStripe], str], why: str
) -> None:
    order_id = make(shop, stripe)
    said = pushcart("refund", order_id, "--yes")
    assert (said.status, said.complaints) == (1, [f"There is nothing left to refund of {order_id}: {why}."])


@pytest.mark.parametrize(("typed", "sent"), [("y", True), ("n", False), ("", False), ("\x04", False)])
@builders.on_sqlite
def test_at_a_terminal_it_asks_and_sends_only_after_yes(
    shop: Shop, order_id: str, shop_settings: dict[str, object], database_url: str, folder: Path, typed: str, sent: bool
) -> None:
    ours, theirs = pty.openpty()
    env = environment(**shop_settings, database_url=database_url)
    streams = {"stdin": theirs, "stderr": theirs, "stdout": subprocess.PIPE}
    running = fork_server.start("core.cli", "refund", order_id, "--amount", "27.00", cwd=folder, env=env, **streams)
    os.close(theirs)
    shown = read_until(ours, "[y/N]:")
    assert "€27.00 goes back (test money); €81.00 can still be refunded afterwards." in shown
    assert asked_for(shop, order_id) == []
    os.write(ours, typed.encode() + (b"" if typed == "\x04" else b"\n"))
    assert running.wait(timeout=60) == 1  # this Stripe does not answer
    assert asked_for(shop, order_id) == ([2700] if sent else [])
    assert running.stdout
    running.stdout.close()
    os.close(ours)


def read_until(terminal: int, words: str) -> str:
    """What the terminal shows, as soon as these words are among it."""
    shown = b""
    while words.encode() not in shown:
        assert select.select([terminal], [], [], 60)[0], shown
        shown += os.read(terminal, 4096)
    return shown.decode()


@pytest.mark.parametrize(
    ("words", "said", "fate"),
    [
        ([], "is cancelled at once; --keep-subscription lets it bill on", "cancelled"),
        (["--cancel-subscription"], "is cancelled at once; --keep-subscription lets it bill on", "cancelled"),
        (["--keep-subscription"], "goes on billing; --cancel-subscription ends it at once", "billing_on"),
    ],
)
@builders.on_sqlite
def test_what_becomes_of_a_plan_is_said_before_and_can_be_otherwise(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], said: str, fate: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(orders, "open_shop", lambda: shop)
    order_id, name = builders.subscribed(shop, stripe)
    cli.app(["refund", order_id, "--yes", *words], standalone_mode=False)
    assert f"  plan     {name} {said}" in capsys.readouterr().err
    ending = [job for job in builders.jobs(shop) if job.startswith(f"cancel_subscription:{name}:")]
    assert len(ending) == (fate == "cancelled")
    again, other = builders.subscribed(shop, stripe, cart="cart_2")
    cli.app(["refund", again, "--yes", "--json", *words], standalone_mode=False)
    answer = orjson.loads(capsys.readouterr().out)
    assert answer["subscriptions"] == {"cancelled": [], "billing_on": [], fate: [other]}


def test_what_was_done_is_printed(
    shop: Shop, stripe: FakeStripe, order_id: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(orders, "open_shop", lambda: shop)  # in this process, whose Stripe answers
    number = builders.detail(shop, order_id)["number"]
    cli.app(["refund", order_id, "--line", "2", "--yes", "--json"], standalone_mode=False)
    said = capsys.readouterr()
    assert said.err == ""
    answer = orjson.loads(said.out)
    assert answer["id"].startswith("rf_")
    found = {"refund": answer.pop("id"), "payment": builders.payment_of(shop, order_id)}
    assert answer == {
        "order_id": order_id, "number": number, "amount": 7900, "currency": "eur", "status": "succeeded", "left": 2900,
        "parts": [
            {"id": found["refund"], "payment": found["payment"], "amount": 7900, "status": "succeeded"},
        ],
        "order_status": "partially_refunded", "subscriptions": {"cancelled": [], "billing_on": []},
        "grants": [
            {"product": "guide", "kind": "download", "state": "active", "quantity": 1},
            {"product": "kit", "kind": "license", "state": "revoked", "quantity": 1},
        ],
    }  # fmt: skip
    cli.app(["refund", order_id, "--amount", "9", "--take-back", "--yes"], standalone_mode=False)
    assert capsys.readouterr().out == f"€9.00 of {number}: the refund has succeeded.\n"
    assert builders.grants(shop, order_id) == [("guide", "revoked"), ("kit", "revoked")]


@builders.on_sqlite
def test_what_changes_between_the_question_and_the_answer_is_not_sent(
    shop: Shop, stripe: FakeStripe, order_id: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def somebody_else_is_faster(*_: object, **__: object) -> str:
        refund.request(shop, order_id, 2000, actor="owner")
        return ""

    monkeypatch.setattr(orders, "open_shop", lambda: shop)
    monkeypatch.setattr("core.command_line.words.refund.disagreement", somebody_else_is_faster)
    monkeypatch.setattr(sys, "argv", ["pushcart", "refund", order_id])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert "so nothing was sent" in capsys.readouterr().err
    assert asked_for(shop, order_id) == [2000]


def test_of_a_plan_each_payment_is_shown_and_one_can_be_named(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(orders, "open_shop", lambda: shop)
    plan_id, name = builders.subscribed(shop, stripe)
    renewal = stripe.renew(name)
    builders.deliver(shop, stripe.tell("invoice.paid", renewal))
    first = stripe.invoices_of(name)[0]["id"]
    cli.app(["refund", plan_id, "--yes"], standalone_mode=False)
    said = capsys.readouterr()
    assert [line for line in said.err.splitlines() if "payment" in line] == [
        f"  payment  {renewal['id']}: €9.00", f"  payment  {first}: €9.00",
    ]  # fmt: skip
    assert len(said.out.splitlines()) == 2
    other, name = builders.subscribed(shop, stripe, cart="cart_2")
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    first = stripe.invoices_of(name)[0]["id"]
    cli.app(["refund", other, "--payment", first, "--yes", "--json"], standalone_mode=False)
    assert [each["amount"] for each in orjson.loads(capsys.readouterr().out)["parts"]] == [900]
    assert builders.grants(shop, other) == [("plan", "active")]


@builders.on_sqlite
def test_a_payment_that_is_not_the_orders_is_said_in_one_line(pushcart: Run, order_id: str) -> None:
    said = pushcart("refund", order_id, "--payment", "pi_nobody", "--yes")
    assert (said.status, said.output) == (2, "")
    assert said.complaints == ["This order has received no payment pi_nobody. `pushcart order` lists them."]

"""`pushcart withdrawals` and `pushcart withdraw`: what is open, and what is decided about it."""

from sqlalchemy import update
from sqlmodel import col

from core.journeys import refund
from core.rights import declarations
from core.rights.consents import Consent
from core.rights.declarations import Declaration, Visitor
from core.rights.withdrawals import Withdrawal
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run
from tests.fakes import FakeStripe

pytestmark = builders.on_sqlite


def declared(shop: Shop, **said: str) -> str:
    declarations.declare(shop, Declaration("do_1", **said), Visitor())  # type: ignore[arg-type]
    [row] = builders.rows(shop, Withdrawal)
    return row.id


def test_one_is_matched_and_accepted_and_the_decision_stands_also_while_stripe_is_silent(
    pushcart: Run, shop: Shop, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe)
    number = builders.order(shop, order_id).number
    withdrawal = declared(shop, email="eve@example.com", reference=number)
    assert "unverified" in pushcart("withdrawals").output
    said = pushcart("withdraw", "accept", withdrawal, "--order", number, "--yes")
    assert "Stripe did not answer" in said.complaints[-1]
    assert builders.rows(shop, Withdrawal)[0].state == "accepted"
    assert [each["amount"] for each in builders.detail(shop, order_id)["refunds"]] == [2900]


def test_a_look_at_what_would_go_back_says_of_no_order_that_it_is_meant(
    pushcart: Run, shop: Shop, stripe: FakeStripe
) -> None:
    """Whoever named the wrong order, and saw it, would find the withdrawal to be about that one the next time."""
    order_id = builders.bought(shop, stripe)
    withdrawal = declared(shop, email="eve@example.com", words="all")
    said = pushcart("withdraw", "accept", withdrawal, "--order", order_id, "--amount", "9.00")
    assert (said.status, "€9.00 goes back" in said.errors) == (1, True)
    assert builders.rows(shop, Withdrawal)[0].order_id is None
    assert "Say it with --order" in pushcart("withdraw", "accept", withdrawal, "--yes").complaints[-1]


def test_whether_the_plan_bills_on_is_said_as_for_a_refund(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    number = builders.order(shop, order_id).number
    withdrawal = declared(shop, email="ada@example.com", reference=number)
    words = ("withdraw", "accept", withdrawal, "--order", number)
    assert "--keep-subscription lets it bill on" in pushcart(*words).errors
    assert "--cancel-subscription ends it at once" in pushcart(*words, "--keep-subscription").errors


def test_of_a_plan_that_began_at_once_it_is_said_how_much_is_for_the_time_to_come(
    pushcart: Run, shop: Shop, stripe: FakeStripe
) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    number = builders.order(shop, order_id).number
    withdrawal = declared(shop, email="ada@example.com", reference=number)
    words = ("withdraw", "accept", withdrawal, "--order", number)
    hint = (
        "Plan: of what was paid for it €9.00 is for the time still to come, and they agreed to pay for what they used."
    )
    assert hint not in pushcart(*words).errors
    with shop.transaction() as session:
        session.exec(update(Consent).where(col(Consent.order_id) == order_id).values(given=True))
    assert hint in pushcart(*words).errors
    assert hint not in pushcart(*words, "--amount", "4.00").errors


def test_where_all_of_it_went_back_it_is_said_how_it_is_accepted(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    withdrawal = declared(shop, email="eve@example.com", reference=builders.order(shop, order_id).number)
    said = pushcart("withdraw", "accept", withdrawal, "--order", order_id, "--yes")
    assert said.status == 1
    assert (
        said.complaints[-1] == "Accept it by --no-refund: then its buyer is told that nothing is left to be sent back."
    )
    assert builders.rows(shop, Withdrawal)[0].state == "open"
    assert pushcart("withdraw", "accept", withdrawal, "--no-refund").status == 0


def test_one_is_declined_with_a_reason_and_once(pushcart: Run, shop: Shop) -> None:
    withdrawal = declared(shop, email="eve@example.com", words="all")
    assert pushcart("withdraw", "decline", withdrawal, "--reason", "No such order.", "--json").status == 0
    assert "was decided before" in pushcart("withdraw", "accept", withdrawal, "--no-refund").complaints[0]
    assert builders.rows(shop, Withdrawal)[0].reason == "No such order."


def test_what_a_stranger_typed_moves_no_cursor_and_looks_like_no_other_row(pushcart: Run, shop: Shop) -> None:
    typed = "QL-1\x1b[2J\x1b[1A\nwd_2  open  order \u202e 1-LQ \x9b2J"
    declared(shop, email="eve@example.com", reference=typed)
    people, scripts = pushcart("withdrawals"), pushcart("withdrawals", "--json")
    for output in (people.output, scripts.output):
        assert not {"\x1b", "\x9b", "\u202e"} & {*output}
    assert len(people.output.splitlines()) == 2
    assert [each["reference"] for each in scripts.json] == [typed]  # type: ignore[attr-defined]

"""`pushcart withdrawals` and `pushcart withdraw`: what is open, and what is decided about it."""

import pytest

from core.rights import declarations
from core.rights.declarations import Declaration, Visitor
from core.rights.withdrawals import Withdrawal
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run
from tests.fakes import FakeStripe


def declared(shop: Shop, **said: str) -> str:
    declarations.declare(shop, Declaration("do_1", **said), Visitor())  # type: ignore[arg-type]
    [row] = builders.rows(shop, Withdrawal)
    return row.id


@builders.on_sqlite
@pytest.mark.usefixtures("stripe")
def test_one_is_listed_matched_and_accepted(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    number = builders.order(shop, order_id).number
    assert pushcart("withdrawals").output == "No withdrawals.\n"
    withdrawal = declared(shop, email="eve@example.com", reference=number)
    assert "unverified" in pushcart("withdrawals").output
    said = pushcart("withdraw", "accept", withdrawal, "--yes")
    assert said.complaints == [f"Nobody knows which order {withdrawal} is about. Say it with --order."]
    said = pushcart("withdraw", "accept", withdrawal, "--order", number)
    assert said.complaints[-1] == "Nothing was sent: there is nobody to ask here. Scripts say --yes."
    # The command's own Stripe is nowhere: what was asked for is remembered, and the decision stands with it.
    said = pushcart("withdraw", "accept", withdrawal, "--yes")
    assert "Stripe did not answer" in said.complaints[-1]
    assert builders.rows(shop, Withdrawal)[0].state == "accepted"
    assert [each["amount"] for each in builders.detail(shop, order_id)["refunds"]] == [2900]
    assert "was decided before" in pushcart("withdraw", "decline", withdrawal, "--reason", "late").complaints[0]


@builders.on_sqlite
def test_one_is_declined_with_a_reason(pushcart: Run, shop: Shop) -> None:
    withdrawal = declared(shop, email="eve@example.com", words="all")
    assert pushcart("withdraw", "decline", withdrawal).status == 1
    assert pushcart("withdraw", "decline", withdrawal, "--reason", "No such order.", "--json").status == 0
    assert (
        pushcart("withdraw", "decline", "wd_0", "--reason", "x").complaints[0].startswith("There is no withdrawal wd_0")
    )
    assert '"declined"' in pushcart("withdrawals", "--all", "--json").output

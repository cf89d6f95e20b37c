"""Order links: what a letter's link opens, for whom, for how long, and what ends it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import Session

from core.foundation import signing
from core.foundation.errors import LinkExpired, LinkInvalid
from core.foundation.records import new_id
from core.kinds.grants import Grant
from core.kinds.seats import Seat
from core.messages import contents
from core.orders.orders import Order
from core.people import address_changes, customers, purchases, sign_in
from core.people.customers import How
from core.people.purchases import Purchase, Viewer
from core.people.receipts import order_links
from core.people.sign_in import SignIn
from core.seats import invitations
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.machine import eventually

NORA, OTHER = "nora@lindqvist.example", "nora@work.example"


def token(shop: Shop, order_id: str, email: str = NORA) -> str:
    return order_links.link(shop, order_id, email).rpartition("/")[2]


def cookie(shop: Shop, order_id: str) -> str:
    return order_links.click(shop, token(shop, order_id), None)[1]


def seen(shop: Shop, order_id: str, viewer: Viewer) -> Purchase:
    with shop.reading() as session:
        found = purchases.seen(session, order_id, viewer, signing_key=shop.signing_key, now=shop.now())
    assert found
    return found


def another(shop: Shop, stripe: FakeStripe) -> str:
    return builders.bought(shop, stripe, cart=new_id("cart"))


def test_a_receipts_links_name_no_address_and_open_by_a_click(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    letter = contents.about_order(shop, order_id)
    assert letter.order_url.startswith("http://localhost:8501/order/")
    assert letter.receipt_url == f"{letter.order_url}?to=receipt"
    assert letter.library_url.startswith("http://localhost:8501/purchases?letter=")
    assert "lindqvist" not in letter.order_url + letter.library_url
    for _ in range(3):
        found = order_links.read(shop, letter.order_url.rpartition("/")[2])
    assert (found.order_id, found.number, found.address) == (order_id, letter.number, NORA)
    assert builders.rows(shop, SignIn) == []


def test_what_was_clicked_opens_that_order_without_addresses_and_no_other(shop: Shop, stripe: FakeStripe) -> None:
    order_id, other = builders.bought(shop, stripe), another(shop, stripe)
    clicked = cookie(shop, order_id)
    found = seen(shop, order_id, Viewer("br_2", "", clicked))
    assert (found.mine, found.by_link, found.email) == (True, True, "n…@lindqvist.example")
    assert found.deliveries[0].files[0].token
    hidden = seen(shop, other, Viewer("br_2", "", clicked))
    assert (hidden.mine, hidden.deliveries, hidden.email) == (False, (), "")
    _, both = order_links.click(shop, token(shop, other), clicked)
    assert [seen(shop, each, Viewer("", "", both)).mine for each in (order_id, other)] == [True, True]
    # Not its last letter, of which a signature uses four bits.
    changed = clicked[:-9] + ("a" if clicked[-9] != "a" else "b") + clicked[-8:]
    for forged in (None, "", changed, signing.sign(shop.signing_key, signing.LETTER, [order_id])):
        assert not seen(shop, order_id, Viewer("br_2", "", forged)).mine


def test_a_plan_that_is_owed_shows_by_a_link_neither_who_sits_in_it_nor_stripes_page_with_its_buyers_address(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, subscription = builders.subscribed(shop, stripe, ("plan-month", 3))
    (grant,) = builders.rows(shop, Grant)
    invitations.invite(shop, NORA, grant.id, "ida@team.example")
    (seat,) = builders.rows(shop, Seat)
    invitations.accept(shop, seat.id, invitations.digits_of(seat, signing_key=shop.signing_key))
    clock.pass_(days=31)
    stripe.fail_renewal(subscription)["hosted_invoice_url"] = "https://invoice.stripe.com/i/1"
    builders.deliver(shop, stripe.tell("customer.subscription.updated", stripe.subscriptions[subscription]))
    builders.ask_stripe(shop)
    whole = seen(shop, order_id, Viewer("br_2", NORA))
    standings = [whole.plan, *(each for found in whole.plans.values() for each in found)]
    assert [bool(each and each.owed and "invoice.stripe.com" in each.pay_url) for each in standings] == [True, True]
    assert "ida@team.example" in str(whole)
    by_link = seen(shop, order_id, Viewer("br_2", "", cookie(shop, order_id)))
    assert by_link.by_link
    assert [each and each.owed for each in (by_link.plan, by_link.plans[grant.order_line_id][0])] == [
        standings[0] and standings[0].owed
    ] * 2
    for secret in ("invoice.stripe.com", "ida@", NORA):
        assert secret not in str(by_link)


def test_its_customer_who_is_signed_in_sees_it_whole_on_any_browser(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    whole = seen(shop, order_id, Viewer("br_2", NORA.upper()))
    assert (whole.mine, whole.by_link, whole.email) == (True, False, NORA)
    assert not seen(shop, order_id, Viewer("br_2", OTHER)).mine


def test_a_link_works_for_a_year_and_what_it_opened_for_a_year_from_the_click(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe)
    written = token(shop, order_id)
    clock.pass_(days=364)
    opened = order_links.click(shop, written, None)[1]
    clock.pass_(days=2)
    with pytest.raises(LinkExpired) as late:
        order_links.read(shop, written)
    assert late.value.subject == NORA
    clock.pass_(days=362)
    assert seen(shop, order_id, Viewer("", "", opened)).by_link
    clock.pass_(days=2)
    assert not seen(shop, order_id, Viewer("", "", opened)).mine


def test_links_of_the_time_when_they_signed_in_lead_to_a_code(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    now = order_links.addresses.mark(NORA)
    with pytest.raises(LinkExpired) as late:
        order_links.read(shop, signing.sign(shop.signing_key, signing.LETTER, f"{order_id}/{now}"))
    assert late.value.subject == NORA


@pytest.mark.parametrize("forged", ["", "nonsense", "a/b/c"])
@builders.on_sqlite
def test_a_forged_link_tells_nothing(shop: Shop, stripe: FakeStripe, forged: str) -> None:
    order_id = builders.bought(shop, stripe)
    for each in (forged, token(shop, order_id)[:-1], signing.sign("x" * 16, signing.LETTER, order_id)):
        with pytest.raises(LinkInvalid):
            order_links.read(shop, each)
    with pytest.raises(LinkInvalid):  # nobody has ever written to this one about the order
        order_links.read(shop, token(shop, order_id, OTHER))


def test_a_link_ends_when_the_address_it_went_to_is_corrected(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    stranger, opened = token(shop, order_id), cookie(shop, order_id)

    def correct(session: Session) -> None:
        owner = session.get_one(Order, order_id).customer_id
        address_changes.change_of_order(
            session, order_id, OTHER, owner=owner, how=How.OWNER, actor="owner", now=shop.now()
        )

    with shop.transaction() as session:
        correct(session)
    with pytest.raises(LinkExpired):
        order_links.click(shop, stranger, None)
    assert not seen(shop, order_id, Viewer("br_2", "", opened)).mine
    assert order_links.read(shop, token(shop, order_id, OTHER)).address == OTHER


def test_signing_out_everywhere_ends_links_what_they_opened_and_the_browser_that_bought(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe)
    before, opened = token(shop, order_id), cookie(shop, order_id)
    assert seen(shop, order_id, Viewer("br_1")).mine
    clock.pass_(minutes=1)
    with shop.transaction() as session:
        sign_in.sign_out_everywhere(session, NORA, now=shop.now())
    with pytest.raises(LinkExpired):
        order_links.read(shop, before)
    assert not seen(shop, order_id, Viewer("br_2", "", opened)).mine
    assert not seen(shop, order_id, Viewer("br_1")).mine
    assert seen(shop, order_id, Viewer("br_1", NORA)).mine
    clock.pass_(minutes=1)
    assert order_links.read(shop, token(shop, order_id)).address == NORA
    assert seen(shop, another(shop, stripe), Viewer("br_1")).mine


def test_what_was_ended_stays_so_when_two_customers_become_one(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe)
    before = token(shop, order_id)
    clock.pass_(minutes=1)
    with shop.transaction() as session:
        sign_in.sign_out_everywhere(session, NORA, now=shop.now())
        customers.remember(session, OTHER, how=How.CODE, now=shop.now())
    with shop.transaction() as session:
        address_changes.change(session, OTHER, NORA, how=How.CODE, keep=True, join=True, actor="buyer", now=shop.now())
    with pytest.raises(LinkExpired):
        order_links.read(shop, before)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_clicks_while_somebody_signs_out_everywhere_has_nothing_open_afterwards(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    """Who has read the letter clicks when all is being ended, and not after that."""
    order_id = builders.bought(shop, stripe)
    written = token(shop, order_id)
    clock.pass_(minutes=1)
    with ThreadPoolExecutor(1) as stranger:
        with shop.transaction() as session:
            sign_in.sign_out_everywhere(session, NORA, now=shop.now())
            clock.pass_(seconds=1)
            clicks = stranger.submit(order_links.click, shop, written, None)
            eventually(lambda: clicks.done() or builders.waiting_for_locks(shop) == 1)
        with pytest.raises(LinkExpired):
            clicks.result(60)

"""Every page and state that a buyer meets, and every letter: axe finds nothing at all, and no two links are called alike."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests import accessibility
from tests.core.messages.test_wording import LETTERS
from tests.journeys.buyer import DEBIT, Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually


class Findings:
    """What was found on pages, by where it was."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.all: list[str] = []
        self._in_turns = [("light", 1280), ("dark", 390)]

    def look(self, where: str, *, plain: bool = False) -> None:
        """Look at the page as it stands: light and wide, and dark and as narrow as a phone. `plain` is none of Streamlit's."""
        for scheme, width in self._in_turns:
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.set_viewport_size({"width": width, "height": 844})
            if not plain:
                accessibility.wait_for_rest(self.page)
            found = accessibility.findings(self.page) + accessibility.same_names(self.page)
            self.all += [f"{where} ({scheme}): {each}" for each in found]
        self.all += [f"{where}: {each}" for each in accessibility.squeezed(self.page)]
        # The next one begins as this one ended: to turn all of a page over is dear.
        self._in_turns.reverse()


@pytest.fixture
def buyer(arrive: Arrive) -> Buyer:
    return arrive("nora")


@pytest.fixture
def found(buyer: Buyer) -> Iterator[Findings]:
    """Fails the test that found anything."""
    made = Findings(buyer.page)
    yield made
    assert not made.all, "\n".join(made.all)


def settles(buyer: Buyer) -> str:
    """Pay by a bank whose money takes its time."""
    session = buyer.checks_out("proposal-kit-eur")
    buyer.pays(DEBIT)
    return session


def opened(address: str, words: str) -> Callable[[Buyer], None]:
    def act(buyer: Buyer) -> None:
        buyer.comes_to(address)
        buyer.sees(words)

    return act


BEFORE = {
    "the shop": opened("/", "The Quiet Launch"),
    "a product": opened("/product?id=quiet-launch", "Add to cart"),
    "an empty cart": opened("/cart", "Your cart is empty"),
    "nothing known": opened("/thanks", "Looking for an order?"),
    "no such order": opened("/order?id=ord_nobody", "This order isn't open here"),
    "no seat": opened("/seat?id=seat_nobody", "No seat waits here"),
    "an account": opened("/account", "Your account"),
    "a withdrawal": opened("/withdraw", "Order number or email"),
    "the details of a withdrawal": opened("/withdraw?order=PL-1", "Email for our acknowledgement"),
    "the seller's terms": opened("/terms", "Terms"),
}

# These have no script of Streamlit's.
PLAIN = {
    "a link that buys": "/buy/quiet-launch",
    "an unknown address": "/nowhere",
    "an unknown product": "/p/nothing",
    "no ticket": "/ticket/nobody",
}


def test_a_stranger_s_pages(buyer: Buyer, found: Findings) -> None:
    for where, act in BEFORE.items():
        act(buyer)
        found.look(where)
    with buyer.expecting("404"):
        for where, address in PLAIN.items():
            buyer.page.goto(f"{buyer.stand.url}{address}")
            found.look(where, plain=True)
    for where, address in (("a date", "/product?id=pricing-clinic"), ("a plan", "/product?id=tally")):
        buyer.comes_to(address)
        buyer.sees("Add to cart")
        found.all += [f"{where}: {each}" for each in accessibility.told_by_a_shade(buyer.page)]
    buyer.opens("/purchases")
    buyer.page.get_by_label("Email").fill(buyer.email)
    found.look("where one signs in")
    buyer.clicks("Send code")
    buyer.sees("We sent a code to")
    found.look("the field for the code")
    buyer.page.get_by_label("Six-digit code").fill("000000")
    buyer.clicks("Sign in")
    buyer.sees(re.compile("isn't the code|Signed in as"))
    found.look("a code that is wrong")


def test_a_buyer_s_pages(buyer: Buyer, found: Findings, stand: Stand, browser: Browser) -> None:
    for price in ("quiet-launch-eur", "proposal-kit-eur", "tally-month-eur"):
        buyer.buys(price)
    session = buyer.buys("pricing-clinic-eur")
    buyer.opens(f"/thanks?session_id={session}")
    number = buyer.sees_everything_delivered()
    found.look("everything is there")
    # The letters of four purchases come as they are sent, in whatever order.
    letters = "\n".join(each["text"] for each in stand.letters(buyer.email, 4))
    ticket = re.search(r"http\S+/ticket/\S+", letters)
    assert ticket
    buyer.page.goto(ticket[0])
    found.look("a ticket", plain=True)
    buyer.opens(f"/thanks?session_id={settles(buyer)}")
    buyer.sees_heading("Your bank is settling this")
    found.look("settling")
    buyer.is_signed_in()
    buyer.sees("On its way")
    found.look("the library")
    buyer.goes_on_to("/account")
    buyer.sees_heading("Where you are signed in")
    found.look("the account")
    stand.pushcart("refund", number, "--yes")
    eventually(lambda: stand.order(number)["status"] == "refunded")
    buyer.goes_on_to(f"/thanks?session_id={session}")
    buyer.sees_heading("Your money went back")
    found.look("refunded")
    buyer.goes_on_to(f"/thanks?session_id={buyer.buys('contract-shelf-eur')}")
    lost = buyer.sees_everything_delivered()
    stand.happens("lose", stand.happens("dispute", stand.order(lost)["stripe"]["payment_intent"])["id"])
    eventually(lambda: stand.order(lost)["status"] == "charged_back")
    buyer.goes_on_to("/purchases")
    buyer.sees("Your bank took the payment back")
    found.look("a library of what went well and what did not")


def test_what_a_letter_leads_to(buyer: Buyer, found: Findings, stand: Stand, arrive: Arrive) -> None:
    buyer.buys("quiet-launch-eur")
    [letter] = stand.letters(buyer.email)
    link = re.search(r"http\S+/order/\S+", letter["text"])
    assert link
    stranger = arrive("somebody")
    found.page = stranger.page
    stranger.opens(link[0])
    stranger.sees("You came from one of our letters.")
    found.look("the link of a letter", plain=True)
    stranger.clicks(re.compile("^Open order"))
    stranger.sees_heading("Thank you. It's all yours.")
    stranger.does_not_see(buyer.email)
    found.look("an order by the link of a letter")
    paper = stranger.page.get_by_role("link", name=re.compile("^Receipt")).get_attribute("href")
    assert paper
    stranger.opens(paper)
    stranger.sees_heading("Receipt")
    found.look("a receipt", plain=True)
    stranger.opens(link[0])
    stranger.sees_heading("Thank you. It's all yours.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_letter(browser: Browser, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    found = []
    for name, letter in LETTERS.items():
        page.set_content(letter.html)
        # What is bought in the first is all called alike.
        names = [] if name == "everything" else accessibility.same_names(page)
        # By night a letter is built as it is by day, and only looks otherwise.
        rules = accessibility.OF_LOOKS if scheme == "dark" else ()
        found += [f"{name}: {each}" for each in accessibility.findings(page, only=rules) + names]
    context.close()
    assert found == []

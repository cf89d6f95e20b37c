"""A buyer at a browser of their own: what people do in the shop, in the words of the pages."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, WebError, WebSocket, expect

from core.foundation import signing
from core.people import sign_in
from tests.browser import until_it_rests
from tests.journeys import contexts
from tests.journeys.stand import Stand
from tests.machine import eventually

PATIENCE = 30_000
HERE = ("localhost", "127.0.0.1", None)

WORKS = "4242 4242 4242 4242"
ASKS_THE_BANK = "4000 0025 0000 3155"
DECLINED = "4000 0000 0000 0002"
DEBIT = "AT32 1904 3002 3547 3204"

# What the browser itself notes when the hosted page answers that a payment was refused.
PAYMENT_REQUIRED = "the server responded with a status of 402"

PAYMENT_PAGE = re.compile(r"/c/pay/(cs_\w+)")
THANK_YOU_PAGE = re.compile(r"/thanks\?session_id=(cs_\w+)")
ALL_YOURS = "Thank you. It's all yours."

_FOCUSED = """() => {
    const it = document.activeElement;
    if (!it.matches("a, button, input")) return it.tagName;
    return it.ariaLabel || it.labels?.[0]?.innerText || it.innerText;
}"""

_GO_ON = """to => { history.pushState(null, "", to); dispatchEvent(new PopStateEvent("popstate")); }"""


class Buyer:
    """One browser with one tab. Whatever goes wrong behind the scenes is kept in `troubles`."""

    def __init__(self, browser: Browser, stand: Stand, email: str, *, language: str = "en-GB") -> None:
        self.context, self.page = contexts.borrowed(browser, locale=language)
        self.context.set_default_timeout(PATIENCE)
        self.troubles: list[str] = []
        self._expected: list[str] = []
        self._attended: list[Page] = []
        for event, hear in self._ears.items():
            self.context.on(event, hear)  # type: ignore[call-overload]
        self._attend(self.page)
        self.stand = stand
        self.email = email

    def leaves(self) -> None:
        """Close the browser for good, if that was not done before."""
        if self._attended:
            for event, hear in self._ears.items():
                self.context.remove_listener(event, hear)
            for page in self._attended:
                page.remove_listener("websocket", self._watch_socket)
            self._attended.clear()
            contexts.given_back(self.context)

    # ------------------------------------------------------------------ looking around

    def opens(self, address: str) -> None:
        """Type an address of the shop, or a whole one. A page that begins as plain HTML is the page itself by then."""
        self.page.goto(address if address.startswith("http") else self.stand.url + address)
        expect(self.page.locator("body:has(#root) #first")).to_have_count(0)

    def goes_on_to(self, address: str) -> None:
        """Another page of the shop in the page that is open, as by the browser's own buttons: it need not begin anew."""
        before, elsewhere = self.page.title(), urlsplit(address).path != urlsplit(self.page.url).path
        until_it_rests(self.page)
        self.page.evaluate(_GO_ON, address)
        until_it_rests(self.page)
        if elsewhere:
            expect(self.page).not_to_have_title(before)
        self.page.get_by_role("heading", level=1).first.wait_for()

    def comes_to(self, address: str) -> None:
        """A page of the shop by whichever way is shorter: from the one that is open, or by its address."""
        is_inside = self.page.url.startswith(self.stand.url) and self.page.locator("[data-testid=stApp]").count()
        (self.goes_on_to if is_inside else self.opens)(address)

    def looks_again(self) -> None:
        """The same page anew, as it is now: whoever wants to see the browser load it has the page reloaded."""
        self.goes_on_to(self.page.url.removeprefix(self.stand.url))

    def opens_in_new_tab(self, address: str) -> None:
        """The same in another tab, which is the one in use from now on."""
        self.page = self.context.new_page()
        self.opens(address)

    def sees(self, words: str | re.Pattern[str]) -> None:
        """These words are on the page, or come soon."""
        expect(self.page.get_by_text(words).filter(visible=True).first).to_be_visible()

    def sees_heading(self, words: str) -> None:
        """A heading with these words is on the page, or comes soon."""
        expect(self.page.get_by_role("heading", name=words, exact=True)).to_be_visible()

    def does_not_see(self, words: str | re.Pattern[str]) -> None:
        """These words are nowhere on the page. Only of use after something else was seen."""
        expect(self.page.get_by_text(words).filter(visible=True)).to_have_count(0)

    def clicks(self, name: str | re.Pattern[str], role: str = "button") -> None:
        """Click the one button (or link) of this name."""
        self.page.get_by_role(role, name=name).click()  # type: ignore[arg-type]

    def tabs_to(self, name: str) -> None:
        """Press Tab until the focus is on what bears this name."""
        seen = []
        for _ in range(60):
            self.page.keyboard.press("Tab")
            seen.append(self.page.evaluate(_FOCUSED))
            if name in seen[-1]:
                return
        raise AssertionError(f"Tab never came to {name!r}, but to {seen}")

    # ------------------------------------------------------------------ choosing

    def puts_in_cart(self, product: str) -> None:
        """Come to the shop, look at a product, and take it."""
        self.opens("/")
        tile = self.page.locator("[class*='st-key-tile-']").filter(has=self.page.get_by_role("heading", name=product))
        tile.get_by_role("link").click()
        self.sees_heading(product)
        self.clicks("Add to cart")
        self.sees("in your cart.")

    def adjusts(self, label: str, quantity: int) -> None:
        """Type another quantity."""
        field = self.page.get_by_label(label, exact=True)
        field.fill(str(quantity))
        field.press("Enter")

    def goes_to_cart(self) -> None:
        """From a product just taken to the cart."""
        self.clicks("Go to cart")
        self.sees_heading("Your cart")

    def goes_to_payment(self) -> str:
        """From the cart to the payment page; the id of its Session."""
        # Before the style has come, the one for phones is to be seen as well.
        self.page.get_by_role("button", name="Go to payment").first.click()
        return self.arrives_at_payment()

    def arrives_at_payment(self) -> str:
        """The payment page is there; the id of its Session."""
        self.page.wait_for_url(PAYMENT_PAGE)
        self.sees_heading("Payment")
        return _found(PAYMENT_PAGE, self.page.url)

    def checks_out(self, price: str, quantity: int = 1, **more: str) -> str:
        """Straight to the payment page, through the shop's HTTP door; the id of the Session."""
        self.opens(self._orders(price, quantity, **more)["url"])
        return self.arrives_at_payment()

    def buys(self, price: str, quantity: int = 1) -> str:
        """Order and pay without looking at a page, where that is not what is to be seen; the id of the Session."""
        ordered = self._orders(price, quantity, email=self.email)
        session = _found(PAYMENT_PAGE, ordered["url"])
        self.stand.stripe(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
        eventually(lambda: self.stand.order(ordered["order_id"])["status"] == "fulfilled")
        return session

    def _orders(self, price: str, quantity: int, **more: str) -> dict[str, Any]:
        basket = {"cart_id": f"cart-{token_hex(8)}", "items": [{"price": price, "quantity": quantity}], **more}
        answer = self.context.request.post(f"{self.stand.url}/api/checkout", data=basket)
        assert answer.ok, answer.text()
        ordered: dict[str, Any] = answer.json()
        return ordered

    # ------------------------------------------------------------------ paying

    @property
    def card_number(self) -> Locator:
        return self.page.get_by_label(re.compile("^Card (or account )?number$"))

    def pays(self, number: str = WORKS) -> None:
        """Fill in the payment page and press its button."""
        self.page.get_by_label("Email").fill(self.email)
        self.card_number.fill(number)
        self.presses_pay()

    def presses_pay(self) -> None:
        """Press the button of the payment page."""
        self.clicks(re.compile("^Pay .* of pretend money$"))

    def returns(self) -> str:
        """The thank-you page is there; the id of its Session."""
        self.page.wait_for_url(THANK_YOU_PAGE)
        return _found(THANK_YOU_PAGE, self.page.url)

    def sees_everything_delivered(self) -> str:
        """The thank-you page is green, or turns green by itself; the number of the order."""
        self.sees_heading(ALL_YOURS)
        self.sees("Paid")
        return self.order_number()

    def order_number(self) -> str:
        """The number of the order on the page."""
        line = self.page.get_by_text(re.compile(r"Order \w+-\d+")).first
        return _found(re.compile(r"Order (\w+-\d+)"), line.inner_text())

    def downloads(self, label: str) -> bytes:
        """Click the link to a file, and look into what arrives."""
        with self.page.expect_download() as started:
            self.page.get_by_role("link", name=re.compile(rf"(^|Download ){label}, ")).click()
        return Path(started.value.path()).read_bytes()

    # ------------------------------------------------------------------ coming back

    def signs_in(self) -> None:
        """Open the library with a code that the owner has read out."""
        self.comes_to("/purchases")
        self.page.get_by_label("Email").fill(self.email)
        self.clicks("Send code")
        self.page.get_by_label("Six-digit code").fill(self.stand.pushcart("sign-in-code", self.email)["code"])
        self.clicks("Sign in")
        self.sees(f"Signed in as {self.email}")

    def is_signed_in(self) -> None:
        """Open the library as whoever has typed a code, where typing one is not what is to be seen."""
        shop = self.stand.shop
        with shop.transaction() as session:
            ticket = sign_in.begin(session, shop, self.email)
        self._redeems(ticket)
        self.opens("/purchases")
        self.sees(f"Signed in as {self.email}")

    def works_here(self, address: str = "/owner") -> None:
        """Open a page of the owner's as whoever has come in by the demo's button, where that is not what is to be seen."""
        self._redeems(sign_in.as_demo_owner(self.stand.shop))
        self.opens(address)

    def _redeems(self, ticket: str) -> None:
        handed = sign_in.handed_to(self.stand.shop, ticket, self._browser())
        answer = self.context.request.get(f"{self.stand.url}/api/sign-in/{quote(handed)}", max_redirects=0)
        assert answer.status == 303, answer.status

    def _browser(self) -> str:
        """What the shop knows this browser by, which has seen a page of it from now on."""
        named = [each for each in self.context.cookies() if each["name"] == signing.BROWSER_COOKIE]
        if not named:
            assert self.context.request.get(self.stand.url).ok
            return self._browser()
        return signing.in_cookie(self.stand.shop.signing_key, signing.BROWSER, named[0]["value"])

    # ------------------------------------------------------------------ what goes wrong

    @cached_property
    def _ears(self) -> dict[str, Callable[[Any], None]]:
        return {
            "console": self._hear,
            "weberror": self._note_error,
            "request": lambda request: self._watch(request.url),
            "page": self._attend,
        }

    def _attend(self, page: Page) -> None:
        page.on("websocket", self._watch_socket)
        self._attended.append(page)

    def _watch_socket(self, socket: WebSocket) -> None:
        self._watch(socket.url)

    @contextmanager
    def expecting(self, words: str) -> Iterator[None]:
        """Inside the block the console may complain in these words."""
        self._expected.append(words)
        yield
        self._expected.remove(words)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in self._expected):
            # Of what did not load only the place says which it was.
            where = f"{message.page.url if message.page else '?'}, {message.location['url']}"
            self.troubles.append(f"console of {where}: {message.text}")

    def _note_error(self, error: WebError) -> None:
        self.troubles.append(f"script: {error.error}")

    def _watch(self, url: str) -> None:
        address = urlsplit(url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname not in HERE:
            self.troubles.append(f"left the machine: {url}")


def link_in(letter: dict[str, str]) -> str:
    """The link to the library that a letter holds."""
    return _found(re.compile(r"(http\S+/purchases\?letter=\S+)"), letter["text"])


def order_link_in(letter: dict[str, str]) -> str:
    """The link to its order that a letter holds."""
    return _found(re.compile(r"(http\S+/order/\S+)"), letter["text"])


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    assert match, f"{pattern.pattern} is not in {text!r}"
    return match[1]

"""What a buyer meets before Streamlit is there, while it is away, and on a slow line."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand

# What Streamlit says of itself where nothing of ours stands before it.
ITS_OWN_WORDS = re.compile("streamlit|running|connection error|is not responding|rerun", re.IGNORECASE)
# 400 kbit/s, and 300 ms until an answer begins.
SLOW = {"offline": False, "latency": 300, "downloadThroughput": 50_000, "uploadThroughput": 50_000}


def shown(page: Page) -> str:
    """Every word that is to be seen."""
    return str(page.evaluate("document.body.innerText"))


def test_a_shop_that_goes_away_says_so_and_comes_back_by_itself(arrive: Arrive, stand: Stand) -> None:
    rosa = arrive("rosa")
    rosa.page.set_viewport_size({"width": 390, "height": 800})
    rosa.opens("/p/quiet-launch")
    rosa.clicks("Add to cart")
    rosa.sees("in your cart.")
    away = rosa.page.get_by_role("status").filter(has_text="It comes back by itself")
    with (
        rosa.expecting("WebSocket connection"),
        rosa.expecting("ERR_CONNECTION_REFUSED"),
        rosa.expecting("Is Streamlit still running"),
        rosa.expecting("Client Error in reaching server"),
    ):
        stand.kill("storefront")
        expect(away).to_be_visible()
        # In colours of somebody's own all that has a border shows where it begins.
        expect(away).to_have_css("border-top-style", "solid")
        # Long enough for Streamlit to have said its own.
        rosa.page.wait_for_timeout(4000)
        assert not ITS_OWN_WORDS.search(shown(rosa.page))
        stand.start("storefront")
        expect(away).to_be_hidden(timeout=60_000)
    rosa.sees_heading("The Quiet Launch")
    rosa.goes_to_cart()
    assert not ITS_OWN_WORDS.search(shown(rosa.page))


# Keeps each connection of the page where a test can cut it.
LINES = """(() => {
    const send = WebSocket.prototype.send;
    window.lines = new Set();
    WebSocket.prototype.send = function (data) { window.lines.add(this); return send.call(this, data); };
})()"""


def test_whoever_types_while_the_line_breaks_goes_on_where_they_were(arrive: Arrive) -> None:
    runa = arrive("runa")
    runa.page.add_init_script(LINES)
    runa.opens("/withdraw")
    field = runa.page.get_by_label("Order number or email")
    field.click()
    runa.page.keyboard.type("PL-")
    runa.page.evaluate("() => lines.forEach(line => line.close())")
    expect(field).to_be_disabled()
    expect(field).to_be_enabled()
    expect(field).to_be_focused()
    runa.page.keyboard.type("1001")
    expect(field).to_have_value("PL-1001")


def test_who_is_let_through_to_no_websocket_keeps_a_page_that_sells(browser: Browser, stand: Stand) -> None:
    with browser.new_context() as context:
        page, visits = context.new_page(), []
        page.route_web_socket("**/_stcore/stream", lambda socket: socket.close())
        page.on("framenavigated", lambda frame: visits.append(frame.url))
        page.goto(f"{stand.url}/p/quiet-launch")
        page.wait_for_timeout(4000)
        expect(page.locator("#first").get_by_role("button", name="Buy now")).to_be_visible()
        assert not ITS_OWN_WORDS.search(shown(page))
        # The address became that of the page's own, once.
        assert len(visits) <= 2


def test_without_scripts_the_first_html_stays_and_buys(browser: Browser, stand: Stand) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{stand.url}/")
        page.get_by_role("link", name="See the guide").click()
        expect(page.get_by_role("heading", name="The Quiet Launch")).to_be_visible()
        for box in page.get_by_role("checkbox").all():
            box.check()
        page.get_by_role("button", name="Buy now").click()
        page.wait_for_url(re.compile("/c/pay/cs_"))


def test_a_slow_line_shows_the_price_at_once_and_carries_the_page_soon(browser: Browser, stand: Stand) -> None:
    # The first to come is given what is packed quickly.
    with browser.new_context() as first:
        first.new_page().goto(f"{stand.url}/p/quiet-launch", wait_until="networkidle")
    with browser.new_context() as context:
        page = context.new_page()
        asked, fetched = {}, {}
        line = context.new_cdp_session(page)
        line.send("Network.enable")
        line.on("Network.requestWillBeSent", lambda each: asked.update({each["requestId"]: each["request"]["url"]}))
        line.on("Network.loadingFinished", lambda each: fetched.update({each["requestId"]: each["encodedDataLength"]}))
        line.send("Network.emulateNetworkConditions", SLOW)
        page.goto(f"{stand.url}/p/quiet-launch", wait_until="commit")
        plain = page.locator("#first")
        expect(plain).to_contain_text("€29", timeout=2000)
        expect(plain.get_by_role("button", name="Add to cart")).to_be_visible(timeout=2000)
        line.send("Network.emulateNetworkConditions", {**SLOW, "latency": 0, "downloadThroughput": -1})
        expect(page.locator("[data-testid=stMain]").get_by_role("button", name="Add to cart")).to_be_visible()
        # The icons come last, when the page can be used. So many seconds the slow line would need for all others;
        # measure_slow_line waits for them.
        needed = [size for one, size in fetched.items() if "MaterialSymbols" not in asked.get(one, "")]
        assert sum(needed) / SLOW["downloadThroughput"] < 13
        assert len(needed) < 90

"""What tests do with a page waits until an element is there once, as it is when Streamlit's script has run."""

import re

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests import browser as patience

# Each of them is there twice for a while, and the one that goes comes first.
MOVING = """<main><label>Email <input></label> <button onclick="this.textContent = 'Sent'">Send</button><h1>Seats</h1></main>
<script>
    const old = document.querySelector("main").cloneNode(true);
    document.body.prepend(old);
    if (GOES) setTimeout(() => old.remove(), 300);
</script>"""


def _shown(page: Page, *, goes: bool) -> Page:
    page.set_content(MOVING.replace("GOES", str(goes).lower()))
    return page


def test_what_is_there_twice_for_a_while_is_waited_for(browser: Browser) -> None:
    page = browser.new_page()
    _shown(page, goes=True).get_by_label("Email").fill("ben@example.com")
    expect(page.get_by_label("Email")).to_have_value("ben@example.com")
    _shown(page, goes=True).get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Sent").wait_for()
    expect(_shown(page, goes=True).get_by_role("heading", name="Seats")).to_be_visible()
    assert _shown(page, goes=True).get_by_role("heading").inner_text() == "Seats"
    page.close()


def test_what_stays_twice_is_a_fault_of_the_page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ALONE", 0.2)
    page = _shown(browser.new_page(), goes=False)
    with pytest.raises(Error, match="strict mode violation"):
        page.get_by_role("button", name="Send").click()
    with pytest.raises(AssertionError, match="strict mode violation"):
        expect(page.get_by_role("heading", name=re.compile("^Seats$"))).to_be_visible()
    page.close()


# A script of Streamlit that runs, and then draws its field anew.
RERUN = """<div data-testid=stApp data-test-script-state=running><label>Email <input></label></div>
<script>
    const app = document.querySelector("div"), field = document.querySelector("input");
    setTimeout(() => { field.value = ""; app.dataset.testScriptState = "notRunning"; }, 300);
</script>"""


def test_nothing_is_typed_while_the_script_runs(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(RERUN)
    page.get_by_label("Email").fill("ben@example.com")
    expect(page.locator("[data-test-script-state=notRunning]")).to_have_count(1)
    expect(page.get_by_label("Email")).to_have_value("ben@example.com")
    page.close()


# A page that asks when something is clicked, as Streamlit does, and draws its field anew when the answer comes, much later.
# The hash of a message comes before what it says.
ASKS = """<div data-testid=stApp data-test-script-state=notRunning><label>Email <input></label><button>Ask</button></div>
<script>
    const state = document.querySelector("div").dataset, socket = new EventTarget();
    const answer = message => {
        const [, , , field, value] = message;
        state.testScriptState = field === 0x22 ? "running" : "notRunning";
        if (field === 0x30) document.querySelector("input").value = "";
        socket.dispatchEvent(new MessageEvent("message", { data: new Uint8Array(message).buffer }));
    };
    document.querySelector("button").onclick = () => {
        // Nobody is connected: that it was to be sent is what counts.
        try { WebSocket.prototype.send.call(socket, new Uint8Array([0x5a, 0])); } catch { }
        ANSWERS.forEach((each, which) => setTimeout(() => answer([0x0a, 1, 65, ...each]), 300 * (which + 1)));
    };
</script>"""
BEGINS, HAS_RUN, RUNS_AGAIN = [0x22, 0], [0x30, 0], [0x30, 2]


@pytest.mark.parametrize("answers", [[HAS_RUN], [BEGINS, HAS_RUN], [BEGINS, RUNS_AGAIN, HAS_RUN]])
def test_nothing_is_typed_while_the_answer_is_awaited(browser: Browser, answers: list[list[int]]) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        # Content that is only set knows no script of the context's.
        page.route(
            "**/*", lambda route: route.fulfill(body=ASKS.replace("ANSWERS", str(answers)), content_type="text/html")
        )
        page.goto("http://127.0.0.1/")
        page.get_by_role("button").click()
        page.get_by_label("Email").fill("ben@example.com")
        expect(page.locator("html[data-asked]")).to_have_count(0)
        expect(page.get_by_label("Email")).to_have_value("ben@example.com")

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

"""The panel as a person has it before them: it moves by itself, and does not move what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from sandbox.account.settings import Settings
from tests import accessibility
from tests.machine import free_port
from tests.sandbox.panel.test_mailbox import send
from tests.sandbox.running import KEY, World, serving
from tests.sandbox.visitor import Visitor


def test_a_scenario_says_once_what_it_did_with_a_link_to_look(world: World, visitor: Visitor) -> None:
    page = visitor.page
    visitor.opens("/")
    visitor.presses("Pay and close the tab")
    visitor.complains("Put something in the cart")
    session = world.session()
    visitor.presses("Pay and close the tab")
    visitor.says(re.compile("Paid cs_test_.* and closed the tab"))
    assert world.read(session).payment_status == "paid"
    assert "said" not in page.url
    page.locator("#said").get_by_role("link").first.click()
    expect(page.locator("#json")).to_contain_text(session.id)
    page.locator("#json").get_by_role("link", name=re.compile("^pi_")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("payment_intent")
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Control panel")
    expect(page.locator("main [role=status]")).to_have_count(0)


def test_the_page_changes_by_itself_and_keeps_what_the_reader_has(world: World, visitor: Visitor) -> None:
    page = visitor.page
    world.paid()
    world.raw("POST", "/v1/webhook_endpoints", f"url={world.endpoint.url}&enabled_events[]=product.created")
    visitor.opens("/")
    page.get_by_label(f"Show the signing secret of {world.endpoint.url}").last.click()
    secret = page.get_by_text(re.compile("^whsec_")).last
    expect(secret).to_be_visible()
    refund = page.get_by_role("button", name=re.compile("^Refund pi_"))
    refund.focus()
    page.mouse.move(2, 2)
    page.evaluate("window.same = true")
    session = world.session()
    expect(page.locator(f"#row-{session.id}")).to_be_visible()
    world.session()
    world.paid()
    expect(page.locator("#payments tbody tr")).to_have_count(2)
    world.raw("POST", "/v1/webhook_endpoints", "url=http://127.0.0.1:9/&enabled_events[]=*")
    expect(page.locator("#endpoints tbody tr")).to_have_count(3)
    expect(secret).to_be_visible()
    expect(refund.last).to_be_focused()
    assert page.evaluate("window.same")
    expect(page.locator("#news")).to_have_text(re.compile("Changed: .*Payments"))


def test_what_lies_under_the_pointer_does_not_move(world: World, visitor: Visitor) -> None:
    page = visitor.page
    first = world.session()
    visitor.opens("/")
    page.get_by_role("button", name=f"Expire {first.id}").hover()
    world.paid()
    # The payment is there, so the news has arrived; the sessions wait for the pointer to leave.
    expect(page.locator("#payments tbody tr[id]")).to_have_count(1)
    expect(page.locator("#sessions tbody tr[id]")).to_have_count(1)
    page.mouse.move(2, 2)
    expect(page.locator("#sessions tbody tr[id]")).to_have_count(2)


def test_more_rows_are_shown_at_the_same_place(world: World, visitor: Visitor) -> None:
    page = visitor.page
    for _ in range(9):
        world.session()
    visitor.opens("/")
    expect(page.locator("#sessions tbody tr")).to_have_count(8)
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("#sessions tbody tr")).to_have_count(9)
    assert page.evaluate("window.same")
    page.reload()
    expect(page.locator("#sessions tbody tr")).to_have_count(9)


def test_a_dial_is_set_and_counts_down_before_the_readers_eyes(world: World, visitor: Visitor) -> None:
    page = visitor.page
    visitor.opens("/panel/faults")
    page.get_by_label("Decline payments").fill("two")
    page.get_by_label("Lost, by chance", exact=True).fill("12.5")
    visitor.presses("Set the dials")
    visitor.complains("Decline payments: Type a number.")
    expect(page.get_by_label("Decline payments")).to_have_value("two")
    expect(page.get_by_label("Lost, by chance", exact=True)).to_have_value("12.5")
    page.get_by_label("Decline payments").fill("2")
    page.get_by_label("Late, by chance, as a slider").fill("30")
    visitor.presses("Set the dials")
    visitor.says("Set 3 dials.")
    armed = world.http.get("/sandbox/faults").json()
    assert (armed["decline_next"], armed["drop_rate"], armed["shuffle_rate"]) == (2, 0.125, 0.3)
    expect(page.locator("#now-decline_next")).to_have_text("2 left")
    world.pay(world.session())
    expect(page.locator("#now-decline_next")).to_have_text("1 left")
    expect(page.locator("#tabs")).to_contain_text("Faults 3")
    visitor.presses("Disarm all")
    visitor.says("Disarmed 3 faults.")
    assert not any(world.http.get("/sandbox/faults").json()[name] for name in ("decline_next", "drop_rate"))


def test_what_was_said_is_seen_where_the_button_was_and_can_be_put_away(world: World, visitor: Visitor) -> None:
    page = visitor.page
    world.paid()
    visitor.opens("/")
    page.set_viewport_size({"width": 1280, "height": 400})
    visitor.presses(re.compile("^Dispute pi_"))
    notice = page.locator("#said")
    expect(notice).to_contain_text("is disputed")
    expect(notice).to_be_in_viewport()
    expect(page.locator("#payments h2")).to_be_in_viewport()
    page.get_by_label("Close this message").click()
    expect(notice).to_have_count(0)


def test_a_page_whose_object_is_forgotten_says_so(world: World, visitor: Visitor) -> None:
    send(world, "Your receipt")
    visitor.opens("/inbox")
    world.http.delete("/inbox")
    expect(visitor.page.locator("#lost")).to_have_text("What this page shows is no longer there.")


def test_nothing_is_forgotten_before_it_was_asked_twice(world: World, visitor: Visitor) -> None:
    page = visitor.page
    world.paid()
    visitor.opens("/")
    page.get_by_text("Forget everything", exact=True).click()
    visitor.presses("Yes, forget everything")
    visitor.says(re.compile(r"Forgot 1 session, 1 payment and \d events\."))
    assert world.events() == []


def test_letters_are_counted_as_they_come_and_read_in_all_their_forms(world: World, visitor: Visitor) -> None:
    page = visitor.page
    visitor.opens("/")
    send(world, "Your receipt", "<p>Danke <a href='http://127.0.0.1:9/purchases'>schön</a></p>")
    page.get_by_role("link", name="Mailbox 1 unread").click()
    expect(page.frame_locator("iframe").get_by_text("Danke")).to_be_visible()
    page.get_by_text("Plain text").click()
    expect(page.get_by_label("Plain text")).to_have_text(re.compile("Danke schön"))
    page.get_by_text("Headers and source").click()
    expect(page.get_by_label("Source")).to_contain_text("Content-Type: multipart")
    with page.expect_download() as started:
        page.get_by_role("link", name="place.ics").click()
    assert started.value.suggested_filename == "place.ics"
    send(world, "Another")
    expect(page.get_by_role("link", name=re.compile("^Another"))).to_be_visible()
    expect(page.get_by_role("heading", name="Your receipt")).to_be_visible()
    page.get_by_label("Search the letters").fill("receipt")
    visitor.presses("Search")
    expect(page.locator(".letters li")).to_have_count(1)
    visitor.presses("Delete this letter")
    visitor.says("Deleted the letter.")
    assert [letter["subject"] for letter in world.http.get("/inbox.json").json()] == ["Another"]


@pytest.fixture
def plain(browser: Browser, world: World) -> Iterator[Visitor]:
    """Somebody whose browser runs no scripts."""
    made = Visitor(browser, world.settings.base_url, java_script_enabled=False)
    yield made
    made.leaves()


def test_everything_works_without_scripts(world: World, plain: Visitor) -> None:
    session = world.session()
    plain.opens("/")
    plain.presses("Pay and close the tab")
    plain.says("closed the tab")
    plain.page.reload()
    expect(plain.page.locator("main [role=status]")).to_have_count(0)
    plain.page.get_by_role("link", name="All faults, with their dials").click()
    plain.page.get_by_label("Fail in this way").select_option(label="Answer 429, do nothing")
    plain.page.get_by_label("For so many requests").fill("3")
    plain.page.get_by_label("Every event twice").check()
    plain.presses("Set the dials")
    plain.says("Set 3 dials.")
    faults = world.http.get("/sandbox/faults").json()
    assert (faults["api"], faults["api_next"], faults["twice"]) == ("429", 3, True)
    world.faults(api="", api_next=0)
    assert world.read(session).payment_status == "paid"


def test_a_button_is_found_and_pressed_with_the_keyboard_alone(world: World, visitor: Visitor) -> None:
    page = visitor.page
    session = world.session()
    visitor.opens("/")
    button = page.get_by_role("button", name="Pay and close the tab")
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("it => it === document.activeElement"):
            break
    expect(button).to_be_focused()
    expect(button).to_have_css("outline-style", "solid")
    page.keyboard.press("Enter")
    visitor.says("closed the tab")
    assert world.read(session).payment_status == "paid"


def test_whoever_wants_no_motion_gets_none(world: World, browser: Browser) -> None:
    still = Visitor(browser, world.settings.base_url, reduced_motion="reduce")
    still.opens("/")
    world.paid()
    session = world.session()
    row = still.page.locator(f"#row-{session.id}")
    expect(row).to_be_visible()
    expect(row.locator("td").first).to_have_css("animation-name", "none")
    still.leaves()


def test_whoever_has_colours_of_their_own_sees_which_page_and_which_letter_is_open(
    world: World, browser: Browser
) -> None:
    send(world, "Your receipt")
    send(world, "Another")
    hers = Visitor(browser, world.settings.base_url, forced_colors="active")
    hers.opens("/inbox")
    here, elsewhere = (hers.page.locator(f".tabs a{each}").first for each in ("[aria-current]", ":not([aria-current])"))
    line = "each => getComputedStyle(each).borderBottomColor"
    assert here.evaluate(line) != elsewhere.evaluate(line)
    expect(hers.page.locator(".letters a[aria-current]")).to_have_css("outline-style", "solid")
    expect(hers.page.locator(".letters a:not([aria-current])")).to_have_css("outline-style", "none")
    hers.leaves()


def test_on_a_phone_no_page_scrolls_sideways_and_axe_finds_nothing_at_all(world: World, browser: Browser) -> None:
    _a_bit_of_everything(world)
    subscription, invoice = world.api.subscriptions.list().data[0], world.api.invoices.list().data[0]
    portal = world.api.billing_portal.sessions.create({"customer": subscription.customer}).url
    phone = Visitor(browser, world.settings.base_url, viewport={"width": 390, "height": 844})
    event, intent = world.events("customer.subscription.created")[0].id, world.api.payment_intents.list().data[0].id
    for address in (
        "/",
        "/panel/events",
        f"/panel/events/{event}",
        f"/panel/objects/{intent}",
        "/panel/faults",
        "/inbox",
        "/inbox?q=nothing",
        portal,
        invoice.hosted_invoice_url,
    ):
        phone.opens(address)
        assert not phone.overflows, address
        assert accessibility.findings(phone.page) == [], address
    phone.leaves()


def _a_bit_of_everything(world: World) -> None:
    world.subscribed()
    world.act("dispute", world.paid().payment_intent)
    world.raw("POST", "/v1/webhook_endpoints", "url=http://127.0.0.1:9/&enabled_events[]=*")
    world.raw("POST", "/v1/test_helpers/test_clocks", "frozen_time=1800000000")
    send(world, "Your receipt", "<p>Danke</p>")


def test_the_page_says_that_the_sandbox_was_stopped_and_goes_on_when_it_is_back(browser: Browser) -> None:
    settings = Settings(port=free_port(), smtp_port=free_port(), data=":memory:", webhook_url="")
    reader = Visitor(browser, settings.base_url)
    with serving(settings):
        reader.opens("/")
        expect(reader.page.locator("#lost")).to_be_hidden()
    expect(reader.page.locator("#lost")).to_have_text(re.compile("The sandbox is not running"))
    with serving(settings):
        expect(reader.page.locator("#lost")).to_be_hidden()
        with httpx.Client(base_url=settings.base_url, headers={"Authorization": f"Bearer {KEY}"}) as client:
            client.post("/v1/products", data={"name": "x"}).raise_for_status()
        expect(reader.page.locator("#events")).to_contain_text("product.created")
        reader.context.close()
    # The browser itself notes every look in vain.
    assert [trouble for trouble in reader.troubles if "net::ERR_" not in trouble] == []

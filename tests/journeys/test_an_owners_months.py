"""An owner from the first hour to a month's end, in a demo of its own: set-up list, a day's work, the accountant's files. And
on the way: what strangers see by direct address, and what axe finds on every page, empty and full."""

import csv
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from storefront.links import OWNER_PATHS
from tests import accessibility
from tests.journeys.buyer import Buyer
from tests.journeys.stand import LINES, ROOT, Stand
from tests.machine import eventually

Come = Callable[[str], Buyer]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# Whether the paper that everything stands on is darker than half grey.
_IS_DARK = """() => getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor
    .match(/\\d+/g).slice(0, 3).every(each => each < 128)"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, browser: Browser, schema: Path) -> Iterator[Stand]:
    """A demo that nobody has touched, for all of this module, whose tests follow each other."""
    stand = Stand(tmp_path_factory.mktemp("months"), schema=schema, sweep_seconds=3600)
    try:
        stand.start("sandbox", "webhook", "worker", "storefront")
        yield stand
    finally:
        stand.stop(*LINES)


@pytest.fixture(scope="module")
def season(demo: Stand) -> int:
    """The demo's season of sales, from here on; how many orders it has."""
    made = demo.pushcart("demo", "season")
    assert made == {"orders": 400}
    return int(made["orders"])


@pytest.fixture
def come(browser: Browser, demo: Stand) -> Iterator[Come]:
    """Has somebody come to the demo. Trouble in a browser, or in any process, fails the test."""
    people: list[Buyer] = []

    def new(name: str) -> Buyer:
        people.append(Buyer(browser, demo, email=f"{name}@example.com"))
        return people[-1]

    yield new
    for each in people:
        each.leaves()
    assert not [trouble for each in people for trouble in each.troubles]
    assert not demo.complaints()


@pytest.fixture(scope="module")
def _owner(browser: Browser, demo: Stand) -> Iterator[Buyer]:
    """The owner, in by the demo's button, with one browser for all these months: it knows the shop's scripts by now."""
    owner = Buyer(browser, demo, email="owner@example.com")
    owner.opens("/owner")
    owner.clicks("See it as the owner")
    owner.sees_heading("Overview")
    # Pages are looked at as they are when nothing moves any more.
    owner.page.add_style_tag(content="*, ::before, ::after { transition: none !important; }")
    yield owner
    owner.leaves()


@pytest.fixture
def owner(_owner: Buyer, come: Come) -> Iterator[Buyer]:
    """The owner at the overview. Trouble in the browser fails the test."""
    _owner.page.set_viewport_size(DESK)
    _owner.page.emulate_media(color_scheme="light")
    _owner.goes_on_to("/owner")
    _owner.sees_heading("Overview")
    yield _owner
    assert not _owner.troubles


def looks_through(owner: Buyer, addresses: list[str], *, by_day: bool = True) -> list[str]:
    """Open each of these pages, and say what is wrong with it on a desk by day and on a phone by night."""
    found = []
    by_night, in_turns = (PHONE, "dark"), [(DESK, "light"), (PHONE, "dark")]
    for address in addresses:
        owner.goes_on_to(address)
        for nth, (size, scheme) in enumerate(in_turns if by_day else [by_night]):
            owner.page.set_viewport_size(size)
            owner.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            accessibility.wait_for_rest(owner.page)
            assert owner.page.evaluate(_IS_DARK) == (scheme == "dark")
            # The second time it is built as it was, and only looks otherwise.
            rules = accessibility.OF_LOOKS if nth else ()
            found += [f"{address} ({scheme}): {each}" for each in accessibility.findings(owner.page, only=rules)]
        found += [f"{address}: {each}" for each in accessibility.squeezed(owner.page)]
        # The next one begins as this one ended: to turn all of a page over is dear.
        in_turns.reverse()
    owner.page.set_viewport_size(DESK)
    owner.page.emulate_media(color_scheme="light")
    return found


def looks_into(owner: Buyer, address: str, *labels: str) -> list[str]:
    """What is wrong once these were clicked on a page, one after the other."""
    if not owner.page.url.endswith(address):
        owner.goes_on_to(address)
        accessibility.wait_for_rest(owner.page)
    for label in labels:
        owner.page.get_by_role("button", name=label).first.click()
        accessibility.wait_for_rest(owner.page)
    found = [f"{address} {labels}: {each}" for each in accessibility.findings(owner.page)]
    owner.page.keyboard.press("Escape")
    expect(owner.page.get_by_role("dialog")).to_have_count(0)
    return found


def taken(owner: Buyer, label: str) -> list[dict[str, str]]:
    """A file of the owner's side, as a spreadsheet would read it."""
    with owner.page.expect_download() as started:
        owner.page.get_by_role("link", name=label, exact=True).click()
    text = Path(started.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


def amount(owner: Buyer, label: str) -> Decimal:
    """The amount that stands beside a label."""
    line = owner.page.locator("[data-testid=stHorizontalBlock], [data-testid=stLayoutWrapper]").filter(
        has=owner.page.get_by_text(label, exact=True)
    )
    said = re.search(r"([-−]?)€([\d,]+\.\d\d)", line.last.inner_text())
    assert said, line.last.inner_text()
    return Decimal(said[2].replace(",", "")) * (-1 if said[1] else 1)


def test_what_is_wrong_with_a_page_is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang='en'><title>x</title><main><h1>x</h1><img src='data:,'><ul><b>x</b></ul></main>")
    assert {each.partition(":")[0] for each in accessibility.findings(page)} >= {"image-alt", "list"}
    page.close()


def test_by_direct_address_strangers_and_buyers_see_a_form_and_get_no_file(come: Come, demo: Stand) -> None:
    stranger, buyer = come("stranger"), come("bea")
    stranger.opens("/owner")
    buyer.is_signed_in()
    buyer.opens("/owner")
    # Some of them: everybody who may not look is sent to each of them in `test_who`.
    for path in list(OWNER_PATHS.values())[::12]:
        for each in (stranger, buyer):
            each.comes_to(f"/{path}?id=PL-1001")
            each.sees_heading("Back office")
            assert each.page.locator("[data-testid=stSidebarNav]").count() == 0
    for each in (stranger, buyer):
        for file in ("orders.csv", "accounts/journal.csv", "accounts/payouts.csv", "evidence/ord_1"):
            assert each.context.request.get(f"{demo.url}/api/owner/{file}").status == 403


def test_the_first_hour_ticks_off_what_is_done(owner: Buyer, come: Come, demo: Stand) -> None:
    empty = [f"/{path}" for path in OWNER_PATHS.values()]
    # Of what an empty page has, the narrow one by night is the hardest; full they are looked at in both ways below.
    assert looks_through(owner, empty, by_day=False) == []
    owner.goes_on_to("/owner")
    owner.sees("Buy something yourself")
    done = owner.page.get_by_text(re.compile(r"^Setting up")).first.inner_text()
    myself = come("owner")
    myself.puts_in_cart("Proposal Kit")
    myself.goes_to_cart()
    myself.goes_to_payment()
    myself.pays()
    myself.returns()
    myself.sees_everything_delivered()
    demo.letters(myself.email)
    owner.looks_again()
    expect(owner.page.get_by_text(re.compile(r"^Setting up")).first).not_to_have_text(done)
    owner.does_not_see("Go through your own checkout once, to the end.")


def test_a_day_answers_a_dispute_sends_money_and_a_receipt_and_keeps_a_note(
    owner: Buyer, come: Come, demo: Stand
) -> None:
    buyer = come("dora")
    session = buyer.buys("proposal-kit-eur")
    payment = demo.stripe(f"checkout/sessions/{session}")["payment_intent"]
    number = next(each["number"] for each in demo.pushcart("orders") if each["email"] == buyer.email)
    demo.happens("dispute", payment)
    eventually(lambda: demo.order(number)["status"] == "disputed")
    owner.looks_again()
    needs = owner.page.locator(".st-key-box-needs")
    expect(needs.get_by_text("Dispute", exact=True)).to_be_visible()
    needs.get_by_role("button", name="Set aside").first.click()
    owner.page.get_by_label("Why", exact=True).fill("Answered by mail")
    owner.page.get_by_role("dialog").get_by_role("button", name=re.compile("Set aside$")).click()
    owner.sees("It is set aside.")
    expect(needs.get_by_text("Dispute", exact=True)).to_have_count(0)
    # Whoever goes by keyboard goes on among what else there is to do, though what they stood on is gone.
    expect(needs.get_by_role("heading").first).to_be_focused()

    second = come("dina")
    second.buys("quiet-launch-eur")
    order = next(each for each in demo.pushcart("orders") if each["email"] == second.email)
    demo.letters(second.email)
    owner.goes_on_to(f"/owner-order?id={order['number']}")
    owner.sees_heading(order["number"])
    owner.clicks(re.compile("Send receipt again$"))
    owner.clicks("Send it")
    owner.sees("goes to")
    assert len(demo.letters(second.email, 2)) == 2
    owner.page.get_by_label("Note").fill("Called, all is well.")
    owner.clicks("Save note")
    owner.sees("Called, all is well.")
    owner.sees(re.compile("owner@example.com, "))
    owner.clicks(re.compile("^(undo )?Refund$"))
    owner.clicks("Refund €29.00")
    owner.sees("€29.00 is on its way back.")
    eventually(lambda: demo.order(order["number"])["status"] == "refunded")


def test_an_order_by_hand_reaches_its_reader_and_its_name_is_no_formula_in_the_export(
    owner: Buyer, demo: Stand
) -> None:
    owner.goes_on_to("/owner-orders")
    owner.clicks(re.compile("New order$"))
    dialog = owner.page.get_by_role("dialog")
    # What is chosen can be read on either ground.
    chosen = dialog.get_by_role("radio", checked=True).get_by_text("Complimentary")
    expect(chosen).to_have_css("color", "rgb(36, 67, 200)")
    owner.page.emulate_media(color_scheme="dark")
    expect(chosen).to_have_css("color", "rgb(194, 205, 255)")
    owner.page.emulate_media(color_scheme="light")
    for label, text in (
        ("Email", "gina@example.com"), ("Name, if you know it", '=HYPERLINK("http://evil.example","x")'),
        ("Why, for your books", "For the talk"),
    ):  # fmt: skip
        dialog.get_by_label(label).fill(text)
    dialog.get_by_role("combobox", name="Products").click()
    owner.page.get_by_role("option", name=re.compile("Proposal Kit")).click()
    owner.page.keyboard.press("Escape") if dialog.count() == 0 else dialog.get_by_text("New order").first.click()
    dialog.get_by_role("button", name="Give it").click()
    owner.sees(re.compile("^Given to"))
    demo.letters("gina@example.com")
    owner.goes_on_to("/owner-orders?text=gina@example.com")
    (row,) = taken(owner, "Export as CSV")
    assert row["name"].startswith("'=HYPERLINK")
    assert (row["status"], row["total"]) == ("fulfilled", "0.00")


@pytest.mark.usefixtures("season")
def test_a_months_end_adds_up_to_what_the_screen_says(owner: Buyer) -> None:
    owner.goes_on_to("/owner?range=30&step=month")
    owner.sees_heading("Net sales in EUR")
    owner.goes_on_to("/owner-money?range=90")
    owner.sees_heading("Balance at Stripe, in EUR")
    # What is read once below must all have come.
    accessibility.wait_for_rest(owner.page)
    journal = taken(owner, "Journal")
    payouts, taxes = taken(owner, "Payouts"), taken(owner, "Tax")
    ours = [Decimal(row["settled_net"]) for row in journal if row["order"] and row["settled_currency"] == "eur"]
    assert ours
    assert sum(ours) == amount(owner, "Received of your orders")
    paid_out = sum(Decimal(row["settled_net"]) for row in journal if row["kind"].startswith("payout"))
    assert paid_out == amount(owner, "Paid out to the bank")
    sold = [row for row in journal if row["kind"] in ("sale", "refund") and row["tax_rate"]]
    assert sold
    for column in ("net", "tax"):
        assert sum(Decimal(row[column]) for row in sold) == sum(Decimal(row[column]) for row in taxes)
    assert payouts


def test_no_page_full_or_with_a_dialog_open_has_findings(owner: Buyer, demo: Stand, season: int) -> None:
    owner.buys("proposal-kit-eur")
    orders = demo.pushcart("orders", "--limit", str(season + 100))
    real = next(each for each in orders if each["email"] == owner.email and each["amount_total"])
    disputed = next(each for each in orders if each["status"] == "disputed")
    customer = demo.pushcart("customer", real["email"])["id"]
    pages = [f"/{path}" for path in OWNER_PATHS.values() if path not in ("owner-order", "owner-customer")]
    pages += [
        f"/owner-order?id={real['number']}",
        f"/owner-order?id={disputed['number']}",
        f"/owner-customer?id={customer}",
    ]
    assert looks_through(owner, pages) == []
    found = [
        *looks_into(owner, "/owner", "Set aside"), *looks_into(owner, "/owner", "Remove the season"),
        *looks_into(owner, "/owner", "As known today"), *looks_into(owner, "/owner-orders", "New order"),
        *looks_into(owner, "/owner-orders?status=refunded", "Saved views"),
        *looks_into(owner, "/owner-orders", "More filters"),
    ]  # fmt: skip
    order = f"/owner-order?id={real['number']}"
    owner.goes_on_to(order)
    owner.sees_heading(real["number"])
    accessibility.wait_for_rest(owner.page)
    actions = owner.page.locator(".st-key-order-actions").get_by_role("button").all_inner_texts()
    assert len(actions) >= 3
    for action in actions:
        found += looks_into(owner, order, action.split("\n")[-1])
    owner.page.emulate_media(color_scheme="dark")
    owner.page.set_viewport_size(PHONE)
    found += looks_into(owner, order, "Refund")
    assert found == []


def test_an_own_catalogue_is_ticked_off_as_well(owner: Buyer, demo: Stand) -> None:
    owner.sees("Sell your own things")
    owner.sees("Write a catalogue and apply it with")
    demo.pushcart("catalog", "apply", str(ROOT / "tests" / "catalogue.toml"))
    owner.goes_on_to("/owner")
    owner.sees("Sell your own things")
    owner.does_not_see("Write a catalogue and apply it with")

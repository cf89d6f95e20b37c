"""The sample app, and the tool that the demo sells, against the real shop: bought, activated, run while the shop is away,
locked after a refund, also offline."""

import json
import platform
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from core.kinds import license_keys
from tests import accessibility
from tests.journeys.conftest import Arrive
from tests.journeys.stand import ROOT, Stand
from tests.machine import eventually

QUOTE = ROOT / "core" / "catalog" / "demo" / "files" / "quote.py"
APP = ROOT / "docs" / "examples" / "licensed_app.py"


class Copy:
    """The app on a machine of its own."""

    def __init__(self, stand: Stand, folder: Path) -> None:
        self._stand, self._file = stand, folder / "license.json"

    def runs(self, *key: str) -> str:
        """What it says. Its exit status says the same."""
        told = {
            "LICENSE_SHOP": self._stand.webhook_url,
            "LICENSE_PRODUCT": "proposal-kit",
            "LICENSE_FILE": str(self._file),
        }
        done = subprocess.run(
            [sys.executable, APP, *key],
            env={**self._stand.env, **told},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == ""
        assert done.returncode == (0 if done.stdout == "Unlocked.\n" else 1)
        return done.stdout.strip()

    def is_edited(self, before: str, after: str) -> None:
        text = self._file.read_text()
        assert before in text
        self._file.write_text(text.replace(before, after))


class Quote:
    """The demo's `quote.py`, as it was downloaded, on a machine of its own."""

    def __init__(self, stand: Stand, folder: Path) -> None:
        self._env = {**stand.env, "PLAINWORK_SHOP": stand.webhook_url, "PLAINWORK_HOME": str(folder / "plainwork")}
        self._known = folder / "plainwork" / "quote.json"

    def runs(self, *words: str) -> str:
        """What it says: of a quote, or why there is none."""
        # Alone, without what is installed for the shop.
        done = subprocess.run(
            [sys.executable, "-IS", QUOTE, *words],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (1 if done.stderr else 0)
        return (done.stdout or done.stderr).strip()

    def days_pass(self) -> None:
        """So long that it asks again."""
        known = json.loads(self._known.read_text())
        known["at"] = (datetime.fromisoformat(known["at"]) - timedelta(days=2)).isoformat()
        self._known.write_text(json.dumps(known))


def bought(stand: Stand) -> tuple[str, str]:
    """A licence that was bought without a browser: the order's number, and the key as the receipt has it."""
    email = f"app-{token_hex(3)}@example.com"
    basket = {"cart_id": token_hex(8), "items": [{"price": "proposal-kit-eur"}], "email": email}
    order: dict[str, Any] = httpx.post(f"{stand.webhook_url}/checkout", json=basket, timeout=30).json()
    session = order["url"].rpartition("/")[2].partition("#")[0]
    stand.stripe(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
    text = stand.letters(email)[0]["text"]
    # The end of a link is random as well, and one in some hundreds could be one.
    lines = [line.strip() for line in text.splitlines() if "://" not in line]
    [key] = [line for line in lines if license_keys.is_well_formed(line)]
    return stand.order(order["order_id"])["number"], key


@pytest.fixture
def copy(stand: Stand, tmp_path: Path) -> Copy:
    return Copy(stand, tmp_path)


def test_the_sample_app_survives_a_shop_that_is_away_and_locks_after_a_refund(stand: Stand, copy: Copy) -> None:
    assert copy.runs() == "Locked: This copy has no licence yet."
    number, key = bought(stand)
    assert copy.runs(key.lower()) == "Unlocked."
    assert copy.runs() == "Unlocked."
    [machine] = stand.pushcart("license", key)["activations"]
    with stand.without("webhook"):
        assert copy.runs() == "Unlocked."
    stand.pushcart("license", key, "--release", machine["id"])
    assert copy.runs() == "Locked: The licence is not activated on this machine."
    assert copy.runs(key) == "Unlocked."
    stand.pushcart("refund", number, "--yes")
    eventually(lambda: stand.order(number)["grants"][0]["state"] == "revoked")
    assert copy.runs() == "Locked: The licence has ended: what was paid for it went back."
    with stand.without("webhook"):
        assert copy.runs().startswith("Locked")
        # What it knows is signed: to write something else into its file opens nothing.
        copy.is_edited('\\"valid\\":false', '\\"valid\\":true')
        assert copy.runs().startswith("Locked")


def test_the_tool_that_the_demo_sells_asks_for_its_licence(stand: Stand, tmp_path: Path) -> None:
    here, there = (Quote(stand, tmp_path / name) for name in ("here", "there"))
    quote = ("30", "40", "60", "--rate", "90")
    assert here.runs(*quote) == "This computer has no licence yet: python quote.py activate KEY"
    assert here.runs("activate", "PRO-0") == "There is no such licence."
    number, key = bought(stand)
    assert here.runs("activate", key) == ""
    assert "All of it: 3,750 EUR" in here.runs(*quote)
    assert here.runs("forty") == "Say three numbers of hours: if all goes well, likely, and if it does not."
    with stand.without("webhook"):
        here.days_pass()
        assert "What matters most: 2,700 EUR" in here.runs(*quote)
        assert (
            here.runs("deactivate")
            == there.runs("activate", key)
            == "The shop cannot be asked just now. Try again in a while."
        )
    assert here.runs("deactivate") == ""
    assert stand.pushcart("license", key)["activations"] == []
    assert here.runs(*quote).startswith("This computer has no licence yet")
    assert here.runs("activate", key) == ""
    stand.pushcart("refund", number, "--yes")
    eventually(lambda: stand.order(number)["grants"][0]["state"] == "revoked")
    assert "All of it" in here.runs(*quote)
    here.days_pass()
    assert here.runs(*quote) == "The licence has ended: what was paid for it went back."


def test_a_key_is_bought_used_moved_to_another_computer_and_gone_with_its_money(
    stand: Stand, arrive: Arrive, tmp_path: Path
) -> None:
    here, there = (Quote(stand, tmp_path / name) for name in ("here", "there"))
    kim = arrive("kim")
    kim.puts_in_cart("Proposal Kit")
    kim.goes_to_cart()
    kim.goes_to_payment()
    kim.pays()
    kim.returns()
    number = kim.sees_everything_delivered()
    assert kim.downloads("Command-line tool") == QUOTE.read_bytes()
    kim.signs_in()
    key = kim.page.get_by_test_id("stCode").inner_text().strip()
    kim.sees("None in use yet.")
    assert here.runs("activate", key) == ""
    assert "All of it" in here.runs("1", "2", "3")
    kim.looks_again()
    kim.sees("In use on 1 of 5.")
    kim.sees("Last used")
    assert accessibility.findings(kim.page) == []
    kim.clicks(re.compile("Remove$"))
    kim.sees("Removed. Its place is free for another computer.")
    here.days_pass()
    assert here.runs("1", "2", "3") == "The licence is not activated on this machine."
    assert there.runs("activate", key) == ""

    kim.clicks(re.compile("Replace this key"))
    kim.clicks("Replace it now")
    kim.sees("This is your new key.")
    there.days_pass()
    assert there.runs("1", "2", "3") == "There is no such licence."
    expect(kim.page.get_by_test_id("stCode")).not_to_have_text(key)
    new = kim.page.get_by_test_id("stCode").inner_text().strip()
    assert there.runs("activate", new) == ""
    assert [each["label"] for each in stand.pushcart("license", new)["activations"]] == [platform.node()]

    stand.pushcart("refund", number, "--yes")
    eventually(lambda: stand.order(number)["status"] == "refunded")
    there.days_pass()
    assert there.runs("1", "2", "3") == "The licence has ended: what was paid for it went back."
    kim.looks_again()
    kim.sees_heading("Proposal Kit")
    expect(kim.page.get_by_test_id("stCode")).to_have_count(0)

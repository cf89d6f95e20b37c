"""With a live key and anything of the demo, no process starts: each says all that is wrong, once, and ends."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from core.catalog.demo import catalogue as demo
from core.foundation.settings import SANDBOX_WEBHOOK_SECRET
from tests import builders, fork_server
from tests.builders import GUIDE
from tests.command_line.conftest import Said, begin, end
from tests.core.owner.test_live_mode import LIVE, REMNANTS
from tests.fakes import SECRET
from tests.machine import environment, free_port

# What is listed of the demo: its products in one line, and each of the words that it says about the shop.
LISTED = 1 + len(demo.catalogue().shop.said)

ROOT = Path(__file__).parents[2]
OPENING = {
    "webhook": ("uvicorn", "webhook.app:app", "--log-level", "warning"),
    "worker": ("worker",),
    "storefront": ("streamlit", "run", str(ROOT / "storefront" / "app.py")),
    "embedded": ("streamlit", "run", str(ROOT / "storefront" / "app.py")),
    "pushcart": ("core.cli", "orders", "--json"),
}
HEADING = "Pushcart cannot start, these settings need a look:"


def start(process: str, *, folder: Path, **settings: object) -> Said:
    """Start one of the shop's processes as the Procfile does, and wait for it to end by itself."""
    if "streamlit" in OPENING[process]:
        (folder / ".streamlit").symlink_to(ROOT / ".streamlit")
    port = {"webhook": ["--port", str(free_port())], "storefront": ["--server.port", str(free_port())]}
    words = [*OPENING[process], *port.get("storefront" if process == "embedded" else process, [])]
    more = {"worker": "embedded"} if process == "embedded" else {}
    env = environment(**settings, **more) | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    }
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return end(fork_server.start(*words, cwd=folder, env=env, **streams, text=True))


def listed(said: Said) -> list[str]:
    """What the one list complains of. There is nothing else but what uvicorn adds of its own."""
    # Of a shop that is live the webhook's own are for programs.
    complaints = [
        part
        for line in said.complaints
        for part in (json.loads(line)["event"] if line[0] == "{" else line).splitlines()
    ]
    complaints = [line for line in complaints if "Application startup failed" not in line]
    # Else they are told by uvicorn's logger: with the time and the level before them, and its name behind.
    lines = [re.sub(r"^\S+ \[error\] |\s*\[uvicorn\.error\]$", "", line.strip()).strip() for line in complaints]
    assert lines[0] == HEADING, said
    assert "Traceback" not in said.errors + said.output
    return [line.partition(":")[0] for line in lines[1:]]


@pytest.mark.parametrize("process", OPENING)
def test_no_process_starts_on_the_demo_with_a_live_key(process: str, folder: Path) -> None:
    said = start(process, folder=folder, stripe_secret_key="sk_live_1")
    assert said.status not in (0, None)
    assert sorted(listed(said)) == sorted(variable for variable, _, values in REMNANTS if None in values)
    assert [path.name for path in folder.iterdir() if path.name != ".streamlit"] == []


@pytest.mark.parametrize("process", OPENING)
def test_no_process_of_a_test_shop_starts_with_the_secret_that_everybody_knows(process: str, folder: Path) -> None:
    mine = {"stripe_secret_key": "sk_test_mine", "stripe_webhook_secret": f"{SECRET},{SANDBOX_WEBHOOK_SECRET}"}
    said = start(process, folder=folder, **mine)
    assert said.status != 0
    assert listed(said) == ["STRIPE_WEBHOOK_SECRET"]


@pytest.fixture
def live(tmp_path: Path, database_url: str) -> dict[str, object]:
    """The settings of a live shop that has been a demo on the same database."""
    demo = {"database_url": database_url, "storage_url": f"file://{tmp_path}/demo-files"}
    filled = end(begin("orders", "--json", folder=tmp_path, **demo))
    assert (filled.status, filled.json) == (0, [])
    return {**LIVE, "database_url": database_url, "storage_url": f"file://{tmp_path}/files"}


def test_a_live_shop_with_the_demos_goods_starts_once_its_own_catalogue_is_applied(
    live: dict[str, object], folder: Path
) -> None:
    for process in ("webhook", "pushcart"):
        assert listed(start(process, folder=folder, **live)) == ["catalogue"] * LISTED
    (folder / "own.toml").write_text(GUIDE, encoding="utf-8")
    (folder / "guide.txt").write_text("words", encoding="utf-8")
    said = end(begin("catalog", "apply", "own.toml", folder=folder, **live))
    assert said.status == 0, said.errors
    assert said.output == (
        "1 products with 1 prices and 1 files are on the shelves. Taken off them, since they were the demo's: "
        "contract-shelf, first-launch, market-prints, nine-week-plan, onboarding-lab, pricing-clinic, proposal-kit, "
        "quiet-launch, tally.\n"
    )
    again = end(begin("orders", "--json", folder=folder, **live))
    assert (again.status, again.json, again.errors) == (0, [], "")


@builders.on_sqlite
def test_settings_and_shelves_are_told_of_in_one_list(live: dict[str, object], folder: Path) -> None:
    said = start("pushcart", folder=folder, **live | {"app_url": "nowhere", "smtp_url": "", "secret_key": "short"})
    assert listed(said) == ["APP_URL", "SECRET_KEY", "SMTP_URL", *["catalogue"] * LISTED]
    mistyped = start("pushcart", folder=folder, **live | {"stripe_secret_key": "pk_live_1", "smtp_url": ""})
    assert listed(mistyped) == ["STRIPE_SECRET_KEY", "SMTP_URL", *["catalogue"] * LISTED]


def test_a_database_that_does_not_answer_is_one_line_more(folder: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/shop"
    said = start("pushcart", folder=folder, **LIVE | {"smtp_url": "", "database_url": nowhere})
    assert (said.status, listed(said)) == (1, ["SMTP_URL", "DATABASE_URL"])


def test_what_is_needed_to_mend_it_works_all_the_same(folder: Path) -> None:
    (folder / "own.toml").write_text(GUIDE, encoding="utf-8")
    (folder / "guide.txt").write_text("words", encoding="utf-8")
    live = {"stripe_secret_key": "sk_live_1", "database_url": f"sqlite:///{folder}/shop.db"}
    assert end(begin("migrate", "--json", folder=folder, **live)).json == {"migrated": True}
    with_the_demos = end(begin("catalog", "apply", "own.toml", folder=folder, **live))
    assert (with_the_demos.status, listed(with_the_demos)) == (1, ["STORAGE_URL"])
    done = end(
        begin("catalog", "apply", "own.toml", "--json", folder=folder, **live, storage_url=f"file://{folder}/files")
    )
    assert done.json == {"products": 1, "prices": 1, "files": 1, "left_alone": [], "taken_off": []}

"""What the documents say of the code: names that exist, files that are there, and arrows that the architecture allows."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from core.cli import app
from core.events.handlers import HANDLERS
from core.foundation.settings import Settings
from core.journeys import checkout_limits, success_page
from core.outgoing import messages, posting, sending
from core.people import codes
from core.people.staff import MAY, Action, Role
from core.rights import declarations
from core.traffic import letters_to_others
from core.traffic.rate_limits import Limit
from tests.test_architecture import ROOMS, ROOT, every_source, parsed, text
from worker.queues import PLACES

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
# `module.function` as the page writes it: in code spans, and anywhere in its pictures.
NAMED = re.compile(r"\b([a-z_]+)\.([A-Za-z_]+)\b(?!/)")
ENDINGS = ("py", "md", "toml")
DRAWN = re.compile(r'^  +(\w+)\["([\w/]+)(?:<br>.*)?"\]$', re.MULTILINE)
ARROW = re.compile(r"^  (\w+) --> (\w+)$", re.MULTILINE)


def pictures(page: str) -> list[str]:
    return re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)


def code_spans(page: str) -> list[str]:
    """What stands between backticks, but for commands to be typed."""
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    return [span for span in spans if not span.startswith("uv run ")]


def functions_named(page: str) -> set[tuple[str, str]]:
    told = " ".join([*code_spans(page), *pictures(page)])
    return {
        (module, name) for module, name in NAMED.findall(told) if name not in ENDINGS and module not in ("st", "module")
    }


def defined(path: Path) -> Iterator[str]:
    """What a file defines: its functions, classes and constants, and the methods of its classes."""
    for node in ast.walk(parsed(text(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_every_function_that_the_architecture_names_exists() -> None:
    named = functions_named(ARCHITECTURE)
    modules = {module for module, _ in named}
    known = {(path.stem, name) for path in every_source() if path.stem in modules for name in defined(path)}
    assert len(named) > 40
    assert named - known == set()


def test_a_name_that_does_not_exist_is_found() -> None:
    assert functions_named("`checkout.start`, `no.such`, `README.md`, ```a.b``` ") == {
        ("checkout", "start"),
        ("no", "such"),
    }
    assert functions_named("```mermaid\n a->>b: cart.pay, x\n```") == {("cart", "pay")}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    page_text = (ROOT / page).read_text(encoding="utf-8")
    folders = ("core", "storefront", "webhook", "worker", "sandbox", "tests", "docs")
    inside = {span for span in code_spans(page_text) if re.fullmatch(rf"({'|'.join(folders)})/[\w./]*", span)}
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s:]+)\)", page_text)} - {""}
    assert {span for span in inside if not (ROOT / span).exists()} == set()
    assert {target for target in linked if not (ROOT / page).parent.joinpath(target).exists()} == set()


def test_every_room_is_drawn_and_no_arrow_leads_where_none_may() -> None:
    rooms: dict[str, str] = {}
    for picture in pictures(ARCHITECTURE)[:2]:
        drawn = dict(DRAWN.findall(picture))
        wrong = {
            (drawn[above], drawn[below])
            for above, below in ARROW.findall(picture)
            if drawn[below] not in reached(drawn[above])
        }
        assert wrong == set()
        rooms |= drawn
    assert set(rooms.values()) == set(ROOMS)


def reached(room: str) -> set[str]:
    """All rooms below this one, over others too."""
    return ROOMS[room].union(*map(reached, ROOMS[room]))


def test_a_shell_reads_the_settings_as_the_guide_writes_them(tmp_path: Path) -> None:
    (settings,) = re.findall(r"```sh\n(APP_URL=.*?)```", text(ROOT / "docs" / "going-live.md"), re.DOTALL)
    (tmp_path / "shop.env").write_text(settings, encoding="utf-8")
    said = subprocess.run(
        ["sh", "-ec", "set -a && . ./shop.env && set +a && env"], cwd=tmp_path, env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, encoding="utf-8", check=True,
    ).stdout.splitlines()  # fmt: skip
    assert "SHOP_NAME=Your Shop" in said
    assert "MAIL_FROM=Your Shop <orders@shop.example.com>" in said
    assert "SECRET_KEY=…" in said


OPERATIONS = text(ROOT / "docs" / "operations.md")
# Read by the lines that start the processes, and by a library.
NO_SETTINGS = {"STOREFRONT_HOST", "WEBHOOK_HOST", "OTEL_EXPORTER_OTLP_ENDPOINT"}
SENTENCES = ("core", "storefront", "webhook", "worker", "deploy")
COMMAND = re.compile(r"`(?:[A-Z_]+=\S+ )*(?:uv run )?pushcart ([a-z][^`]*)`")


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next one of its kind or above."""
    level = title.partition(" ")[0]
    return re.split(rf"^#{{1,{len(level)}}} ", page.split(f"\n{title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(part: str) -> Iterator[list[str]]:
    """The cells of each row of the tables there, but for their heads."""
    for line in part.splitlines():
        if line.startswith("| ") and not line.startswith("| |"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_readme_has_every_setting_with_its_default_and_no_other() -> None:
    said: dict[str, str] = {}
    for names, default, _ in rows(section(text(ROOT / "README.md"), "## Configuration")):
        named = re.findall(r"`([A-Z_]+)`", names)
        defaults = default.split(", ") if len(named) > 1 and default.count(", ") else [default] * len(named)
        said |= dict(zip(named, defaults, strict=True))
    fields = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    assert said.keys() - NO_SETTINGS == fields.keys()
    numbers = {name: default for name, default in fields.items() if isinstance(default, int | float)}
    assert len(numbers) > 12
    assert {name: float(said[name].replace("`", "")) for name in numbers} == numbers
    chosen = {name: default for name, default in fields.items() if default in ("on", "off", "cancel", "UTC", "en")}
    assert {name: said[name].strip("`") for name in chosen} == {name: f"{each}" for name, each in chosen.items()}


def commands(group: object = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Each command by its words, with its options."""
    command = group or typer.main.get_command(app)
    below = getattr(command, "commands", {})
    for name, each in below.items():
        yield from commands(each, (*words, name))
    if not below:
        parameters = getattr(command, "params", [])
        yield words, {option for each in parameters for option in (*each.opts, *each.secondary_opts)}


def wrong_command(said: str, known: dict[tuple[str, ...], set[str]]) -> str:
    """What is wrong with a command that is named somewhere; nothing if there is one like that."""
    words = re.sub(r"[\"'\s]+", " ", said).replace("\\|", "|").split()
    fitting = [each for each in known if each == tuple(words[: len(each)])]
    groups = {each[0] for each in known if len(each) > 1}
    if not fitting:
        lists = words[0] in groups and (len(words) == 1 or "|" in words[1])
        return "" if lists else "there is no such command"
    options = [found[0] for word in words if (found := re.match(r"--[a-z-]+", word))]
    return ", ".join(each for each in options if each not in known[max(fitting, key=len)])


def test_every_command_that_is_named_anywhere_exists_with_its_options() -> None:
    known = dict(commands())
    pages = [ROOT / page for page in (*PAGES, "CHANGELOG.md")]
    sources = [path for folder in SENTENCES for path in (ROOT / folder).rglob("*.*") if path.is_file()]
    read = {
        path: text(path) for path in (*pages, *sources) if path.suffix in (".md", ".py", ".j2", ".yml", ".sh", ".html")
    }
    named = [(path, each) for path, said in read.items() for each in COMMAND.findall(said)]
    assert len(named) > 150
    assert [(path.name, each, wrong) for path, each in named if (wrong := wrong_command(each, known))] == []


def test_a_command_that_does_not_exist_is_found() -> None:
    known = dict(commands())
    assert wrong_command("refnud ORDER", known) == "there is no such command"
    assert wrong_command("hooks mend ENDPOINT", known) == "there is no such command"
    assert wrong_command("refund ORDER --everything", known) == "--everything"
    assert wrong_command('customer EMAIL"\n    " --erase', known) == ""


def test_the_readme_lists_every_command() -> None:
    listed = section(text(ROOT / "README.md"), "## At the terminal")
    # Several of one group share a row, in which only the first may bear its whole name.
    said = {word for cells in rows(listed) for word in re.findall(r"[a-z][a-z-]+", cells[0])}
    assert [words for words, _ in commands() if not set(words) <= said] == []


def test_the_events_to_subscribe_to_are_those_that_are_handled() -> None:
    said = set[str]()
    for line in re.split(r"^- ", section(OPERATIONS, "## Events to subscribe to"), flags=re.MULTILINE)[1:]:
        first, *others = re.findall(r"`([a-z_.]+)`", line.partition("\n\n")[0])
        for each in (first, *others):
            said.add(f"{first.rpartition('.')[0]}{each}" if each.startswith(".") else each)
            first = each if not each.startswith(".") else first
    assert said == set(HANDLERS)


def test_the_queues_and_their_places_are_those_of_the_worker() -> None:
    said = {
        cells[0].strip("`"): cells[2:] for cells in rows(section(OPERATIONS, "## Jobs and queues")) if len(cells) == 4
    }
    said.pop("queue")
    assert {name: [int(total), int(part.split()[0]) if part else None] for name, (total, part) in said.items()} == {
        queue.value: [places.total, places.per_domain] for queue, places in PLACES.items()
    }


# What each row of the table says may be done.
ROLES = {
    "send receipts again": {
        Action.RESEND, Action.PAYMENT_LINK, Action.GIVE_BACK, Action.NOTE, Action.MEND, Action.SET_ASIDE, Action.TEST_LETTER,
    },
    "refund,": {Action.REFUND},
    "say which order": {Action.WITHDRAWAL},
    "give and take seats": {Action.SEATS, Action.ATTENDEES},
    "switch a licence": {Action.LICENSE},
    "export lists": {Action.EXPORT},
    "write products": {Action.SHELVES, Action.PROMOTE},
    "move and cancel a date": {Action.DATES, Action.LICENSE_TERMS, Action.GIVE, Action.IMPORT},
    "take back access": {Action.TAKE_BACK, Action.READDRESS, Action.ERASE},
    "end a subscription": {Action.END_PLAN, Action.CHANGE_PLAN, Action.PORTAL},
    "add and change outgoing webhooks": {
        Action.WEBHOOKS, Action.API_KEYS, Action.STAFF, Action.DIGEST, Action.SEASON, Action.REHEARSE,
    },
}  # fmt: skip


def test_who_may_do_what_at_the_owners_side_is_what_the_table_says() -> None:
    table = {cells[0]: cells[1:] for cells in rows(section(OPERATIONS, "## Who works at the owner's side"))}
    table.pop(next(each for each in table if each.startswith("look at everything")))
    of_row = {row: actions for row in table for begins, actions in ROLES.items() if row.startswith(begins)}
    assert len(of_row) == len(table) == len(ROLES)
    assert set().union(*ROLES.values()) == set(Action)
    for row, actions in of_row.items():
        for role, cell in zip((Role.OWNER, Role.SUPPORT, Role.VIEWER), table[row], strict=True):
            assert {each in MAY[role] for each in actions} == {bool(cell)}, (row, role)


def test_the_limits_for_strangers_are_those_that_are_counted() -> None:
    said = dict(rows(section(OPERATIONS, "## Bots")))
    assert {_most(each) for each in codes_limits()} <= set(
        re.findall(r"\d+ an hour|\d+ in ten minutes|\d+ a minute", str(said))
    )
    begun = (checkout_limits.BY_ADDRESS, checkout_limits.BY_BROWSER, checkout_limits.BY_EMAIL)
    assert [_most(each) for each in begun] == _limits_in(said["checkouts begun"])
    free = (checkout_limits.FREE_BY_ADDRESS, checkout_limits.FREE_BY_EMAIL)
    assert said["free orders"] == f"{_most(free[0])} of one address, {free[1].most} an hour with one email"
    assert _limits_in(said["questions to Stripe about payments that somebody comes back from"]) == [
        _most(success_page.BY_ADDRESS)
    ]
    assert said["letters that a buyer has sent to others"].startswith(f"{_most(letters_to_others.TO_ONE)} to one email")
    withdrawn = " ".join(section(OPERATIONS, "## Withdrawals and consent").split())
    limits = (declarations.BY_ADDRESS, declarations.BY_SENDER, declarations.ALTOGETHER)
    assert [_most(each) for each in limits] == ["5 an hour", "10 an hour", "300 an hour"]
    assert "an address gets five an hour, a sender ten, and all together 300" in withdrawn


def test_messages_to_programs_are_tried_as_often_as_they_are_told() -> None:
    told = " ".join(text(ROOT / "docs" / "entitlements.md").split())
    assert f"2xx within {posting.TIMEOUT:.0f} seconds is success" in told
    assert (len(sending.WAITS) + 1, round(sum(sending.WAITS) / 86_400)) == (10, 3)
    assert "tried again, ten times in all over three days" in told
    assert f"the oldest {messages.MOST:,} at once" in told


def codes_limits() -> list[Limit]:
    """Those of sign-in codes that the table has a span for."""
    return [codes._ASKING_BY, codes._ASKING_IN_ALL, codes._TRYING, codes._TRYING_BY, codes._ASKING]


def _most(limit: Limit) -> str:
    return f"{limit.most} {({60: 'a minute', 600: 'in ten minutes', 3600: 'an hour'})[limit.seconds]}"


def _limits_in(cell: str) -> list[str]:
    return re.findall(r"\d+ (?:a minute|in ten minutes|an hour)", cell)

"""What the documents say of the code: names that exist, files that are there, and arrows that the architecture allows."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import ROOMS, ROOT, every_source, parsed, text

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

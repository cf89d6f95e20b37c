"""The points of a rehearsal: what was to be seen, and what was; as Markdown for people and as JSON for scripts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True)
class Point:
    """One point: of which part, what was to be seen, whether it was, and what was seen instead or as proof."""

    part: str
    what: str
    passed: bool
    seen: str


@dataclass
class Record:
    """All points of one rehearsal, in the order in which they were looked at."""

    began_at: datetime
    shop: str
    account: str
    points: list[Point] = field(default_factory=list)
    told: Callable[[Point], object] = str

    @property
    def passed(self) -> bool:
        """Whether there was anything to see, and all of it was."""
        return bool(self.points) and all(point.passed for point in self.points)

    def note(self, part: str, what: str, passed: bool, seen: str) -> bool:
        """Tick a point off, or don't; return which."""
        self.points.append(Point(part, what, passed, seen))
        self.told(self.points[-1])
        return passed

    def as_json(self) -> dict[str, Any]:
        """The record for scripts."""
        return {
            "began_at": self.began_at.isoformat(), "shop": self.shop, "account": self.account, "passed": self.passed,
            "points": [vars(point) for point in self.points],
        }  # fmt: skip

    def as_markdown(self) -> str:
        """The record to be read, with a heading for each part."""
        failed = sum(not point.passed for point in self.points)
        result = f"{failed} of {len(self.points)} points failed" if failed else f"All {len(self.points)} points passed"
        lines = [f"# Rehearsal of {self.shop}", "", f"{self.began_at:%Y-%m-%d %H:%M} UTC, {self.account}. {result}."]
        part = ""
        for point in self.points:
            if point.part != part:
                part = point.part
                lines += ["", f"## {part}", ""]
            lines.append(f"- [{'x' if point.passed else ' '}] {point.what}: {point.seen}")
        return "\n".join(lines) + "\n"

    def keep(self, folder: Path) -> tuple[Path, Path]:
        """Write both forms into this folder; return where they are."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"rehearsal-{self.began_at:%Y%m%dT%H%M%S}"
        page, data = folder / f"{name}.md", folder / f"{name}.json"
        page.write_text(self.as_markdown(), encoding="utf-8")
        data.write_bytes(orjson.dumps(self.as_json(), option=orjson.OPT_INDENT_2))
        return page, data

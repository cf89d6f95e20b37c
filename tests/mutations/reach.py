"""Which tests reach which line of the heart, measured once and kept until a file changes that they may depend on."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from tests.mutations.mutants import ROOT, Mutant
from tests.mutations.runner import Session

KEPT = ROOT / "var" / "mutations.json"
LONGEST = 8.0  # seconds; a test that takes longer is asked about no mutant


@dataclass
class Reach:
    """`lines` has the tests that run each line of the files `broken`, `seconds` how long each takes, `files` what was in its file.

    `newest` are those that were measured last, if not all were: they may have been written for what survived.
    """

    code: str = ""
    broken: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    newest: list[str] = field(default_factory=list)
    lines: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Those that run the statement that it changes: first those that go where few others go, and are quick."""
        lines = self.lines.get(mutant.file, {})
        reaching = {test for line in mutant.lines for test in lines.get(str(line), ()) if test not in self.failed}
        usable = (test for test in reaching if self.seconds[test] < LONGEST)
        return sorted(usable, key=lambda test: (-self._rarity[test] / max(self.seconds[test], 0.1), test))

    @cached_property
    def free(self) -> set[str]:
        """The tests that take next to no time."""
        return {test for test, taken in self.seconds.items() if taken < 0.03}

    @cached_property
    def _rarity(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for lines in self.lines.values():
            for tests in lines.values():
                for test in tests:
                    found[test] += 1 / len(tests)  # type: ignore[assignment]
        return found

    def forget(self, tests: set[str]) -> None:
        """As if these had never been measured."""
        self.failed = [test for test in self.failed if test not in tests]
        self.seconds = {test: taken for test, taken in self.seconds.items() if test not in tests}
        for lines in self.lines.values():
            for line, reaching in lines.items():
                lines[line] = [test for test in reaching if test not in tests]

    def add(self, found: "Reach") -> None:
        """Take over what was measured."""
        self.seconds |= found.seconds
        self.failed += found.failed
        for file, lines in found.lines.items():
            own = self.lines.setdefault(file, {})
            for line, tests in lines.items():
                own[line] = [*own.get(line, ()), *tests]


def kept_of(tests: list[str]) -> Path:
    """Where it is kept what these tests alone reach: apart from what all do."""
    return KEPT.with_stem(f"{KEPT.stem}-of-{hashlib.sha256(' '.join(sorted(tests)).encode()).hexdigest()[:12]}")


def measured(session: Session, broken: list[str], kept: Path, *, say: Callable[[str], None]) -> Reach:
    """What the session's tests reach of the files that are to be broken, as far as it is not kept already.

    Only tests that changed are measured again, unless the code did.
    """
    code = _digest(_sources())
    reach = Reach(**json.loads(kept.read_text())) if kept.exists() else Reach()
    if reach.code != code or not set(broken) <= set(reach.broken):
        reach = Reach(code, broken)
    files = {file: _digest(_beside(ROOT / file)) for file in {_file_of(test) for test in session.items}}
    # One that failed did so by chance, or does so again.
    reach.forget({test for test in reach.seconds if reach.files.get(_file_of(test)) != files.get(_file_of(test))})
    reach.forget(set(reach.failed))
    if new := [test for test in session.items if test not in reach.seconds]:
        say(f"Measuring what {len(new)} tests reach.")
        kept.parent.mkdir(parents=True, exist_ok=True)
        answer = kept.with_suffix(".new.json")
        session.measure(broken, new, answer)
        reach.newest = new if reach.seconds else []
        reach.add(Reach(**json.loads(answer.read_text())))
        answer.unlink()
        reach.files = files
        kept.write_text(json.dumps(asdict(reach)))
    return reach


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _sources() -> list[Path]:
    """Whatever code any test may run."""
    code = (path for folder in ("core", "webhook", "worker") for path in (ROOT / folder).rglob("*.py"))
    return sorted([*code, *(ROOT / "tests").glob("*.py")])


def _beside(test: Path) -> list[Path]:
    """A file of tests, and what helps the tests of its folder."""
    return [test, *(path for path in sorted(test.parent.glob("*.py")) if not path.name.startswith("test_"))]


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()

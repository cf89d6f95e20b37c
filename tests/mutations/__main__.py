"""`python -m tests.mutations`: break the heart in one place after another, and say what no test notices."""

import argparse
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

from tests.mutations import mutants, named, patching, reach, runner
from tests.mutations.mutants import ROOT, Mutant
from tests.mutations.reach import Reach
from tests.mutations.runner import Session

HEART = (
    "core/fulfillment.py", "core/admission.py",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "core" / "orders").glob("[!_]*.py")),
    "core/journeys/refund.py", "core/journeys/revocation.py", "core/journeys/plans.py",
    "core/kinds/access.py", "core/kinds/plan_billing.py",
)  # fmt: skip
# What starts processes, or asks what another test asks too, is left out.
TESTS = ["tests/core", "tests/webhook", "tests/worker", "tests/command_line"]
EXPLAINED = Path(__file__).parent / "explained.toml"


def main() -> int:
    """Ask the tests about each mutant; 1 if one survives that is not explained."""
    asked = _arguments()
    survivors: list[str] = []
    if asked.named:
        tests = sorted({each.test.partition("::")[0] for each in named.NAMED})
        code = runner.with_collected(tests, lambda session: survivors.extend(_ask_named(session)))
    else:
        code = runner.with_collected(TESTS, lambda session: survivors.extend(_ask(session, asked)))
    return code or bool(survivors)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("files", nargs="*", default=HEART, help="files to break; the whole heart, if none is named")
    parser.add_argument("--named", action="store_true", help="only the mutations of named.py")
    parser.add_argument("--only", default="", metavar="TEXT", help="only mutants whose name contains this")
    parser.add_argument("--again", action="store_true", help="ask about the explained ones, too")
    parser.add_argument("--seconds", type=float, default=20, help="how long a mutant's tests may take all together")
    return parser.parse_args()


def _ask_named(session: Session) -> list[str]:
    survivors = []
    for each in named.NAMED:
        tests = [test for test in session.items if test.partition("[")[0] == each.test]
        if not session.survives(lambda: None, tests, seconds=60):
            raise LookupError(f"It fails without any mutation: {each.test}")
        alive = session.survives(partial(patching.put, each.file, each.source()), tests, seconds=60)
        survivors += [each.what] if alive else []
        _say(f"{'SURVIVED' if alive else 'killed'}: {each.what}")
    return survivors


def _ask(session: Session, asked: argparse.Namespace) -> list[str]:
    known = reach.measured(session, list(HEART), say=_say)
    for test in known.failed:
        _say(f"Not asked, since it fails without any mutation: {test}")
    survivors = []
    for file in asked.files:
        left = [] if asked.again else list(explained().get(file, ()))
        found, began, count = [], time.monotonic(), 0
        for mutant in mutants.of_file(file):
            if mutant.name not in left and asked.only in mutant.name:
                count += 1
                if _survives(session, known, mutant, asked.seconds):
                    found.append(mutant.name)
                    _say(f"SURVIVED: {file}: {mutant.name}")
        took = time.monotonic() - began
        _say(f"{file}: {count - len(found)} killed, {len(left)} explained, {len(found)} survived; {took:.0f} s")
        survivors += [f"{file}: {name}" for name in found]
    return survivors


def _survives(session: Session, known: Reach, mutant: Mutant, seconds: float) -> bool:
    """Ask first the tests that killed most so far, then the quickest, for as long as there is time."""
    tests, left = [], seconds
    for test in sorted(known.tests_of(mutant), key=lambda test: -session.kills[test]):
        left -= known.seconds[test]
        if tests and left < 0:
            break
        tests.append(test)
    # Whatever hangs was stopped from ending: that is noticed, too.
    longest = 20 + 5 * sum(known.seconds[test] for test in tests)
    return not tests or session.survives(partial(patching.put, mutant.file, mutant.source), tests, seconds=longest)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def explained() -> dict[str, dict[str, str]]:
    """Why it is no fault that a mutant survives, by its file and its name."""
    return tomllib.loads(EXPLAINED.read_text())


if __name__ == "__main__":
    sys.exit(main())

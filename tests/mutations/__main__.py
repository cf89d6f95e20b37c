"""`python -m tests.mutations`: break the heart in one place after another, and say what no test notices."""

import argparse
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

from tests.mutations import mutants, named, patching, reach, runner
from tests.mutations.mutants import ROOT
from tests.mutations.past import Past
from tests.mutations.runner import Session

HEART = (
    "core/fulfillment.py", "core/owed_jobs.py", "core/admission.py",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "core" / "orders").glob("[!_]*.py")),
    "core/journeys/refund.py", "core/journeys/revocation.py", "core/journeys/billing/plans.py",
    "core/kinds/access.py", "core/kinds/convergence.py", "core/kinds/plan_billing.py",
    "core/events/application.py", "core/events/inbox.py",
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
        code = runner.with_collected(asked.tests, lambda session: survivors.extend(_ask(session, asked)))
    return code or bool(survivors)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("files", nargs="*", default=HEART, help="files to break; the whole heart, if none is named")
    parser.add_argument(
        "--tests", nargs="+", default=TESTS, metavar="PATH",
        help=f"ask only these files or folders of tests, which is quicker; {', '.join(TESTS)}, if none is named",
    )  # fmt: skip
    parser.add_argument("--named", action="store_true", help="only the mutations of named.py")
    parser.add_argument("--left", action="store_true", help="only those that survived the last time")
    parser.add_argument("--explained", action="store_true", help="those that are explained, too")
    parser.add_argument(
        "--seconds", type=float, default=60, help="after how long no further test is asked about a mutant"
    )
    return parser.parse_args()


def _ask_named(session: Session) -> list[str]:
    survivors = []
    for each in named.NAMED:
        tests = [test for test in session.items if test.partition("[")[0] == each.test]
        if session.killer(lambda: None, tests, 60):
            raise LookupError(f"It fails without any mutation: {each.test}")
        alive = not session.killer(partial(patching.put, each.file, each.source()), tests, 60)
        survivors += [each.what] if alive else []
        _say(f"{'SURVIVED' if alive else 'killed'}: {each.what}")
    return survivors


def _ask(session: Session, asked: argparse.Namespace) -> list[str]:
    kept = reach.KEPT if asked.tests == TESTS else reach.kept_of(asked.tests)
    known = reach.measured(session, sorted({*HEART, *asked.files}), kept, say=_say)
    if known.failed:
        _say(f"Not asked, since they fail without any mutation: {', '.join(known.failed)}")
    past = Past.read()
    for file in asked.files:
        known_of = [] if asked.explained else list(explained().get(file, ()))
        before = past.survivors.get(file, []) if asked.left else None
        found, began, count = [], time.monotonic(), 0
        for mutant in mutants.of_file(file):
            if mutant.name in known_of or (before is not None and mutant.name not in before):
                continue
            count += 1
            tests = past.sorted(
                known.tests_of(mutant), mutant, first=known.free | set(known.newest if asked.left else ())
            )
            if killer := session.killer(partial(patching.put, mutant.file, mutant.source), tests, asked.seconds):
                past.kills.update([killer, f"{mutant.file} {killer}"])
            else:
                found.append(mutant.name)
                _say(f"SURVIVED: {file}: {mutant.name}")
        past.survivors[file] = found
        past.write()
        took = time.monotonic() - began
        _say(f"{file}: {count - len(found)} killed, {len(known_of)} explained, {len(found)} survived; {took:.0f} s")
    return [f"{file}: {name}" for file in asked.files for name in past.survivors[file]]


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def explained() -> dict[str, dict[str, str]]:
    """Why it is no fault that a mutant survives, by its file and its name."""
    return tomllib.loads(EXPLAINED.read_text())


if __name__ == "__main__":
    sys.exit(main())

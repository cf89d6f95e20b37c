"""`python -m tests.bench`: measures what the shop carries. Prints a table; exit status 1 if anything was lost or doubled.

With `--against REV` that revision's code is measured in the same call, taking turns with this one's.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.bench import checkout, downloads, entitlements, licenses, pages, scale, sizes, webhook
from tests.bench.figures import Figures
from tests.bench.measures import Bench
from tests.bench.versions import HERE, checked_out

MEASURES: dict[str, Callable[[Bench, Figures], None]] = {
    "webhook": webhook.measure,
    "checkout": checkout.measure,
    "downloads": downloads.measure,
    "pages": pages.measure,
    "licenses": licenses.measure,
    "entitlements": entitlements.measure,
    "sizes": sizes.measure,
    "reads": scale.measure,
    "office": scale.measure_office,
}


def main() -> int:
    """Measure what was asked for."""
    chosen = _arguments()
    # Whoever ends this ends the processes too: as with Ctrl-C, all blocks are left in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        figures = _measured(chosen)
    except KeyboardInterrupt:
        print("broken off", file=sys.stderr)  # noqa: T201
        return 130
    print(figures.table())  # noqa: T201
    if chosen.save:
        chosen.save.write_text(figures.table() + "\n")
    for wrong in figures.wrong:
        print(f"WRONG: {wrong}")  # noqa: T201
    return 1 if figures.wrong else 0


def _measured(chosen: argparse.Namespace) -> Figures:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        others = (stack.enter_context(checked_out(chosen.against, folder)),) if chosen.against else ()
        kinds = ("sqlite", "postgres") if chosen.database == "both" else (chosen.database,)
        bench = Bench(
            folder,
            (HERE, *others),
            kinds,
            chosen.runs,
            chosen.requests,
            chosen.seconds,
            chosen.orders,
            chosen.megabytes,
        )
        figures = Figures(bench.versions)
        for name in chosen.only:
            MEASURES[name](bench, figures)
            print(f"{name} is measured", file=sys.stderr, flush=True)  # noqa: T201
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = ",".join(MEASURES)
    parser.add_argument("--only", type=_measures, default=[*MEASURES], metavar=names, help="what to measure")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--runs", type=_at_least(1), default=3)
    parser.add_argument(
        "--requests", type=_at_least(1), default=3000, help="so many make a run, if --seconds is not over first"
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument(
        "--orders",
        type=_at_least(scale.FEW + 1),
        default=100_000,
        help="what 10,000 are compared with in reads at scale",
    )
    parser.add_argument("--megabytes", type=_at_least(1), default=500, help="the size of the file that is downloaded")
    parser.add_argument("--against", metavar="REV", help="a revision to compare with")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the table into a file too")
    return parser.parse_args()


def _at_least(least: int) -> Callable[[str], int]:
    def number(said: str) -> int:
        if not (said.isdecimal() and int(said) >= least):
            raise argparse.ArgumentTypeError(f"{said} is no number of {least:,} or more")
        return int(said)

    return number


def _measures(names: str) -> list[str]:
    chosen = names.split(",")
    if unknown := set(chosen) - MEASURES.keys():
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.soak`: thousands of purchases in bad weather. Prints its figures; exit status 1 if anything is wrong."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.machine import postgres
from tests.soak.run import soak


def main() -> int:
    """Soak the databases that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--purchases", type=int, default=2000)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--doubled", action="store_true", help="two of each process, behind a proxy")
    chosen = parser.parse_args()
    # Whoever ends this ends the processes too: as with Ctrl-C, all blocks are left in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kinds = ("sqlite", "postgres") if chosen.database == "both" else (chosen.database,)
    try:
        return max(_soak(kind, chosen.purchases, chosen.seed, doubled=chosen.doubled) for kind in kinds)
    except KeyboardInterrupt:
        print("broken off", file=sys.stderr)  # noqa: T201
        return 130


def _soak(kind: str, purchases: int, seed: int, *, doubled: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, _database(kind, Path(folder)) as url:
        result = soak(
            Path(folder) / "stand", url, purchases=purchases, seed=seed, doubled=doubled,
            say=lambda line: print(f"{kind}: {line}", file=sys.stderr, flush=True),  # noqa: T201
        )  # fmt: skip
    print(json.dumps({"database": kind, "seed": seed, **result.figures}, indent=2))  # noqa: T201
    for wrong in result.violations:
        print(f"WRONG: {wrong}")  # noqa: T201
    print(f"{kind}: {len(result.violations)} violations", flush=True)  # noqa: T201
    return 1 if result.violations else 0


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/shop.db"
        return
    with postgres() as url:
        yield url


if __name__ == "__main__":
    sys.exit(main())

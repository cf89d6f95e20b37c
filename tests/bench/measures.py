"""What all measures share: the versions that take turns, how often, how long, and on which databases."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.load import Plan, Result
from tests.bench.stand import SECRET_KEY, Databases
from tests.bench.stock import NUMBER
from tests.bench.versions import ROOT, Version


@dataclass(frozen=True)
class Bench:
    """One call of the bench. A run of a measure ends after so many requests or seconds, whichever comes first."""

    folder: Path
    versions: tuple[Version, ...]
    kinds: tuple[str, ...] = ("sqlite", "postgres")
    runs: int = 3
    requests: int = 3000
    seconds: float = 10
    orders: int = 100_000
    megabytes: int = 500

    def turns(self, run: int) -> Sequence[Version]:
        """The versions in the order of their turns: each is the first one as often as the other."""
        return self.versions[:: -1 if run % 2 else 1]

    def folder_of(self, version: Version, name: str) -> Path:
        """A folder of a version's own."""
        made = self.folder / name / str(self.versions.index(version))
        made.mkdir(parents=True, exist_ok=True)
        return made


def stocked(
    bench: Bench, version: Version, databases: Databases, folder: Path, *, orders: int, bought: bool = False
) -> tuple[str, dict[str, Any]]:
    """The name of a database of this version in which so many orders wait to be paid, and what its making told."""
    name = f"stock_{bench.versions.index(version)}_{folder.parent.name}"
    plan = {
        "database_url": databases.empty(name), "storage_url": f"file://{folder}/files", "secret_key": SECRET_KEY,
        "orders": orders, "bought": bought,
    }  # fmt: skip
    return name, version.run("stock", plan, cwd=folder)


def numbered(stock: dict[str, Any], first: int, beyond: int) -> set[str]:
    """The orders from the first one on, by their numbers as they stand in ids."""
    written = [f"{number:0{len(NUMBER)}d}" for number in range(first, beyond)]
    return {*written} if stock["number"] == NUMBER else {each[::-1] for each in written}


def sent(plan: Plan, folder: Path) -> Result:
    """What became of a plan's requests, sent by a process of their own."""
    written = folder / "load.json"
    written.write_text(json.dumps(asdict(plan)))
    command = [sys.executable, "-m", "tests.bench.load", str(written)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    told = json.loads(done.stdout)
    return Result(**{**told, "wrong": Counter(told["wrong"])})


def percentile(times: Sequence[float], share: float) -> float:
    """The time within which this share of requests was answered; `times` are sorted."""
    return times[min(len(times) - 1, int(len(times) * share))] if times else float("nan")

"""Reads at scale: what a shop reads again and again, and each page of its owners, with 10,000 orders and with many more."""

import sys
from pathlib import Path
from typing import Any

import tests.seed
from tests.bench import stand
from tests.bench.figures import Figures
from tests.bench.measures import Bench, stocked
from tests.bench.stand import Databases
from tests.bench.versions import ScriptFailed, Version

FEW = 10_000
# By the script: what one of its times is of.
MEASURED = {"reads": "read", "office": "owner's page"}


def measure_office(bench: Bench, figures: Figures) -> None:
    """Measure the pages of the owner's side, all that each asks together."""
    measure(bench, figures, "office")


def measure(bench: Bench, figures: Figures, script: str = "reads") -> None:
    """Measure the reads of a script on each database, with few orders and with the bench's number."""
    for kind in bench.kinds:
        folder = bench.folder / f"scale_{script}_{kind}"
        folder.mkdir()
        with stand.databases(kind, folder) as databases:
            plans = {
                version: found
                for version in bench.versions
                if (found := _seeded(bench, version, databases, kind, script))
            }
            for run in range(bench.runs):
                for version in bench.turns(run):
                    if version in plans:
                        _run(bench, version, databases, plans[version], figures, script)


def _seeded(bench: Bench, version: Version, databases: Databases, kind: str, script: str) -> dict[int, dict[str, Any]]:
    """By the number of its orders, what a script needs to know of a shop; nothing if this version's shop is another."""
    plans = {}
    folder = bench.folder_of(version, f"{script}_{kind}")
    template, _ = stocked(bench, version, databases, folder, orders=0)
    for orders in (FEW, bench.orders):
        plan = {
            "database_url": databases.copy(f"{template}_{orders}", template), "storage_url": f"file://{folder}/files",
            "secret_key": stand.SECRET_KEY, "seed": "", "orders": orders,
        }  # fmt: skip
        try:
            version.run(script, {**plan, "seed": str(Path(tests.seed.__file__))}, cwd=folder)
        except ScriptFailed as failure:
            print(f"not measured: {failure}", file=sys.stderr)  # noqa: T201
            return {}
        plans[orders] = plan
    return plans


def _run(
    bench: Bench,
    version: Version,
    databases: Databases,
    plans: dict[int, dict[str, Any]],
    figures: Figures,
    script: str,
) -> None:
    folder = bench.folder_of(version, "load")
    few, many = (version.run(script, plan, cwd=folder) for plan in plans.values())
    for read, time in few.items():
        found = {
            f"ms at {FEW:,} orders": time,
            f"ms at {bench.orders:,} orders": many[read],
            "many : few": many[read] / time,
        }
        figures.add(version, f"{MEASURED[script]}, {databases.name}, {read}", found)

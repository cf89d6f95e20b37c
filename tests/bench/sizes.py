"""What an order takes on the disk, with its indexes: one of one line that was bought, and of which one event told."""

from contextlib import ExitStack

from tests.bench import exactness, stand
from tests.bench.figures import Figures
from tests.bench.measures import Bench, stocked
from tests.bench.stand import Databases
from tests.bench.versions import Version
from tests.bench.webhook import Case, Stall

_ALL_AT_ONCE = Case("all", 32)
# What takes less, in kilobytes, is only told with the others.
_LEAST = 0.1


def measure(bench: Bench, figures: Figures) -> None:
    """Measure what an order takes in each database."""
    for kind in bench.kinds:
        folder = bench.folder / f"sizes_{kind}"
        folder.mkdir()
        with stand.databases(kind, folder) as databases:
            for version in bench.versions:
                _measure_on(bench, version, databases, kind, figures)


def _measure_on(bench: Bench, version: Version, databases: Databases, kind: str, figures: Figures) -> None:
    nothing, _ = stocked(bench, version, databases, bench.folder_of(version, f"no_orders_{kind}"), orders=0)
    own = bench.folder_of(version, f"orders_{kind}")
    template, stock = stocked(bench, version, databases, own, orders=bench.requests)
    empty, opened = (
        databases.sizes(databases.copy("empty", nothing)),
        databases.sizes(databases.copy("opened", template)),
    )
    url = databases.copy("told", template)
    with ExitStack() as stack:
        stall = Stall(version, databases, [stack.enter_context(stand.webhook(version, url, own))], url, stock)
        stall.take(bench, _ALL_AT_ONCE, bench.requests)
    name = f"an order, {databases.name}"
    figures.wrong += [f"{version.name}: {name}: {each}" for each in exactness.violations(url, stall.told)]
    # What waits to be paid was there before; what was told came to it.
    taken = {
        table: ((opened[table] - empty[table]) / bench.requests + (size - opened[table]) / len(stall.told)) / 1000
        for table, size in databases.sizes(url).items()
    }
    figures.add(version, name, {"kB": sum(taken.values())})
    figures.add(version, name, {f"kB of {table}": taken[table] for table in sorted(taken) if taken[table] >= _LEAST})

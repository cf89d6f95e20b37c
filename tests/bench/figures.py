"""The figures of all runs, and the table of them: medians with the least and the most, and the ratio of two versions."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from tests.bench.versions import HERE, Version


@dataclass
class Figures:
    """What was measured, by measure and by version, in the order of the runs, and what was found wrong."""

    versions: tuple[Version, ...]
    values: dict[tuple[str, str], dict[str, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    wrong: list[str] = field(default_factory=list)

    def add(self, version: Version, measure: str, figures: dict[str, float]) -> None:
        """Add the figures of one run."""
        for name, value in figures.items():
            self.values[measure, name].setdefault(version.name, []).append(value)

    def table(self) -> str:
        """All of it in Markdown."""
        names = [version.name for version in self.versions]
        ratio = [f"{HERE.name} : {name}" for name in names if name != HERE.name]
        lines = [_row(["measure", "figure", *names, *ratio]), _row(["---"] * (2 + len(names) + len(ratio)))]
        for (measure, figure), by_version in self.values.items():
            told = [_told(by_version.get(name, [])) for name in names]
            compared = [_ratio(by_version, name) for name in names if name != HERE.name]
            lines.append(_row([measure, figure, *told, *compared]))
        return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _told(values: list[float]) -> str:
    if not values:
        return "not measured"
    middle = _short(median(values))
    return middle if len(values) == 1 else f"{middle} ({_short(min(values))}–{_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(by_version: dict[str, list[float]], other: str) -> str:
    """Of each run the ratio, and of these the median: what disturbs a run mostly disturbs both."""
    pairs = zip(by_version.get(HERE.name, []), by_version.get(other, []), strict=False)
    ratios = [here / there for here, there in pairs if there]
    return f"× {median(ratios):.2f}" if ratios else ""

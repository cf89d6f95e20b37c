"""What came of it the last times: which tests noticed most, so that they are asked first, and what nobody noticed."""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.mutations.mutants import ROOT, Mutant

KEPT = ROOT / "var" / "mutations-past.json"


@dataclass
class Past:
    """`kills` counts, by test, and by file and test; `survivors` are names of mutants, by file."""

    kills: Counter[str] = field(default_factory=Counter)
    survivors: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> "Past":
        kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"kills": {}, "survivors": {}}
        return cls(Counter(kept["kills"]), kept["survivors"])

    def write(self) -> None:
        KEPT.write_text(json.dumps({"kills": self.kills, "survivors": self.survivors}))

    def sorted(self, tests: list[str], mutant: Mutant, *, first: Collection[str]) -> list[str]:
        """Those `first`, then those that have noticed most that was wrong with this file, then those that did elsewhere."""
        return sorted(
            tests, key=lambda test: (test not in first, -self.kills[f"{mutant.file} {test}"], -self.kills[test])
        )

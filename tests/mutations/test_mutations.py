"""The list of mutations stays true to the code: what it breaks is there, and what it explains can still be broken."""

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutations import mutants, patching
from tests.mutations.__main__ import HEART, explained
from tests.mutations.mutants import ROOT
from tests.mutations.named import NAMED, Named

SOURCE = '''
from functools import cached_property

LEAST = 5

class Stock:
    @cached_property
    def left(self):
        return self.has - self.held

    @property
    def low(self):
        return self.left < LEAST and self.has > 0

def sell(stock, quantity):
    """Text."""
    assert quantity, "text"
    if quantity > stock.left:
        raise ValueError("few")
    stock.has -= quantity
    return [each for each in stock.lines if each.open]
'''


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module to be broken."""
    (tmp_path / "stock.py").write_text(SOURCE)
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stock", raising=False)
    import stock

    return stock


def test_each_mutant_changes_one_thing_and_is_told_from_the_others(stock: ModuleType) -> None:
    names = [mutant.name for mutant in mutants.of_file("stock.py")]
    assert names == [
        "Stock.left: `self.has - self.held` → `self.has + self.held`",
        "Stock.low: without `and self.left < LEAST`",
        "Stock.low: without `and self.has > 0`",
        "Stock.low: `self.left < LEAST` → `self.left <= LEAST`",
        "Stock.low: `self.has > 0` → `self.has >= 0`",
        "Stock.low: `0` → `1`",
        "sell: `quantity > stock.left` always holds",
        "sell: `quantity > stock.left` always fails",
        "sell: `quantity > stock.left` → `quantity >= stock.left`",
        "sell: `'few'` → `'few~'`",
        "sell: without `stock.has -= quantity`",
        "sell: `stock.has -= quantity` → `stock.has += quantity`",
        "sell: whether or not `each.open`",
    ]
    assert len({ast.dump(mutant.source) for mutant in mutants.of_file("stock.py")}) == len(names)


def test_a_mutant_in_place_is_what_runs_and_a_constant_too(stock: ModuleType) -> None:
    some = stock.Stock()
    some.has, some.held = 9, 4
    assert (some.left, some.low) == (5, False)
    for mutant in mutants.of_file("stock.py"):
        if mutant.name == "Stock.low: `self.left < LEAST` → `self.left <= LEAST`":
            patching.put("stock.py", mutant.source)
    assert some.low
    patching.put("stock.py", ast.parse(SOURCE.replace("LEAST = 5", "LEAST = 4")))
    assert (stock.LEAST, some.low) == (4, False)
    with pytest.raises(LookupError):
        patching.put("stock.py", ast.parse(SOURCE.replace("LEAST = 5", "LEAST = 4")))


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named.what)
def test_what_is_named_can_still_be_broken_and_has_its_test(named: Named) -> None:
    assert ast.dump(named.source()) != ast.dump(ast.parse((ROOT / named.file).read_text()))
    file, _, test = named.test.partition("::")
    assert f"def {test}(" in (ROOT / file).read_text()


@pytest.mark.parametrize("file", HEART)
def test_what_is_explained_can_still_be_broken(file: str) -> None:
    assert explained().get(file, {}).keys() <= {mutant.name for mutant in mutants.of_file(file)}
    assert explained().keys() <= set(HEART)

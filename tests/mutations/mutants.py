"""The mutants of a module: each is its source with one small thing changed inside a function."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# What is said differently is no fault: text for whoever reads the log, and what a type checker alone reads.
UNTOUCHED = (ast.Assert, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FLIPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Of `sorted(rows)` remains `rows`.
UNWRAPPED = {"sorted", "reversed", "abs"}

Change = tuple[str, ast.AST | None]


@dataclass(frozen=True)
class Mutant:
    """A module with one thing changed. `lines` are those of the statement that it stands in; `name` says what is changed."""

    file: str
    function: str
    change: str
    lines: range
    source: ast.Module

    @property
    def name(self) -> str:
        return f"{self.function}: {self.change}"


@dataclass
class Place:
    """Where something stands in the tree, so that something else can stand there."""

    owner: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST | None) -> None:
        siblings = getattr(self.owner, self.field)
        if self.index is None:
            setattr(self.owner, self.field, node)
        elif node is None:
            del siblings[self.index]
        else:
            siblings[self.index] = node


def of_file(file: str) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its lines. Each is to be used before the next is asked for."""
    tree = ast.parse((ROOT / file).read_text())
    seen: Counter[str] = Counter()
    for function, name in _functions(tree, ""):
        for statement, place, node in _places(function):
            for what, instead in _changes(node):
                seen[f"{name}: {what}"] += 1
                again = seen[f"{name}: {what}"]
                # `del` moves what comes after it, so the list as a whole is kept and put back.
                before = list(siblings) if isinstance(siblings := getattr(place.owner, place.field), list) else siblings
                place.put(instead)
                if isinstance(before, list) and not getattr(place.owner, place.field) and place.field == "body":
                    place.owner.body = [ast.copy_location(ast.Pass(), node)]  # type: ignore[attr-defined]
                ast.fix_missing_locations(function)  # the rest of the file has its lines
                yield Mutant(file, name, what if again == 1 else f"{what} ({again})", _lines(statement), tree)
                setattr(place.owner, place.field, before)


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, f"{prefix}{node.name}"
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _places(function: ast.AST) -> Iterator[tuple[ast.stmt, Place, ast.AST]]:
    """Whatever may be changed in a function's body, with the statement that it stands in."""
    for index, statement in enumerate(list(function.body)):  # type: ignore[attr-defined]
        yield from _below(statement, Place(function, "body", index), statement)


def _below(statement: ast.stmt, place: Place, node: ast.AST) -> Iterator[tuple[ast.stmt, Place, ast.AST]]:
    if isinstance(node, UNTOUCHED) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    yield statement, place, node
    for field, value in list(ast.iter_fields(node)):
        if field in ("annotation", "format_spec", "pattern") or (
            isinstance(node, ast.keyword) and node.arg == "strict"
        ):
            continue
        for index, child in enumerate(list(value)) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                own = child if isinstance(child, ast.stmt) else statement
                yield from _below(own, Place(node, field, index), child)


def _lines(statement: ast.stmt) -> range:
    """The lines of a statement, without those of what it holds."""
    held = [each for field in ("body", "cases") for each in getattr(statement, field, [])]
    first = getattr(held[0], "pattern", held[0]).lineno if held else (statement.end_lineno or statement.lineno) + 1
    return range(statement.lineno, max(first, statement.lineno + 1))


def _changes(node: ast.AST) -> Iterator[Change]:
    for kind, change in CHANGES:
        if isinstance(node, kind):
            yield from change(node)


def _removed(node: ast.AST) -> Iterator[Change]:
    """A statement that does something, done no more."""
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if (
        isinstance(node, ast.Expr)
        or isinstance(target, ast.Attribute | ast.Subscript)
        or isinstance(node, ast.AugAssign)
    ):
        yield f"without `{_short(node)}`", ast.copy_location(ast.Pass(), node)


def _decided(node: ast.AST) -> Iterator[Change]:
    """A condition that always holds, and one that never does."""
    for value in (True, False):
        copy = _copy(node, test=ast.Constant(value))
        yield f"`{_short(node.test)}` always {'holds' if value else 'fails'}", copy  # type: ignore[attr-defined]


def _unfiltered(node: ast.AST) -> Iterator[Change]:
    assert isinstance(node, ast.comprehension)
    for index, each in enumerate(node.ifs):
        yield f"whether or not `{_short(each)}`", _copy(node, ifs=[*node.ifs[:index], *node.ifs[index + 1 :]])


def _operand_dropped(node: ast.AST) -> Iterator[Change]:
    assert isinstance(node, ast.BoolOp)
    word = "and" if isinstance(node.op, ast.And) else "or"
    for index, each in enumerate(node.values):
        rest = [*node.values[:index], *node.values[index + 1 :]]
        yield f"without `{word} {_short(each)}`", rest[0] if len(rest) == 1 else _copy(node, values=rest)


def _flipped(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for index, sign in enumerate(node.ops):
            ops = [*node.ops[:index], FLIPPED[type(sign)](), *node.ops[index + 1 :]]
            yield _became(node, _copy(node, ops=ops))
            # Of several that are allowed, one is forgotten.
            choice = node.comparators[index]
            if isinstance(sign, ast.In | ast.NotIn) and isinstance(choice, ast.Tuple | ast.Set):
                for without in range(len(choice.elts)):
                    fewer = _copy(choice, elts=[*choice.elts[:without], *choice.elts[without + 1 :]])
                    if fewer.elts or isinstance(fewer, ast.Tuple):  # type: ignore[attr-defined]
                        others = [*node.comparators[:index], fewer, *node.comparators[index + 1 :]]
                        yield _became(node, _copy(node, comparators=others))
    elif type(getattr(node, "op", None)) in FLIPPED:
        yield _became(node, _copy(node, op=FLIPPED[type(node.op)]()))  # type: ignore[attr-defined]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _became(node, node.operand)


def _of_a_call(node: ast.AST) -> Iterator[Change]:
    """A call of another function, or none; and of a query, one clause less."""
    assert isinstance(node, ast.Call)
    if isinstance(node.func, ast.Name):
        if node.func.id in SWAPPED:
            yield _became(node, _copy(node, func=ast.Name(SWAPPED[node.func.id], ast.Load())))
        if node.func.id in UNWRAPPED:
            yield _became(node, node.args[0])
    elif isinstance(node.func, ast.Attribute):
        word, before = node.func.attr, node.func.value
        if word in ("where", "order_by"):
            for index, clause in enumerate(node.args):
                rest = [*node.args[:index], *node.args[index + 1 :]]
                yield f"without `.{word}({_short(clause)})`", _copy(node, args=rest) if rest else before
        elif word in (
            "limit",
            "execution_options",
            "with_for_update",
            "distinct",
            "casefold",
            "lower",
            "strip",
            "replace",
        ):
            yield f"without `.{word}(…)`", before


def _constant(node: ast.AST) -> Iterator[Change]:
    assert isinstance(node, ast.Constant)
    match node.value:
        case bool(value):
            yield _became(node, ast.Constant(not value))
        case int(value):
            yield _became(node, ast.Constant(value + 1))
        case str(value):
            yield _became(node, ast.Constant(value + "~"))


CHANGES: tuple[tuple[tuple[type[ast.AST], ...], Callable[[ast.AST], Iterator[Change]]], ...] = (
    ((ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign), _removed),
    ((ast.If, ast.IfExp), _decided),
    ((ast.comprehension,), _unfiltered),
    ((ast.BoolOp,), _operand_dropped),
    ((ast.Compare, ast.BinOp, ast.AugAssign, ast.UnaryOp), _flipped),
    ((ast.Call,), _of_a_call),
    ((ast.Constant,), _constant),
)


def _copy(node: ast.AST, **changes: object) -> ast.AST:
    fields = {field: getattr(node, field) for field in node._fields} | changes
    return ast.copy_location(type(node)(**fields), node)


def _became(old: ast.AST, new: ast.AST) -> Change:
    return f"`{_short(old)}` → `{_short(new)}`", ast.copy_location(new, old)


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else text[:60] + " … " + text[-36:]

"""Puts the code of a changed module in the place of what runs: functions get their new code, constants their new value."""

import ast
import functools
import importlib
import inspect
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any


def put(file: str, source: ast.Module) -> None:
    """Let the running module of this file do what `source` says. Raises where nothing of what runs is another."""
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    assert module.__file__
    changed = 0
    functions = dict(_functions(module))
    for code in _codes(compile(source, module.__file__, "exec")):
        function = functions.get(code.co_qualname)
        if function and function.__code__ != code:
            function.__code__ = code
            changed += 1
    if not changed + _put_constants(module, source):
        raise LookupError(f"Of {file}, nothing that runs has changed.")


def _codes(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            if "<locals>" not in const.co_qualname:
                yield from _codes(const)


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """The functions and methods that this module defines, by their qualified names."""
    for owner in (module, *(each for each in vars(module).values() if inspect.isclass(each))):
        for value in vars(owner).values():
            if getattr(owner, "__module__", module.__name__) == module.__name__:
                function = _bare(value)
                if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                    yield function.__qualname__, function


def _bare(value: Any) -> Any:
    """The function behind a property, a method of the class, or whatever else was put around it."""
    match value:
        case property():
            value = value.fget
        case functools.cached_property():
            value = value.func
        case classmethod() | staticmethod():
            value = value.__func__
    return inspect.unwrap(value) if callable(value) else value


def _put_constants(module: ModuleType, source: ast.Module) -> int:
    """Give each of the module's constants that is another now its new value, wherever it was imported."""
    changed = 0
    for node in source.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(target, ast.Name) or not isinstance(getattr(node, "value", None), ast.expr):
            continue
        old = vars(module).get(target.id)
        new = eval(compile(ast.Expression(node.value), str(module.__file__), "eval"), vars(module))  # type: ignore[attr-defined]
        if type(old) is type(new) and old != new and isinstance(new, int | str | tuple | frozenset | set | dict):
            changed += 1
            for other in list(sys.modules.values()):
                if (
                    getattr(other, target.id, None) is old
                    and other.__name__.split(".")[0] == module.__name__.split(".")[0]
                ):
                    setattr(other, target.id, new)
    return changed

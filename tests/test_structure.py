"""The shape of the code: no function over 60 lines, no file over 600, in any folder of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "benchmarks", "fuzz", "scripts")
FUNCTION_LIMIT = 60
FILE_LIMIT = 600

# "path" or "path::function" (dotted inside classes), and why it may be longer.
EXCEPTIONS: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Walk every function below *tree* with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        name = prefix
        if isinstance(node, Function | ast.ClassDef):
            name = f"{prefix}{node.name}."
        if isinstance(node, Function):
            yield name.rstrip("."), node
        yield from functions(node, name)


def length(function: Function) -> int:
    """Count a function's lines, decorators included."""
    first = min((d.lineno for d in function.decorator_list), default=function.lineno)
    return (function.end_lineno or first) - first + 1


def too_long(path: str, source: str) -> list[str]:
    """Name what in *source* is over its limit, in the form EXCEPTIONS uses."""
    found = [path] if len(source.splitlines()) > FILE_LIMIT else []
    for name, node in functions(ast.parse(source, path)):
        if length(node) > FUNCTION_LIMIT:
            found.append(f"{path}::{name}")
    return found


@cache
def everything_too_long() -> list[str]:
    """Name what is over its limit in the whole project."""
    found: list[str] = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            found.extend(too_long(path, file.read_text(encoding="utf-8")))
    return found


def test_nothing_is_longer_than_it_may_be() -> None:
    offenders = [name for name in everything_too_long() if name not in EXCEPTIONS]
    assert not offenders, f"split these, or give the reason in EXCEPTIONS: {offenders}"


def test_no_exception_outlives_its_need() -> None:
    stale = sorted(set(EXCEPTIONS) - set(everything_too_long()))
    assert not stale, f"short enough now, take them out of EXCEPTIONS: {stale}"
    assert all(EXCEPTIONS.values()), "an exception needs a reason"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n" + "    x = 1\n" * 59, []),
        ("def f():\n" + "    x = 1\n" * 60, ["a.py::f"]),
        ("class C:\n    async def f(self):\n" + "        x = 1\n" * 60, ["a.py::C.f"]),
        ("if True:\n    def f():\n" + "        x = 1\n" * 60, ["a.py::f"]),
        ("@a\n@b\ndef f():\n" + "    x = 1\n" * 58, ["a.py::f"]),
        ("x = 1\n" * 600, []),
        ("x = 1\n" * 601, ["a.py"]),
    ],
)
def test_the_measure_itself(source: str, expected: list[str]) -> None:
    assert too_long("a.py", source) == expected

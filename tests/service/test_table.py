"""docs/faults.md names tests that exist, for every case, and says which are long."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "faults.md"
CASES = 36
ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`( \(long\))?")


def test_every_case_has_tests_that_exist_and_says_which_are_long() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert [int(number) for number, _ in rows] == list(range(1, CASES + 1))
    wrong = []
    for number, cell in rows:
        named = NAMED.findall(cell)
        assert named, f"case {number} names no test"
        wrong += [f"{number}: {file}::{name}{told}" for file, name, told in named if long_by_name(file).get(name) is not (told != "")]
    assert wrong == []


def long_by_name(file: str) -> dict[str, bool]:
    """The tests of a file, each with whether all of it is long."""
    module = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    whole = any(
        is_long(line.value) for line in module.body if isinstance(line, ast.Assign) and "pytestmark" in ast.unparse(line.targets[0])
    )
    return {
        node.name: whole or any(map(is_long, node.decorator_list))
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def is_long(mark: ast.expr) -> bool:
    """Whether a mark is the one of long tests; one of a single parameter is not."""
    marks = mark.elts if isinstance(mark, ast.List) else [mark]
    return any(ast.unparse(one) == "pytest.mark.long" for one in marks)

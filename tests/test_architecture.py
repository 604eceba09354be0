"""The house keeps its own rules where no tool does."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "kiln"
FILES = sorted(SOURCE.rglob("*.py"))


def functions() -> list[tuple[str, int]]:
    """Every function with the number of lines of its body, docstring not counted."""
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                found.append((f"{file.relative_to(SOURCE)}:{node.lineno} {node.name}", lines))
    return found


def test_functions_are_short() -> None:
    lengths = sorted(lines for _, lines in functions())
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.9)] <= 30
    assert [name for name, lines in functions() if lines > 60 and not name.startswith("kernels")] == []


def test_files_are_short() -> None:
    lengths = sorted(len(file.read_text(encoding="utf-8").splitlines()) for file in FILES)
    assert lengths[int(len(lengths) * 0.9)] <= 400


def test_no_drawer_for_odds_and_ends() -> None:
    assert [str(file) for file in FILES if file.stem in {"utils", "helpers", "manager", "common", "misc", "core"}] == []


def test_only_settings_reads_the_environment() -> None:
    readers = [file.name for file in FILES if "os.environ" in file.read_text(encoding="utf-8")]
    assert set(readers) <= {"settings.py", "isolate.py"}  # isolate hands the environment on to its child

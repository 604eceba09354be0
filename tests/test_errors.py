"""The drawn family, the tree in the docstring, and the exit codes agree."""

from __future__ import annotations

import re

from kiln import errors
from kiln.faces.cli import EXIT_CODES


def family() -> list[type[errors.KilnError]]:
    found, queue = [], [errors.KilnError]
    while queue:
        queue += (cls := queue.pop()).__subclasses__()
        found.append(cls)
    return [cls for cls in found if cls.__module__ == "kiln.errors"]


def test_the_tree_names_every_error_with_its_exit_code() -> None:
    drawn = re.findall(r"^[ │├└─]*([A-Z]\w+)(?: +(\d+))?  ", errors.__doc__ or "", flags=re.MULTILINE)
    codes = {name: int(code) for name, code in drawn if code}
    assert {name for name, _ in drawn} | {"KilnError"} == {cls.__name__ for cls in family()}
    assert codes == {cls.__name__: cls.exit_code for cls in family() if cls.__name__ in codes}


def test_every_exit_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^ +(\d+)  ", EXIT_CODES, flags=re.MULTILINE)}
    assert {cls.exit_code for cls in family()} <= documented


def test_did_you_mean_names_the_nearest_or_all() -> None:
    assert errors.did_you_mean("simplfy", ["simplify", "bake"]) == "did you mean 'simplify'?"
    assert errors.did_you_mean("xyz", ["b", "a"]) == "known: a, b"

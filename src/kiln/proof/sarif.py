"""A verdict as SARIF 2.1.0 (OASIS Static Analysis Results Interchange Format), which code-review tools and CI services show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kiln.asset import Line, Verdict
from kiln.proof.criteria import BY_KEY, label_and_value
from kiln.version import VERSION

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(judged: Sequence[tuple[str, Verdict]]) -> dict[str, Any]:
    """One run: a rule for each limited measure, a result for each broken limit of each file, by its path as it was given."""
    keys = list(dict.fromkeys(line.key for _, verdict in judged for line in verdict.lines))
    results = [_result(path, verdict, line, keys.index(line.key)) for path, verdict in judged for line in verdict.broken]
    driver = {"name": "kiln", "version": VERSION, "rules": [_rule(key) for key in keys]}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _rule(key: str) -> dict[str, Any]:
    measure = BY_KEY[key]
    return {"id": key, "shortDescription": {"text": measure.label}, "fullDescription": {"text": measure.means or measure.label}}


def _result(path: str, verdict: Verdict, line: Line, rule: int) -> dict[str, Any]:
    label, value = label_and_value(line.key, line.value)
    found = "is missing" if line.value is None else f"is {value}"
    return {
        "ruleId": line.key,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": f"{label} {found}; {verdict.contract} asks for {line.limit}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": path.replace("\\", "/")}}}],
    }

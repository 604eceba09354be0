"""SARIF by its schema, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

from kiln.proof.contract import contract_from_data
from kiln.proof.sarif import sarif
from oracles import sarif_schema


def test_a_result_for_each_broken_limit_and_valid_by_the_schema(tmp_path: Path) -> None:
    contract = contract_from_data("mine", {"required": ["hulls"], "triangles": "<= 5", "open_edges": "<= 0", "hulls": ">= 1"})
    good, bad = contract.judge({"triangles": 5, "open_edges": 0, "hulls": 1}), contract.judge({"triangles": 9, "open_edges": 0})
    log = sarif([("a/good.glb", good), ("b\\bad.glb", bad)])
    results = log["runs"][0]["results"]
    assert [(result["ruleId"], result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]) for result in results] == [
        ("triangles", "b/bad.glb"),
        ("hulls", "b/bad.glb"),
    ]
    assert results[0]["message"]["text"] == "Triangles is 9; mine asks for <= 5"
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    (tmp_path / "log.sarif").write_text(json.dumps(log))
    assert sarif_schema(tmp_path / "log.sarif") == [[]]

"""Contracts: limits read from data, laid over a base, and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiln.errors import RecipeError
from kiln.proof.contract import built_in, contract_from_data, load_contract, with_limits

MEASURES = {"triangles": 4000, "watertight": "no", "uv_utilization": 0.7, "open_edges": 0, "normal_error_mean_degrees": None}


@pytest.mark.parametrize(
    ("key", "limit", "passed"),
    [
        ("triangles", "<= 4000", True),
        ("triangles", "< 4000", False),
        ("uv_utilization", ">=0.62", True),
        ("uv_utilization", "> 0.7", False),
        ("watertight", "== yes", False),
        ("open_edges", "== 0", True),
        ("watertight", "<= 3", False),
        ("normal_error_mean_degrees", "<= 3", None),
        ("hulls", "<= 8", None),
    ],
)
def test_a_limit_is_kept_broken_or_cannot_be_judged(key: str, limit: str, passed: bool | None) -> None:
    (line,) = contract_from_data("mine", {key: limit}).judge(MEASURES).lines
    assert line.passed is passed


def test_a_required_limit_fails_where_the_measure_is_missing() -> None:
    verdict = contract_from_data("mine", {"required": ["hulls"], "hulls": ">= 1"}).judge(MEASURES)
    assert not verdict.passed
    assert [line.key for line in verdict.broken] == ["hulls"]


def test_a_base_is_taken_over_replaced_and_lifted() -> None:
    base = load_contract("sound")
    mine = contract_from_data("mine", {"base": "sound", "degenerate_triangles": "<= 3", "uv_flipped": "any", "triangles": "<= 9"})
    assert set(mine.limits) == set(base.limits) - {"uv_flipped"} | {"triangles"}
    assert mine.limits["degenerate_triangles"].words == "<= 3"
    assert (
        with_limits(mine, ["triangles any", "open_edges<=0"]).as_data()
        == contract_from_data("mine", {k: v for k, v in mine.as_data().items() if k != "triangles"} | {"open_edges": "<= 0"}).as_data()
    )


@pytest.mark.parametrize("name", built_in())
def test_built_in_contracts_read_back_as_they_are_written(name: str) -> None:
    contract = load_contract(name)
    assert contract.summary
    assert contract_from_data(name, contract.as_data()).limits == contract.limits


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"triangels": "<= 5"}, "did you mean 'triangles'"),
        ({"triangles": 5}, 'write "<= 5000"'),
        ({"triangles": "about 5"}, 'write "<= 5000"'),
        ({"watertight": "<= yes"}, "only == can"),
        ({"base": "unrael"}, "did you mean 'unreal'"),
        ({"required": ["hulls"]}, "required but has no limit"),
        ({"required": "hulls"}, "must be a list"),
    ],
)
def test_wrong_contracts_are_refused_with_the_cure(data: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        contract_from_data("mine", data)


def test_contract_files(tmp_path: Path) -> None:
    file = tmp_path / "studio.toml"
    file.write_text('summary = "ours"\n[contract]\ntriangles = "<= 7"\n')
    assert load_contract(str(file)).limits["triangles"].bound == 7
    file.write_text("triangles = ")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_contract(str(file))
    with pytest.raises(RecipeError, match="cannot be read"):
        load_contract(str(tmp_path / "none.toml"))
    with pytest.raises(RecipeError, match="did you mean 'godot'"):
        load_contract("goodt")
    with pytest.raises(RecipeError, match="is no limit"):
        with_limits(load_contract("sound"), ["triangles"])

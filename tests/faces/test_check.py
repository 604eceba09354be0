"""`kiln check`: exit codes, and what is printed, for people and for CI."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from command_line import run
from kiln.asset import Mesh
from kiln.formats.gltf_write import Part, write_glb
from oracles import sarif_schema
from shapes import cube


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return _written(tmp_path / "sound.glb", cube())


@pytest.fixture
def torn(tmp_path: Path) -> Path:
    return _written(tmp_path / "torn.glb", cube().take_triangles(np.arange(1, 12)))


def _written(path: Path, mesh: Mesh) -> Path:
    path.write_bytes(write_glb([Part(name="it", mesh=mesh)]))
    return path


def test_exit_codes(sound: Path, torn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "check", sound, torn) == 0
    assert "contract sound: kept" in capsys.readouterr().out
    assert run(monkeypatch, "check", sound, torn, "--limit", "watertight == yes") == 6
    assert "BROKEN, 1 of 4 limits: watertight" in capsys.readouterr().out
    (tmp_path / "broken.glb").write_bytes(b"glTF")
    assert run(monkeypatch, "check", tmp_path / "broken.glb", torn, "--limit", "watertight == yes") == 3
    told = capsys.readouterr()
    assert "broken.glb" in told.err and "watertight" in told.out  # the others are judged all the same
    assert run(monkeypatch, "check", sound, "--contract", "unrael") == 3
    assert "did you mean 'unreal'" in capsys.readouterr().err


def test_what_is_no_model_is_not_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert run(monkeypatch, "check", tmp_path / "picture.png") == 3
    assert "is no model" in capsys.readouterr().err


def test_json_and_sarif(
    sound: Path, torn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "check", sound, torn, "--limit", "open_edges <= 0", "--format", "json") == 6
    judged = json.loads(capsys.readouterr().out)
    assert [entry["contract"]["passed"] for entry in judged] == [True, False]
    assert judged[1]["measures"]["open_edges"] == 3
    assert run(monkeypatch, "check", sound, torn, "--limit", "open_edges <= 0", "--format", "sarif") == 6
    log = tmp_path / "kiln.sarif"
    log.write_text(capsys.readouterr().out)
    assert sarif_schema(log) == [[]]
    assert [result["ruleId"] for result in json.loads(log.read_text())["runs"][0]["results"]] == ["open_edges"]


def test_contracts_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "contracts", "--json") == 0
    table = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert table["unity"]["limits"]["vertices"] == "<= 65535"
    assert run(monkeypatch, "contracts") == 0
    assert "non_manifold_edges <= 0" in capsys.readouterr().out

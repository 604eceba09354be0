"""The command line: flags come from Params, results go to stdout, trouble to stderr with the documented code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import run
from kiln import stages
from kiln.errors import InputError
from kiln.faces.flags import flags


def test_every_parameter_of_every_stage_is_a_flag() -> None:
    names = {(flag.stage, flag.parameter) for flag in flags()}
    for name in stages.ORDER:
        expected = set(stages.find(name).params.model_fields) - {"options", "out", "name"}
        assert {(name, parameter) for parameter in expected} <= names
    assert ("generate", "thickness") in names


def test_every_flag_teaches() -> None:
    assert [flag.long_name for flag in flags() if not (flag.field.description or "").strip()] == []


@pytest.mark.parametrize("command", ["make", "process", "export", "inspect", "recipes", "backends", "stages"])
def test_help_teaches(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert "Usage: " in capsys.readouterr().out


def test_process_has_no_flags_of_picture_stages(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "process", "--help")
    out = capsys.readouterr().out
    assert "--triangles" in out
    assert "--cutout" not in out


@pytest.mark.parametrize("command", ["recipes", "backends", "stages"])
def test_lists_are_also_json(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, command, "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert run(monkeypatch, command) == 0
    table = capsys.readouterr().out
    assert all(entry["name"] in table for entry in listed)


def test_a_wrong_command_line_is_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "make") == 2
    assert run(monkeypatch, "make", "a.png", "--no-such-flag") == 2
    assert run(monkeypatch, "make", "a.png", "--triangles", "many") == 2
    assert "Error" in capsys.readouterr().err


def test_what_cannot_be_used_is_code_3_and_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "make", tmp_path / "none.png", "--out", tmp_path / "out") == 3
    captured = capsys.readouterr()
    assert captured.err.startswith("kiln: ") and captured.err.count("\n") == 1
    assert captured.out == ""
    assert run(monkeypatch, "make", "a.png", "--recipe", "prp") == 3
    assert "did you mean 'prop'?" in capsys.readouterr().err
    assert run(monkeypatch, "make", "a.png", "--simplify-triangles", "1") == 3
    assert "greater than or equal to" in capsys.readouterr().err


def test_lists_and_numbers_among_choices_reach_the_stage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: dict[str, object] = {}

    def refuse(model: Path, **given: object) -> None:
        seen.update(given)
        raise InputError("seen")

    monkeypatch.setattr("kiln.pipeline.api.export", refuse)
    for words, meant in (("unity, web", ["unity", "web"]), ('["godot"]', ["godot"]), ("none", [])):
        assert run(monkeypatch, "export", "a.glb", "--engine", words, "--influences", "8", "--quiet") == 3
        assert (seen["engine"], seen["influences"]) == (meant, 8)
    capsys.readouterr()
    assert run(monkeypatch, "export", "a.glb", "--engine", "quake") == 2
    assert "'quake' is not one of unreal, unity" in capsys.readouterr().err
    assert run(monkeypatch, "export", "a.glb", "--influences", "5") == 2

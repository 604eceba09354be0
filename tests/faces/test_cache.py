"""`kiln cache` says what there is, and empties it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import run
from kiln.errors import InputError
from kiln.pipeline import api
from kiln.pipeline.cache import StageCache


def test_it_says_what_there_is_and_empties_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KILN_CACHE", str(tmp_path))
    StageCache(tmp_path, limit_bytes=10**6).put("ab" * 32, (bytes(1000),))
    assert run(monkeypatch, "cache", "info", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"folder": str(tmp_path), "entries": 1, "bytes": 1000, "limit_bytes": 4 * 10**9}
    assert run(monkeypatch, "cache", "info") == 0
    assert "1 entry, 0.0 MB of at most 4,000 MB" in capsys.readouterr().out
    assert run(monkeypatch, "cache", "clear") == 0
    assert "1 entry, 0.0 MB removed" in capsys.readouterr().out
    assert run(monkeypatch, "cache", "clear") == 0
    assert "0 entries" in capsys.readouterr().out


def test_it_says_that_it_is_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KILN_CACHE", "off")
    for arguments in (("info",), ("clear",)):
        assert run(monkeypatch, "cache", *arguments) == 0
        assert "is off" in capsys.readouterr().out
    assert run(monkeypatch, "cache", "info", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"folder": None}


@pytest.mark.parametrize("command", ["make", "process"])
@pytest.mark.parametrize(("flags", "wanted"), [((), True), (("--cache",), True), (("--no-cache",), False)])
def test_a_run_is_told_whether_to_use_it(command: str, flags: tuple[str, ...], wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []

    def refuse(*things: object, cache: bool, **rest: object) -> None:
        given.append(cache)
        raise InputError("enough")

    monkeypatch.setattr(api, command, refuse)
    assert run(monkeypatch, command, "thing.png", "--quiet", *flags) == InputError.exit_code
    assert given == [wanted]

"""A rehearsal compiles what later stages call, and never makes a stage wait in vain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kiln.kernels import is_cached
from kiln.kernels.shade import shade_rows
from kiln.pipeline import rehearsal
from kiln.pipeline.rehearsal import STAGES, Rehearsal, rehearse


def test_every_stage_is_rehearsed_and_its_kernels_are_cached() -> None:
    told: list[str] = []
    rehearse(told.append)
    assert tuple(told) == STAGES
    assert is_cached(shade_rows)


def test_nobody_waits_when_everything_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_is_cold", lambda: False)
    monkeypatch.setattr(subprocess, "Popen", None)  # no child is started
    for name in ("simplify", "unwrap"):
        Rehearsal().wait_for(name)


def test_nobody_waits_for_a_child_that_died(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rehearsal, "_is_cold", lambda: True)
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **how: start([sys.executable, "-c", "raise SystemExit(3)"], **how))
    for name in (*STAGES, "unwrap"):
        Rehearsal().wait_for(name)

"""Nothing outlives a worker that was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lanes import gone, linux, start_worker


@linux
@pytest.mark.parametrize("stage", ["hang", "hold_gil", "grandchild"])
def test_children_and_grandchildren_die_with_a_killed_worker(tmp_path: Path, stage: str) -> None:
    params: dict[str, Any] = {"seconds": 30} if stage == "hang" else {}
    with start_worker(tmp_path, stage, **params) as process:
        assert process.stdout is not None
        pid, words = process.stdout.readline().split()
        process.kill()
        assert gone(int(pid), within_s=2)
        assert stage != "grandchild" or gone(int(words), within_s=2)

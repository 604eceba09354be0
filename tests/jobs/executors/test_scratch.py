"""Temporary folders of killed workers are removed; those in use are not."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from kiln.jobs.executors import scratch
from kiln.jobs.executors.local import LocalExecutor
from lanes import a_setup, child, gone, linux, start_worker


def make_old(folder: Path) -> None:
    os.utime(folder, (time.time() - 3600, time.time() - 3600))


@linux
def test_what_a_killed_worker_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    with contextlib.ExitStack() as both:
        living = both.enter_context(LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1))
        child(living)
        (in_use,) = (tmp_path / "lanes").iterdir()
        other = both.enter_context(start_worker(tmp_path, "hang", seconds=30))
        assert other.stdout is not None
        pid = int(other.stdout.readline().split()[0])
        (left,) = set((tmp_path / "lanes").iterdir()) - {in_use}
        other.kill()
        assert gone(pid, within_s=2)
        make_old(left)
        make_old(in_use)
        LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1).close()
        assert list((tmp_path / "lanes").iterdir()) == [in_use]


def test_a_young_folder_is_left_to_whoever_will_claim_it(tmp_path: Path) -> None:
    folder = scratch.make(tmp_path / "lanes", name="cpu0")
    scratch.sweep(tmp_path / "lanes")
    assert folder.is_dir()
    make_old(folder)
    scratch.sweep(tmp_path / "lanes")
    assert not folder.exists()
    scratch.sweep(tmp_path / "nowhere")

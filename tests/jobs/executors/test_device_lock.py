"""One GPU, one stage, whatever happens to the workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiln.errors import Cancelled, SetupError
from kiln.jobs.executors.device_lock import usual_locks
from kiln.jobs.executors.failure import LaneBusy
from kiln.jobs.executors.interface import CallLimits
from kiln.jobs.executors.local import LocalExecutor
from lanes import a_call, a_setup, linux, run, start_worker, users, wait_until

fcntl = pytest.importorskip("fcntl", reason="locks are looked at as POSIX has them")


@linux
def test_two_workers_never_use_one_gpu_at_once(tmp_path: Path) -> None:
    log, lock = tmp_path / "diary", tmp_path / "gpu0.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        workers = [start_worker(tmp_path, "diary", lane="gpu", calls=15, log=str(log), seconds=0.02) for _ in range(2)]
        wait_until(lambda: users(lock) == 2)  # so that they start together
        assert not log.exists()
    assert [process.communicate(timeout=60) and process.returncode for process in workers] == [0, 0]
    assert_no_overlap(log, calls=30)


@linux
def test_a_killed_worker_gives_up_the_gpu_only_when_its_child_is_gone(tmp_path: Path) -> None:
    log, lock = tmp_path / "diary", tmp_path / "gpu0.lock"
    first = start_worker(tmp_path, "diary", lane="gpu", log=str(log), seconds=30)
    wait_until(log.exists)
    second = start_worker(tmp_path, "roll_call", lane="gpu", log=str(log))
    wait_until(lambda: users(lock) == 2)
    first.kill()
    first.communicate()
    second.communicate(timeout=30)
    assert second.returncode == 0
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["enter", "alive=0"]


def assert_no_overlap(log: Path, *, calls: int) -> None:
    lines = [line.split() for line in log.read_text().splitlines()]
    assert len(lines) == 2 * calls
    assert len({pid for _, pid in lines}) == 2
    for entered, left in zip(lines[::2], lines[1::2], strict=True):
        assert (entered[0], left[0]) == ("enter", "leave")
        assert entered[1] == left[1]


@linux
def test_a_gpu_that_is_in_use_is_waited_for_no_longer_than_allowed(tmp_path: Path) -> None:
    with (tmp_path / "gpu0.lock").open("w") as held, LocalExecutor(a_setup(tmp_path), data=tmp_path, gpus=["0"]) as executor:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LaneBusy, match=r"the GPU was in use by another process for 0.2 s \(gpu0.lock\)"):
            run(executor, a_call("noop", lane="gpu", limits=CallLimits(wait_seconds=0.2)))
        with pytest.raises(Cancelled):
            run(executor, a_call("noop", lane="gpu"), cancel=iter([False] * 20 + [True] * 1000).__next__)
        pid = executor.pools["gpu"].lanes[0].pid
        fcntl.flock(held, fcntl.LOCK_UN)
        run(executor, a_call("noop", lane="gpu"))
        assert executor.pools["gpu"].lanes[0].pid == pid


@linux
def test_the_usual_locks_lie_in_a_folder_that_is_this_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = usual_locks()
    assert (folder.parent, folder.stat().st_mode & 0o777, usual_locks()) == (tmp_path, 0o700, folder)
    folder.rmdir()
    (tmp_path / "theirs").mkdir()
    folder.symlink_to(tmp_path / "theirs")
    with pytest.raises(SetupError, match="KILN_GPU_LOCKS"):
        usual_locks()


@linux
def test_workers_with_folders_of_their_own_share_a_lock(tmp_path: Path) -> None:
    locks = tmp_path / "locks"
    locks.mkdir()
    with (
        (locks / "gpu0.lock").open("w") as held,
        LocalExecutor(a_setup(tmp_path), data=tmp_path / "own", locks=locks, gpus=["0"]) as executor,
    ):
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LaneBusy, match=r"gpu0.lock"):
            run(executor, a_call("noop", lane="gpu", limits=CallLimits(wait_seconds=0.2)))

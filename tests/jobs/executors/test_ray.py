"""What is Ray's own: actors that are lost, places that are not there, clusters without a token, and no process left over."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benches import Bench, needs_ray
from kiln.errors import Cancelled, SetupError
from kiln.jobs.executors.failure import LaneBusy, LaneCrashed
from kiln.jobs.executors.process_tree import descend
from lanes import HUSHED, QUICK, a_call, a_setup, gone, linux, wait_until

pytestmark = needs_ray


@pytest.fixture
def bench(own_ray: None, tmp_path: Path) -> Iterator[Bench]:
    from kiln.jobs.executors.ray_cluster import RayExecutor

    with RayExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1, gpu_lanes=1) as executor:
        yield Bench(executor=executor, store=tmp_path / "store")


def actor_pid(child: int) -> int:
    """The process that started a lane's child."""
    return int(Path(f"/proc/{child}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])


@linux
@pytest.mark.long
def test_a_lost_actor_fails_its_call_alone_and_takes_its_child_along(bench: Bench) -> None:
    child = bench.child()
    with pytest.raises(LaneCrashed, match="the Ray actor that ran hang was lost"):
        bench.run(a_call("hang", seconds=30), hear=lambda sign: os.kill(actor_pid(child), signal.SIGKILL) if sign.kind == "note" else None)
    assert gone(child, within_s=5)
    assert bench.child() != child


@linux
@pytest.mark.long
def test_an_actor_lost_between_calls_is_replaced_unseen(bench: Bench) -> None:
    child = bench.child()
    actor = actor_pid(child)
    os.kill(actor, signal.SIGKILL)
    assert gone(actor, within_s=5)
    assert bench.child() != child


@pytest.mark.long
def test_a_stopped_actor_is_killed_when_it_does_not_hear(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.jobs.executors.far_watch._SLACK_S", 0.5)
    child, stopped = bench.child(), [False]

    def hear(sign: Any) -> None:
        if not stopped[0]:
            stopped[0] = True
            os.kill(actor_pid(child), signal.SIGSTOP)

    with pytest.raises(Cancelled):
        bench.run(a_call("sleep", seconds=30), hear=hear, cancel=lambda: stopped[0])
    assert gone(child, within_s=30)  # Ray asks the actor first, then kills it
    bench.child()


@pytest.mark.long
def test_a_gpu_lane_sees_its_gpu_and_a_cpu_lane_none(bench: Bench) -> None:
    seen = {lane: bench.value(bench.run(a_call("known", lane=lane)), "environment")["CUDA_VISIBLE_DEVICES"] for lane in ("cpu", "gpu")}
    assert seen == {"cpu": "", "gpu": "0"}
    assert bench.run(a_call("noop", lane="gpu")).lane == "gpu0"


@pytest.mark.long
def test_what_a_stage_prints_is_in_the_nodes_log_under_its_job(bench: Bench) -> None:
    import ray

    bench.run(a_call("say", word=f"the key is {HUSHED}", job="j-said"))
    logs = Path(ray._private.worker.global_worker.node.get_logs_dir_path())

    def said() -> list[str]:
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in logs.glob("worker-*.err")]
        return [line for text in texts for line in text.splitlines() if "j-said" in line]

    wait_until(lambda: len(said()) >= 2)
    assert all("the key is ***" in line and HUSHED not in line for line in said())


@pytest.mark.long
def test_a_lane_that_finds_no_place_is_given_up(own_ray: None, tmp_path: Path) -> None:
    from kiln.jobs.executors.ray_cluster import RayExecutor

    limits = QUICK.model_copy(update={"wait_seconds": 1.0})
    with RayExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1, threads_per_lane=1000) as executor:
        with pytest.raises(LaneBusy, match="noop found no place within 1 s"):
            executor.run(a_call("noop", limits=limits), on_progress=lambda sign: None, cancel=lambda: False)
        with pytest.raises(Cancelled):
            executor.run(a_call("noop"), on_progress=lambda sign: None, cancel=lambda: True)


@linux
@pytest.mark.long
@pytest.mark.parametrize("ends", ["killed", "closed"])
def test_nothing_is_left_of_a_worker_with_a_ray_of_its_own(tmp_path: Path, ends: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    command = [sys.executable, "-m", "ray_worker", str(tmp_path), "grandchild" if ends == "killed" else "hang"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        words = process.stdout.readline().strip()
        family = {pid for pid in descend(process.pid)[1:] if "Agent" not in command_of(pid)}  # Ray's agents end minutes later
        assert len(family) >= 3  # the two daemons, the actor's process, its child
        if ends == "killed":
            assert int(words) in family
            process.kill()
        assert process.wait(60) == (-9 if ends == "killed" else 0)
    wait_until(lambda: all(gone(pid, within_s=0) for pid in family), within_s=60)


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("address", ["auto", "10.0.0.5:6379"])
def test_a_cluster_without_tokens_is_refused_unless_its_network_is_trusted(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from kiln.jobs.executors.ray_cluster import check_address

    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(SetupError, match="RAY_AUTH_MODE=token"):
        check_address(address, trusts_network=False)
    check_address(address, trusts_network=True)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    check_address(address, trusts_network=False)
    with pytest.raises(SetupError, match="thin client"):
        check_address("ray://10.0.0.5:10001", trusts_network=True)

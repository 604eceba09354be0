"""The executor for one machine: lanes for the processor, and one for each GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from kiln import settings
from kiln.jobs.executors import scratch
from kiln.jobs.executors.idle_lanes import IdleLanes
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_setup import GPU_IDLE_S, IDLE_S, LaneSetup, LaneSite
from kiln.jobs.executors.pooled import PooledExecutor

_AHEAD: Final = 2
"""Lanes that have a child when a call comes: its own, and one for the next, because a job's stages soon run side by side."""


_SHARES: Final = 2
"""Of the cores that a lane's threads may take: its own, and that of another lane, since most of a stage's time runs in one thread."""


class LocalExecutor(PooledExecutor[Lane]):
    """A StageExecutor whose stages run in child processes on this machine; leave it as a context to end them.

    `data` is the folder of the worker's own files. The GPUs' lock files lie in `locks`, else there; workers that share a GPU share it.
    `gpus` are names as CUDA_VISIBLE_DEVICES has them. There are `cpu_lanes` lanes for stages without a GPU; None: see
    `usual_lanes`. `weights` are tenants' shares of the lanes; who is not named has 1. `worker` stands before the names of lanes.

    A lane without a GPU that was idle for `idle_s` seconds ends its child, one with a GPU after `gpu_idle_s`; the next call starts another.
    """

    def __init__(
        self,
        setup: LaneSetup,
        *,
        data: Path,
        locks: Path | None = None,
        cpu_lanes: int | None = None,
        gpus: Sequence[str] = (),
        weights: Mapping[str, int] | None = None,
        worker: str = "",
        idle_s: float = IDLE_S,
        gpu_idle_s: float = GPU_IDLE_S,
    ) -> None:
        self._scratch = data.resolve() / "lanes"
        self._prefix = f"{worker}." if worker else ""
        scratch.sweep(self._scratch)
        locks = (locks or data).resolve()
        cpu = [Lane(setup, site) for site in self._cpu_sites(cpu_lanes, idle_s)]
        gpu = [Lane(setup, self._gpu_site(name, lock=locks / f"gpu{name}.lock", idle_s=gpu_idle_s)) for name in gpus]
        super().__init__({"cpu": cpu, "gpu": gpu}, weights=weights)
        self._idle = IdleLanes([*cpu, *gpu])

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        """As PooledExecutor.run; meanwhile one lane more than is needed gets ready."""
        if call.lane == "cpu":
            for lane in self.pools["cpu"].next_lanes(_AHEAD):
                lane.prepare()
        return super().run(call, on_progress=on_progress, cancel=cancel)

    def close(self, *, wait_s: float = 0.0) -> None:
        """As PooledExecutor.close."""
        self._idle.close()
        super().close(wait_s=wait_s)

    def _cpu_sites(self, count: int | None, idle_s: float) -> list[LaneSite]:
        """Lanes that share the cores."""
        cores = settings.threads()
        count = usual_lanes(cores) if count is None else count
        threads = min(cores, max(1, _SHARES * cores // max(1, count)))
        names = [f"{self._prefix}cpu{number}" for number in range(count)]
        return [LaneSite(name=name, threads=threads, scratch=self._scratch, idle_s=idle_s) for name in names]

    def _gpu_site(self, device: str, *, lock: Path, idle_s: float) -> LaneSite:
        """A lane that may hold as much memory as the models it has loaded need."""
        return LaneSite(
            name=f"{self._prefix}gpu{device}",
            threads=settings.threads(),
            scratch=self._scratch,
            device=device,
            lock=lock,
            idle_s=idle_s,
            most_kept_bytes=None,
        )


def usual_lanes(cores: int) -> int:
    """How many lanes without a GPU a machine gets: half as many as it has cores, and two where there are two or three.

    With two lanes on two cores, hulls and LODs are made while a job's unwrap and bake run, and a second job uses what the first leaves:
    a job took 23 to 27 s instead of 28, and 195 to 230 were done an hour instead of 184, each at 11 to 12 s of processor time, while other
    programs had most of that machine. A lane per core would ask for 1.3 GB of memory per core.
    """
    return max(min(2, cores), cores // 2)

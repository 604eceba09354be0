"""The executor for one machine: lanes for the processor, and one for each GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from kiln import settings
from kiln.errors import SetupError
from kiln.jobs.executors import scratch
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_pool import LanePool
from kiln.jobs.executors.lane_setup import LaneSetup, LaneSite


class LocalExecutor:
    """A StageExecutor whose stages run in child processes on this machine; leave it as a context to end them.

    `data` is the folder of the worker's own files; workers that share a GPU must share it, because the GPU's lock file lies there.
    `gpus` are names as CUDA_VISIBLE_DEVICES has them. There are `cpu_lanes` lanes for stages without a GPU: by default one less than there
    are cores, at least 1. `weights` are tenants' shares of the lanes; who is not named has 1.
    """

    def __init__(
        self,
        setup: LaneSetup,
        *,
        data: Path,
        cpu_lanes: int | None = None,
        gpus: Sequence[str] = (),
        weights: Mapping[str, int] | None = None,
    ) -> None:
        self._scratch = data.resolve() / "lanes"
        scratch.sweep(self._scratch)
        cpu = [Lane(setup, site) for site in self._cpu_sites(cpu_lanes)]
        gpu = [Lane(setup, self._gpu_site(name, lock=data.resolve() / f"gpu{name}.lock")) for name in gpus]
        self.pools = {"cpu": LanePool(cpu, weights=weights), "gpu": LanePool(gpu, weights=weights)}
        """The lanes of each kind."""

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        """Run one stage in the next free lane of its kind, as StageExecutor says. SetupError when there is no lane of that kind."""
        pool = self.pools[call.lane]
        if not pool.lanes:
            raise SetupError(f"{call.stage} needs a {call.lane} lane and this worker has none: start a worker on a machine with one")
        with pool.lane(call, cancel=cancel) as lane:
            return lane.run(call, on_progress=on_progress, cancel=cancel)

    def close(self, *, wait_s: float = 0.0) -> None:
        """Take no more calls, wait up to wait_s seconds for those that run, then end all children; what still ran fails with LaneClosed."""
        give_up = time.monotonic() + wait_s
        for pool in self.pools.values():
            pool.refuse()
        for pool in self.pools.values():
            pool.close(wait_s=give_up - time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _cpu_sites(self, count: int | None) -> list[LaneSite]:
        """Lanes that share the cores."""
        cores = settings.threads()
        count = max(1, cores - 1) if count is None else count
        threads = max(1, cores // max(1, count))
        return [LaneSite(name=f"cpu{number}", threads=threads, scratch=self._scratch) for number in range(count)]

    def _gpu_site(self, device: str, *, lock: Path) -> LaneSite:
        return LaneSite(name=f"gpu{device}", threads=settings.threads(), scratch=self._scratch, device=device, lock=lock)

"""The executor for one machine: lanes for the processor, and one for each GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kiln import settings
from kiln.jobs.executors import scratch
from kiln.jobs.executors.idle_lanes import IdleLanes
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_setup import GPU_IDLE_S, IDLE_S, MOST_KEPT_BYTES, LaneSetup, LaneSite
from kiln.jobs.executors.pooled import PooledExecutor


class LocalExecutor(PooledExecutor[Lane]):
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
        super().__init__({"cpu": cpu, "gpu": gpu}, weights=weights)

    def prepare(self) -> None:
        """Start every lane's child now, before any call: they warm up while nobody needs them, and hold some 200 MB each from then on."""
        for pool in self.pools.values():
            for lane in pool.lanes:
                lane.prepare()

    def _cpu_sites(self, count: int | None) -> list[LaneSite]:
        """Lanes that share the cores."""
        cores = settings.threads()
        count = max(1, cores - 1) if count is None else count
        threads = max(1, cores // max(1, count))
        return [LaneSite(name=f"cpu{number}", threads=threads, scratch=self._scratch) for number in range(count)]

    def _gpu_site(self, device: str, *, lock: Path) -> LaneSite:
        return LaneSite(name=f"gpu{device}", threads=settings.threads(), scratch=self._scratch, device=device, lock=lock)

"""The executor for one machine: lanes for the processor, and one for each GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from kiln import settings
from kiln.errors import SetupError
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_pool import LanePool
from kiln.jobs.executors.lane_setup import LaneSetup, LaneSite


class LocalExecutor:
    """A StageExecutor whose stages run in child processes on this machine; leave it as a context to end them.

    `data` is the folder of the worker's own files; workers that share a GPU must share it, because the GPU's lock file lies there.
    `gpus` are names as CUDA_VISIBLE_DEVICES has them. There are `cpu_lanes` lanes for stages without a GPU: by default one less than there
    are cores, at least 1.
    """

    def __init__(self, setup: LaneSetup, *, data: Path, cpu_lanes: int | None = None, gpus: Sequence[str] = ()) -> None:
        cores = settings.threads()
        count = max(1, cores - 1) if cpu_lanes is None else cpu_lanes
        scratch = data.resolve() / "lanes"
        cpu = [LaneSite(name=f"cpu{i}", kind="cpu", threads=max(1, cores // count), scratch=scratch) for i in range(count)]
        gpu = [
            LaneSite(name=f"gpu{name}", kind="gpu", threads=cores, scratch=scratch, device=name, lock=data.resolve() / f"gpu{name}.lock")
            for name in gpus
        ]
        self.pools = {
            "cpu": LanePool([Lane(setup, site) for site in cpu]),
            "gpu": LanePool([Lane(setup, site) for site in gpu]),
        }
        """The lanes of each kind."""

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        """Run one stage in the next free lane of its kind, as StageExecutor says. SetupError when there is no lane of that kind."""
        pool = self.pools[call.lane]
        if not pool.lanes:
            raise SetupError(f"{call.stage} needs a {call.lane} lane and this worker has none: start a worker on a machine with one")
        with pool.lane(call, cancel=cancel) as lane:
            return lane.run(call, on_progress=on_progress, cancel=cancel)

    def close(self) -> None:
        """End all children. Calls that still run fail as crashed."""
        for pool in self.pools.values():
            for lane in pool.lanes:
                lane.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

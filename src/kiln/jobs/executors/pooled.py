"""What all executors have in common: lanes of each kind in pools, a call for the next free one, and an end that waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from kiln.errors import SetupError
from kiln.jobs.executors.interface import LaneKind, Progress, StageCall, StageResult
from kiln.jobs.executors.lane_pool import LanePool, PooledLane
from kiln.jobs.telemetry import metrics


class RunningLane(PooledLane, Protocol):
    """A lane that runs one call at a time, wherever it is."""

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        """Run one call, as StageExecutor says. However it ends, the lane is ready for the next one."""


AnyLane = TypeVar("AnyLane", bound=RunningLane)


class PooledExecutor(Generic[AnyLane]):
    """A StageExecutor over these lanes; leave it as a context to close it. `weights` are tenants' shares; who is not named has 1."""

    def __init__(self, lanes: Mapping[LaneKind, Sequence[AnyLane]], *, weights: Mapping[str, int] | None = None) -> None:
        self.pools = {kind: LanePool(of_kind, weights=weights) for kind, of_kind in lanes.items()}
        """The lanes of each kind."""

        for kind, pool in self.pools.items():
            metrics.lanes_there(kind, len(pool.lanes))

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        """Run one stage in the next free lane of its kind, as StageExecutor says. SetupError when there is no lane of that kind."""
        pool = self.pools[call.lane]
        if not pool.lanes:
            raise SetupError(f"{call.stage} needs a {call.lane} lane and this worker has none: start a worker on a machine with one")
        with pool.lane(call, cancel=cancel) as lane, metrics.lane_at_work(call.lane, stage=call.stage):
            result = lane.run(call, on_progress=on_progress, cancel=cancel)
        metrics.lane_peaked(result.lane, held_bytes=result.peak_bytes)
        return result

    def close(self, *, wait_s: float = 0.0) -> None:
        """Take no more calls, wait up to wait_s seconds for those that run, then end all lanes; what still ran fails with LaneClosed."""
        give_up = time.monotonic() + wait_s
        for pool in self.pools.values():
            pool.refuse()
        for pool in self.pools.values():
            pool.close(wait_s=give_up - time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

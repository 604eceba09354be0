"""Lanes of one kind, and the row of calls that wait for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Generic, Protocol, TypeVar

from kiln.errors import Cancelled
from kiln.jobs.executors.failure import LaneBusy, LaneClosed
from kiln.jobs.executors.fair_queue import FairQueue
from kiln.jobs.executors.interface import StageCall
from kiln.jobs.telemetry import metrics

_POLL_S: Final = 0.05
"""Between two looks of a waiting call whether it was cancelled."""


class PooledLane(Protocol):
    """What a pool must know of a lane."""

    last_stage: str
    """What it has run last, and so has loaded."""

    def close(self) -> None:
        """End it for good, from whichever thread; a call that runs fails with LaneClosed."""


AnyLane = TypeVar("AnyLane", bound=PooledLane)


class _Ticket(Generic[AnyLane]):
    """One waiting call, and the lane it is given."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.lane: AnyLane | None = None


class LanePool(Generic[AnyLane]):
    """Gives each call a lane of its own, in the order that priorities and fairness between tenants say. For many threads.

    `weights` are tenants' shares; who is not named has 1.
    """

    def __init__(self, lanes: Sequence[AnyLane], *, weights: Mapping[str, int] | None = None) -> None:
        self.lanes = tuple(lanes)
        self._weights = dict(weights or {})
        self._idle = list(lanes)
        self._waiting: FairQueue[_Ticket[AnyLane]] = FairQueue()
        self._changed = threading.Condition()
        self._is_closed = False

    @contextmanager
    def lane(self, call: StageCall, *, cancel: Callable[[], bool]) -> Iterator[AnyLane]:
        """A lane for this call alone.

        Cancelled when it was cancelled before one was free, LaneBusy when it had to wait too long, LaneClosed when the pool is closed.
        """
        lane = self._take(call, cancel)
        try:
            yield lane
        finally:
            self._give_back(lane)

    def next_lanes(self, count: int) -> tuple[AnyLane, ...]:
        """Up to so many idle lanes, in the order in which calls get them."""
        with self._changed:
            return tuple(reversed(self._idle[-count:]))

    def refuse(self) -> None:
        """Give no lane to anyone any more: calls that wait, and those to come, fail with LaneClosed. Running ones go on."""
        with self._changed:
            self._is_closed = True
            while (ticket := self._waiting.take()) is not None:
                ticket.called.set()

    def close(self, *, wait_s: float) -> None:
        """Refuse calls, wait up to wait_s seconds for those that run, then end all lanes."""
        self.refuse()
        with self._changed:
            self._changed.wait_for(lambda: len(self._idle) == len(self.lanes), timeout=max(0.0, wait_s))
        for lane in self.lanes:
            lane.close()

    def _take(self, call: StageCall, cancel: Callable[[], bool]) -> AnyLane:
        with self._changed:
            if self._is_closed:
                raise _closed(call)
            if self._idle:
                return self._warmest(call.stage)
            ticket = _Ticket[AnyLane]()
            self._waiting.put(ticket, tenant=call.tenant, priority=call.priority, weight=self._weights.get(call.tenant, 1))
        try:
            with metrics.lane_awaited(call.lane):
                self._wait(ticket, call, cancel)
        except BaseException:
            self._withdraw(ticket)
            raise
        if ticket.lane is None:
            raise _closed(call)
        return ticket.lane

    def _warmest(self, stage: str) -> AnyLane:
        """An idle lane, if there is one that ran this stage last."""
        lane = next((lane for lane in self._idle if lane.last_stage == stage), self._idle[-1])
        self._idle.remove(lane)
        return lane

    def _wait(self, ticket: _Ticket[AnyLane], call: StageCall, cancel: Callable[[], bool]) -> None:
        give_up = time.monotonic() + call.limits.wait_seconds
        while not ticket.called.wait(_POLL_S):
            if cancel():
                raise Cancelled("stopped while waiting: nothing was written")
            if time.monotonic() > give_up:
                raise LaneBusy(f"no {call.lane} lane became free within {call.limits.wait_seconds:g} s: try again later, or add workers")

    def _withdraw(self, ticket: _Ticket[AnyLane]) -> None:
        """Wait no longer; a lane that was given meanwhile goes on to the next."""
        with self._changed:
            self._waiting.remove(ticket)
            lane = ticket.lane
        if lane is not None:
            self._give_back(lane)

    def _give_back(self, lane: AnyLane) -> None:
        with self._changed:
            ticket = self._waiting.take()
            if ticket is None:
                self._idle.append(lane)
                self._changed.notify_all()
                return
            ticket.lane = lane
            ticket.called.set()


def _closed(call: StageCall) -> LaneClosed:
    return LaneClosed(f"the worker is shutting down and takes no {call.stage} any more: submit it again")

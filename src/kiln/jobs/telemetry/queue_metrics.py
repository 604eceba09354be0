"""What waits, counted in the job database when somebody asks: the same numbers whichever process of a service is asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select

from kiln.errors import StorageError
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import State
from kiln.jobs.records.tables import EXECUTORS, JOBS, WEBHOOKS
from kiln.jobs.telemetry.metrics import REGISTRY

_LIVE: Final = tuple(state for state in State if not state.terminal)

_FRESH_S: Final = 5.0
"""How long an answer is given again: whoever asks often must not load the database."""


@dataclass(frozen=True, kw_only=True)
class _Group:
    """How many there are, and the clock's time that belongs to the oldest, or to the one that was silent longest."""

    count: int = 0
    since_ms: int | None = None

    def age_s(self, now_ms: int) -> float:
        return 0.0 if self.since_ms is None else max(0, now_ms - self.since_ms) / 1000


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """What was found at one moment."""

    jobs: dict[State, _Group]
    webhooks: _Group
    executors: _Group


class QueueMetrics(Collector):
    """Counts what waits in one database."""

    def __init__(self, database: Database, *, clock: Clock | None = None, seconds: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._seconds = seconds
        self._lock = threading.Lock()
        self._answer: tuple[float, tuple[Metric, ...]] | None = None

    def describe(self) -> Sequence[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The numbers, at most 5 s old. While the database is out of reach, only that it is."""
        with self._lock:
            now_s = self._seconds()
            if self._answer is None or now_s - self._answer[0] >= _FRESH_S:
                self._answer = (now_s, tuple(self._ask()))
            return self._answer[1]

    def _ask(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("kiln_database_up", "Whether the job database answers.", value=1)
        try:
            self._database.ping()  # without patience: a scrape waits for ten seconds, not thirty
            counted = self._database.read(_count)
        except StorageError:
            up.samples.clear()
            up.add_metric((), 0)
            yield up
            return
        yield up
        yield from _told(counted, self._clock.now_ms())


def watch_queue(database: Database, *, registry: CollectorRegistry = REGISTRY) -> Callable[[], None]:
    """Count what waits in this database from now on, until the answer is called. For a service: a thousand workers need not ask."""
    collector = QueueMetrics(database)
    registry.register(collector)
    return lambda: registry.unregister(collector)


def _count(connection: Connection) -> _Counted:
    """All counts, each by an index and none over jobs that have ended."""
    live = JOBS.c.state.in_([state.value for state in _LIVE])
    jobs = select(JOBS.c.state, func.count(), func.min(JOBS.c.created_ms)).where(live).group_by(JOBS.c.state)
    webhooks = select(func.count(), func.min(WEBHOOKS.c.due_ms)).where(WEBHOOKS.c.due_ms.is_not(None))
    executors = select(func.count(), func.min(EXECUTORS.c.beaten_ms))
    found = {State(state): _Group(count=count, since_ms=since) for state, count, since in connection.execute(jobs)}
    waiting, due = connection.execute(webhooks).one()
    known, beaten = connection.execute(executors).one()
    return _Counted(jobs=found, webhooks=_Group(count=waiting, since_ms=due), executors=_Group(count=known, since_ms=beaten))


def _told(counted: _Counted, now_ms: int) -> Iterator[Metric]:
    depth = GaugeMetricFamily("kiln_queue_depth", "Jobs that have not ended.", labels=("state",))
    age = GaugeMetricFamily("kiln_queue_oldest_age_seconds", "Since the oldest of them was submitted.", labels=("state",))
    for state in _LIVE:
        group = counted.jobs.get(state, _Group())
        depth.add_metric((state.value,), group.count)
        age.add_metric((state.value,), group.age_s(now_ms))
    yield from (depth, age)
    yield GaugeMetricFamily("kiln_webhooks_waiting", "Webhooks that are still to be delivered.", value=counted.webhooks.count)
    late = counted.webhooks.age_s(now_ms)
    yield GaugeMetricFamily("kiln_webhooks_late_seconds", "How long the most urgent of them has been due.", value=late)
    yield GaugeMetricFamily("kiln_executors", "Workers that are known.", value=counted.executors.count)
    silent = counted.executors.age_s(now_ms)
    yield GaugeMetricFamily("kiln_heartbeat_age_seconds", "Since the most silent worker was heard of.", value=silent)

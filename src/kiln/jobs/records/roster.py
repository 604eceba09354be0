"""Which executors live: each adds one to its counter now and then, and who stops doing so is found missing.

Nobody compares clocks of two machines, or a clock with itself after a jump: the watch only sees that a counter stands still, and for how
long by its own clock that never jumps.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.tables import EXECUTORS
from kiln.jobs.records.upsert import insert_or_update


class Roster:
    """The executors' counters in a database."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def beat(self, executor_id: str, *, version: str) -> None:
        """Say that an executor lives, and which version of the application it runs."""
        now = {"version": version, "beaten_ms": self._clock.now_ms()}
        first = {"id": executor_id, "beats": 1, **now}
        again = {"beats": EXECUTORS.c.beats + 1, **now}
        self._database.write(lambda connection: insert_or_update(connection, EXECUTORS, first, update=again))

    def beats(self) -> dict[str, int]:
        """Every executor's counter."""
        query = select(EXECUTORS.c.id, EXECUTORS.c.beats)
        return self._database.read(lambda connection: {row.id: row.beats for row in connection.execute(query)})

    def remove(self, executor_id: str) -> None:
        """Forget an executor that has said goodbye, or whose jobs were given to others."""
        self._database.write(lambda connection: connection.execute(EXECUTORS.delete().where(EXECUTORS.c.id == executor_id)))


class HeartbeatWatch:
    """Remembers when each counter last moved."""

    def __init__(self, *, silence_s: float) -> None:
        self._silence_s = silence_s
        self._moved: dict[str, tuple[int, float]] = {}

    def missing(self, beats: Mapping[str, int], *, now_s: float) -> frozenset[str]:
        """Who has been silent for too long, as seen by this watch; now_s is of a clock that only runs forward."""
        before = self._moved
        self._moved = {
            name: before[name] if name in before and before[name][0] == count else (count, now_s) for name, count in beats.items()
        }
        return frozenset(name for name, (_, moved_s) in self._moved.items() if now_s - moved_s >= self._silence_s)

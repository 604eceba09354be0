"""Finds jobs that nobody works on, and hands them to somebody: those of a worker that fell silent, and those that fell through a crack.

There are few cracks: a process that died between keeping a job's record and putting it onto the queue, a full disk in between, a worker
that died after its body returned. A page of unfinished jobs is looked at in each round, so that a round costs the same however many wait.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import RowMapping, select

from kiln.errors import InputError, StorageError
from kiln.jobs.crew.claim import put_back_lost
from kiln.jobs.crew.sole_worker import sole_chore
from kiln.jobs.engine import Workflow, WorkflowQueue
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Job
from kiln.jobs.records.job_rows import job_of
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.roster import HeartbeatWatch, Roster
from kiln.jobs.records.tables import JOBS

_PAGE: Final = 500
"""Jobs looked at in a round."""

_BLINK_ROUNDS: Final = 3
"""After so many rounds without a look, this process slept or the database was away, and nobody's silence says anything."""

_LOG: Final = logging.getLogger(__name__)


class Caretaker:
    """One worker's share of that work; all of them do it, one at a time. For one thread."""

    def __init__(
        self, database: Database, queue: WorkflowQueue, *, executor_id: str, running: Callable[[], Collection[str]], silence_s: float
    ) -> None:
        self._database = database
        self._queue = queue
        self._jobs = JobStore(database)
        self._roster = Roster(database)
        self._executor_id = executor_id
        self._running = running
        self._silence_s = silence_s
        self._watch = HeartbeatWatch(silence_s=silence_s)
        self._looked_s: float | None = None
        self._after = 0
        self._doubted: dict[str, int] = {}
        """Jobs that should run here and did not when they were last looked at, with their attempts."""

    def look(self, *, round_s: float) -> None:
        """One round, of which there is one every round_s seconds. Raises StorageError when a database is out of reach."""
        beats = self._roster.beats()
        now = time.monotonic()
        if self._looked_s is not None and now - self._looked_s > _BLINK_ROUNDS * round_s:
            self._watch = HeartbeatWatch(silence_s=self._silence_s)
        self._looked_s = now
        missing = self._watch.missing(beats, now_s=now) - {self._executor_id}
        with sole_chore(self._database) as is_mine:
            if is_mine:
                for executor_id in sorted(missing):
                    self._give_away(executor_id)
                self._look_after_jobs(living=beats.keys() - missing | {self._executor_id})

    def _give_away(self, executor_id: str) -> None:
        """Let others have what a silent executor left behind, and forget it. Should it wake up, its writes are refused."""
        left = self._queue.run_by(executor_id)
        _LOG.warning("worker %s has been silent for %g s: its %d workflows go to others", executor_id, self._silence_s, len(left))
        self._queue.stop([workflow.id for workflow in left if workflow.is_stage])
        put_back_lost(self._jobs, executor_id)
        for workflow in left:
            if not workflow.is_stage:
                self._hand_on(workflow.id)
        self._roster.remove(executor_id)

    def _hand_on(self, job_id: str) -> None:
        try:
            self._queue.resume(self._jobs.get(job_id))
        except InputError:  # the record is gone, such as by a restored backup
            self._queue.stop([job_id])

    def _look_after_jobs(self, *, living: Collection[str]) -> None:
        """The next page of unfinished jobs, or again the first."""
        page = self._unfinished()
        workflows = self._queue.look_up([job.id for job in page])
        doubted: dict[str, int] = {}
        for job in page:
            workflow = workflows.get(job.id)
            if workflow is None:
                self._queue.enqueue(job)
            elif self._is_idle(workflow, living) and self._is_unchanged(job):
                self._queue.resume(job)
            elif self._should_run_here(workflow):
                doubted[job.id] = job.attempts
        self._doubted = doubted

    def _unfinished(self) -> list[Job]:
        query = select(JOBS).where(JOBS.c.ended_ms.is_(None), JOBS.c.number > self._after).order_by(JOBS.c.number).limit(_PAGE)
        rows = self._database.read(lambda connection: connection.execute(query).mappings().all())
        self._after = rows[-1]["number"] if len(rows) == _PAGE else 0
        return [job for row in rows if (job := _sound(row)) is not None]

    def _is_idle(self, workflow: Workflow, living: Collection[str]) -> bool:
        """Whether nothing will happen to an unfinished job on its own."""
        if workflow.step == "running":
            return workflow.executor_id not in living or (self._should_run_here(workflow) and workflow.id in self._doubted)
        return workflow.step != "waiting"

    def _should_run_here(self, workflow: Workflow) -> bool:
        """Whether it is said to run here and does not; for a moment, at its beginning and its end, that is so."""
        return workflow.step == "running" and workflow.executor_id == self._executor_id and workflow.id not in self._running()

    def _is_unchanged(self, job: Job) -> bool:
        """Whether the job still is as it was when its page was read, which was before its workflow was looked at."""
        now = self._jobs.get(job.id)
        return (now.state, now.attempts) == (job.state, job.attempts)


def _sound(row: RowMapping) -> Job | None:
    """A row's job; None, and a word to the operator, for a damaged one: all others must not go unlooked after for it."""
    try:
        return job_of(row)
    except StorageError as error:
        _LOG.error("%s", error)
        return None

"""Job watch: looks about once a second whether the jobs that run in this process are still theirs to run, all of them in one query."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import select

from kiln.errors import StorageError
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Job, State
from kiln.jobs.records.tables import JOBS

PERIOD_S: Final = 1.0
"""Between two looks: a cancelled job learns of it within so much, and a query."""

_JOIN_S: Final = 35.0
"""How long a look that is under way may take to end: as long as the database waits for a lock, and a little."""

_LOG: Final = logging.getLogger(__name__)


class JobWatch:
    """Watches claims on jobs, from many threads, until it is closed."""

    def __init__(self, database: Database, *, period_s: float = PERIOD_S) -> None:
        self._database = database
        self._period_s = period_s
        self._lock = threading.Lock()
        self._watched: dict[tuple[str, int], tuple[Job, threading.Event]] = {}
        """By job and attempt: for a moment, there may be two attempts at one job."""

        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, claim: Job) -> Iterator[threading.Event]:
        """An event that is set once the job is being cancelled, or somebody else has it: its worker is to stop."""
        key, lost = (claim.id, claim.attempts), threading.Event()
        with self._lock:
            self._watched[key] = claim, lost
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_looking, name="kiln-job-watch", daemon=True)
                self._thread.start()
        try:
            yield lost
        finally:
            with self._lock:
                del self._watched[key]

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=_JOIN_S)

    def _keep_looking(self) -> None:
        while not self._closed.wait(self._period_s):
            try:
                self._look()
            except StorageError as error:  # a job's own writes say so, too, and wait for the database
                _LOG.warning("nobody can see now whether jobs are to be cancelled: %s", error)
            except Exception:  # noqa: BLE001 - whatever it is, the next look may go better, and jobs must stay cancellable
                _LOG.exception("a look at the running jobs failed, and the next follows")

    def _look(self) -> None:
        with self._lock:
            watched = list(self._watched.values())
        if not watched:
            return
        query = select(JOBS.c.id, JOBS.c.state, JOBS.c.attempts).where(JOBS.c.id.in_([claim.id for claim, _ in watched]))
        rows = self._database.read(lambda connection: connection.execute(query).all())
        standing = {job_id: (state, attempts) for job_id, state, attempts in rows}
        for claim, lost in watched:
            if standing.get(claim.id) != (State.RUNNING.value, claim.attempts):
                lost.set()

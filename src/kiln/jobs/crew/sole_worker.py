"""One worker of a name: on SQLite one in all, by an OS lock beside the file; on PostgreSQL by a lock that its session holds.

Both are let go by the system when the worker dies, however it dies.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from kiln.errors import SetupError
from kiln.jobs.executors.device_lock import device_lock
from kiln.jobs.executors.failure import LaneBusy
from kiln.jobs.records.database import Database

PATIENCE_S: Final = 5.0
"""For the lock of a worker that has just died: PostgreSQL notices that after a moment."""

_POLL_S: Final = 0.2
_CHORE: Final = "kiln chore"


class WorkerLock(Protocol):
    """That this worker is the only one."""

    def take(self) -> None:
        """SetupError, with the cure, when another has it and keeps it for a while."""

    def renew(self) -> None:
        """Take it again where a lost connection has let it go. SetupError when another was faster."""

    def release(self) -> None:
        """Let it go."""


def worker_lock(database: Database, executor_id: str) -> WorkerLock:
    """The lock that a worker of this name needs on this database."""
    if database.engine.dialect.name == "sqlite":
        return _FileLock(Path(f"{database.engine.url.database}.worker"))
    return _SessionLock(database, executor_id)


@contextmanager
def sole_chore(database: Database) -> Iterator[bool]:
    """Whether this worker does now what only one may do at a time; nobody is waited for."""
    if database.engine.dialect.name == "sqlite":  # whose one worker is alone anyway
        yield True
        return
    with database.engine.connect() as connection:
        yield bool(connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _key(_CHORE)}).scalar_one())


class _FileLock:
    """On a file beside the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = ExitStack()

    def take(self) -> None:
        lock: AbstractContextManager[None] = device_lock(self._path, wait_s=PATIENCE_S, is_stopped=lambda: False)
        try:
            self._held.enter_context(lock)
        except LaneBusy:
            raise SetupError(
                f"another worker runs on {self._path.stem} already, and SQLite bears only one: stop that one first, "
                "or let KILN_DATABASE_URL name a PostgreSQL database"
            ) from None

    def renew(self) -> None:
        """Nothing: only the end of the process lets it go."""

    def release(self) -> None:
        self._held.close()


class _SessionLock:
    """Of a PostgreSQL session, for one executor id."""

    def __init__(self, database: Database, executor_id: str) -> None:
        self._database = database
        self._executor_id = executor_id
        self._session: Connection | None = None

    def take(self) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not self._try():
            if time.monotonic() > give_up:
                raise SetupError(f"another worker runs as {self._executor_id!r} already: stop that one, or give this one a name of its own")
            time.sleep(_POLL_S)

    def renew(self) -> None:
        try:
            if self._session is not None:
                self._session.execute(text("SELECT 1"))
                return
        except SQLAlchemyError:
            self.release()
        self.take()

    def release(self) -> None:
        if self._session is not None:
            with suppress(SQLAlchemyError):  # it is gone already, and the lock with it
                self._session.invalidate()
                self._session.close()
            self._session = None

    def _try(self) -> bool:
        """One attempt, on a session that is kept when it succeeds. Errors of a database that is out of reach come out as they are."""
        session = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(f"kiln worker {self._executor_id}")}).scalar_one():
            self._session = session
            return True
        session.close()
        return False


def _key(name: str) -> int:
    """A lock's number in PostgreSQL: 63 bits of a digest, so that nobody else's lock is met by chance."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1

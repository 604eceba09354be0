"""The job database: SQLite in a file by default, PostgreSQL by URL; short transactions that end within a time limit.

SQLite keeps its rollback journal instead of a write-ahead log. WAL would let readers and the writer overlap, but every SQLite from 3.7.0 to
3.51.2 can lose committed pages in it when two processes write and checkpoint at the same moment, and Python comes with whichever SQLite the
system has; WAL also needs shared memory, which network folders lack. In TRUNCATE mode with synchronous FULL a commit is on the disk when it
returns. A transaction that writes takes the write lock at once (BEGIN IMMEDIATE): one that asked for it half-way would be refused without
waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from kiln.errors import SetupError, StorageError
from kiln.jobs.migrations import migrate
from kiln.jobs.scrub import scrub

Result = TypeVar("Result")

_LOCK_WAIT_S: Final = 30
"""For another process's lock. A restart of PostgreSQL, or a slow disk under SQLite, takes up to 20 s."""

_PATIENCE_S: Final = 30.0
"""How long a transaction that was cut off before its commit is begun again."""

_WRITING: Final[dict[str, Any]] = {"kiln_writes": True}
_READING: Final[dict[str, dict[str, Any]]] = {
    "sqlite": {"kiln_writes": False},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""Options of a transaction that only reads, in which every statement sees the same moment."""

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0

_POSTGRESQL_OPTIONS: Final = (
    f"-c statement_timeout={_LOCK_WAIT_S}s -c lock_timeout={_LOCK_WAIT_S}s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"
)
"""The idle limit frees the locks of a client that was stopped, not ended, in the middle of a transaction."""

_TRANSIENT_SQLSTATES: Final = ("08", "40", "53", "57P", "55P03")
"""PostgreSQL's classes: connection lost, deadlock or serialisation, out of resources, server going down or starting, lock not to be had."""


class Database:
    """One database and its pool of connections; safe to use from many threads. Close it when done."""

    def __init__(self, url: str) -> None:
        """Open `sqlite:///path` or `postgresql://...`, and bring its tables up to date.

        Raises SetupError for a URL or a database that cannot be used, StorageError when it is out of reach.
        """
        self.engine = _engine(_read_url(url))
        try:
            self.write(migrate)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()

    def read(self, action: Callable[[Connection], Result]) -> Result:
        """What `action` finds, all of it at one moment. It must not write, and may be called again when the connection breaks."""
        return self._patiently(action, writes=False)

    def write(self, action: Callable[[Connection], Result]) -> Result:
        """What `action` returns, after all it wrote is on the disk; when it raises, nothing is.

        It may be called again, as long as nothing was committed. Raises StorageError when the database is out of reach or full; when that
        happens during the commit, whether it counted is unknown, and asking again with the same idempotency key tells.
        """
        return self._patiently(action, writes=True)

    def _patiently(self, action: Callable[[Connection], Result], *, writes: bool) -> Result:
        """Call the action, and again while the fault may pass."""
        give_up = time.monotonic() + _PATIENCE_S
        pause = _FIRST_PAUSE_S
        while True:
            committing: list[bool] = []
            try:
                return self._once(action, writes=writes, committing=committing)
            except DBAPIError as error:
                if committing or not _may_pass(error) or time.monotonic() + pause > give_up:
                    raise _translated(error) from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _once(self, action: Callable[[Connection], Result], *, writes: bool, committing: list[bool]) -> Result:
        """One transaction; `committing` is no longer empty once its outcome is out of our hands."""
        with self.engine.connect() as connection:
            connection.execution_options(**(_WRITING if writes else _READING[self.engine.dialect.name]))
            result = action(connection)
            if writes:
                committing.append(True)
                connection.commit()
            return result


def _read_url(url: str) -> URL:
    """The URL with our driver. SetupError, which does not repeat the URL: it may hold a password."""
    try:
        read = make_url(url)
    except ArgumentError:
        raise SetupError("the database's URL cannot be read: write sqlite:///folder/jobs.sqlite or postgresql://user@host/name") from None
    kind = read.get_backend_name()
    if kind in ("postgresql", "postgres"):
        return read.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise SetupError(f"{kind} is no database Kiln knows: use sqlite:///folder/jobs.sqlite or postgresql://user@host/name")
    if read.database in (None, "", ":memory:"):
        raise SetupError("a job database in memory would not outlive the process: name a file, as in sqlite:///folder/jobs.sqlite")
    return read


def _engine(url: URL) -> Engine:
    """An engine that waits for locks and connections, but never for ever."""
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).absolute().parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": _LOCK_WAIT_S}, pool_size=4, max_overflow=28, pool_timeout=_LOCK_WAIT_S)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = {"connect_timeout": 10, "options": _POSTGRESQL_OPTIONS, "application_name": "kiln"}
    return create_engine(url, connect_args=options, pool_size=8, max_overflow=24, pool_timeout=_LOCK_WAIT_S, pool_pre_ping=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Durable commits and kept references, on every new connection; and no transactions that Python's driver begins on its own."""
    connection.isolation_level = None
    for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("kiln_writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _may_pass(error: DBAPIError) -> bool:
    """Whether the same transaction may go better in a moment."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_TRANSIENT_SQLSTATES)
    words = str(error.orig).lower()
    return error.connection_invalidated or "connection" in words or "database is locked" in words


def _translated(error: DBAPIError) -> Exception:
    """A database's trouble as ours; a broken promise of our own code, such as a constraint, stays what it is."""
    words = scrub(str(error.orig).strip().partition("\n")[0])
    if "full" in words or getattr(error.orig, "sqlstate", "") == "53100":
        return StorageError(f"the job database cannot grow: {words}; free some space on its disk", kind="full")
    if _may_pass(error) or type(error).__name__ == "OperationalError":
        return StorageError(f"the job database is out of reach: {words}; see that it runs, and ask again", kind="unavailable")
    return error

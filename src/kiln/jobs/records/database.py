"""The job database: SQLite in a file by default, PostgreSQL by URL; short transactions that end within a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kiln.errors import SetupError, StorageError
from kiln.jobs.records.migrations import migrate
from kiln.jobs.records.sqlite import WRITES, WriteAheadLog, sqlite_engine
from kiln.jobs.telemetry.scrub import scrub

Result = TypeVar("Result")

_LOCK_WAIT_S: Final = 30
"""For another process's lock. A restart of PostgreSQL, or a slow disk under SQLite, takes up to 20 s."""

_PATIENCE_S: Final = 30.0
"""How long a transaction that was cut off before its commit is begun again."""

_WRITING: Final[dict[str, Any]] = {WRITES: True}
_READING: Final[dict[str, dict[str, Any]]] = {
    "sqlite": {WRITES: False},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""Options of a transaction that only reads, in which every statement sees the same moment."""

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0

_POSTGRESQL_OPTIONS: Final = (
    f"-c statement_timeout={_LOCK_WAIT_S}s -c lock_timeout={_LOCK_WAIT_S}s -c idle_in_transaction_session_timeout=60s -c timezone=UTC "
    "-c plan_cache_mode=force_generic_plan"
)
"""The idle limit frees the locks of a client that was stopped, not ended, in the middle of a transaction. Statements are planned once for
each connection: planning them anew takes longer than they do, and finds worse plans while the tables' statistics are out of date."""

_TRANSIENT_SQLSTATES: Final = ("08", "40", "53", "57P", "55P03")
"""PostgreSQL's classes: connection lost, deadlock or serialisation, out of resources, server going down or starting, lock not to be had."""

_DISK_FULL: Final = "53100"


class Database:
    """One database and its pool of connections; safe to use from many threads. Close it when done."""

    def __init__(self, url: str) -> None:
        """Open `sqlite:///path` or `postgresql://...`, and bring its tables up to date.

        Raises SetupError for a URL or a database that cannot be used, StorageError when it is out of reach.
        """
        self.engine = _engine(_read_url(url))
        self._log = WriteAheadLog(self.engine) if self.engine.dialect.name == "sqlite" else None
        try:
            self.write(migrate)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()

    def ping(self) -> None:
        """Ask the least there is, without patience. StorageError when it is not answered."""
        for is_last in (False, True):
            try:
                self._once(lambda connection: connection.execute(select(1)).scalar_one(), writes=False)
            except _CutOff as cut:
                if is_last or not cut.error.connection_invalidated:  # which says of a kept connection that it died since its last use
                    raise _translated(cut.error) from None
            else:
                return

    def read(self, action: Callable[[Connection], Result]) -> Result:
        """What `action` finds, all of it at one moment. It must not write, and may be called again when the connection breaks."""
        return self._patiently(action, writes=False, repeatable=True)

    def write(self, action: Callable[[Connection], Result], *, repeatable: bool = False) -> Result:
        """What `action` returns, after all it wrote is on the disk; when it raises, nothing is.

        It is called again when it is cut off before the commit; `repeatable` says that it finds out by itself whether an earlier commit
        counted, so that it may be called again after one with an unknown outcome, too. Raises StorageError when the database is full or out
        of reach; without `repeatable` that may leave the outcome unknown.
        """
        result = self._patiently(action, writes=True, repeatable=repeatable)
        if self._log is not None:
            self._log.fold_when_long()
        return result

    def _patiently(self, action: Callable[[Connection], Result], *, writes: bool, repeatable: bool) -> Result:
        """Call the action, and again while the fault may pass."""
        give_up = time.monotonic() + _PATIENCE_S
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return self._once(action, writes=writes)
            except _CutOff as cut:
                certain = repeatable or not cut.committing
                if not certain or not _may_pass(cut.error) or time.monotonic() + pause > give_up:
                    raise _translated(cut.error) from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _once(self, action: Callable[[Connection], Result], *, writes: bool) -> Result:
        """One transaction. Raises _CutOff for any error of the database's."""
        committing = False
        try:
            with self.engine.connect() as connection:
                connection.execution_options(**(_WRITING if writes else _READING[self.engine.dialect.name]))
                result = action(connection)
                committing = True
                connection.commit()
                return result
        except DBAPIError as error:
            raise _CutOff(error, committing=committing) from None
        except PoolTimeout:
            raise StorageError(
                f"no connection to the job database became free in {_LOCK_WAIT_S} s; ask again", kind="unavailable"
            ) from None


class _CutOff(Exception):
    """A transaction ended with an error of the database's; when that was during the commit, nobody knows whether it counts."""

    def __init__(self, error: DBAPIError, *, committing: bool) -> None:
        super().__init__()
        self.error = error
        self.committing = committing


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
        return sqlite_engine(url, wait_s=_LOCK_WAIT_S)
    options = {"connect_timeout": 10, "options": _POSTGRESQL_OPTIONS, "application_name": "kiln", "prepare_threshold": 1}
    return create_engine(url, connect_args=options, pool_size=16, max_overflow=16, pool_timeout=_LOCK_WAIT_S)


def _may_pass(error: DBAPIError) -> bool:
    """Whether the same transaction may go better in a moment."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return not _is_full(error) and str(state).startswith(_TRANSIENT_SQLSTATES)
    words = str(error.orig).lower()
    return error.connection_invalidated or "connection" in words or "database is locked" in words


def _is_full(error: DBAPIError) -> bool:
    """Whether the disk is; waiting for somebody to free it would only pile up requests."""
    return getattr(error.orig, "sqlstate", None) == _DISK_FULL or "disk is full" in str(error.orig)


def _translated(error: DBAPIError) -> Exception:
    """A database's trouble as ours; a broken promise of our own code, such as a constraint, stays what it is."""
    words = scrub(str(error.orig).strip().partition("\n")[0])
    if _is_full(error):
        return StorageError(f"the job database cannot grow: {words}; free some space on its disk", kind="full")
    if _may_pass(error) or type(error).__name__ == "OperationalError":
        return StorageError(f"the job database is out of reach: {words}; see that it runs, and ask again", kind="unavailable")
    return error

"""SQLite as the job database: one file, written by one process at a time, read by all meanwhile.

It keeps a write-ahead log. On the disk this was measured on (6 ms for each flush), a commit takes 6 ms with one and 24 ms with a rollback
journal, which flushes four times; and readers hold nobody up. Three things about it need care:

- With synchronous FULL, a commit is on the disk when it returns. WAL's usual NORMAL would lose the last ones with the machine.
- Every SQLite from 3.7.0 to 3.51.2, so most that come with a Python, can lose committed pages when a commit starts the log anew while
  another connection is copying it into the database (sqlite.org/wal.html, "the WAL-reset bug"). So no connection copies on its own;
  `WriteAheadLog` does, and holds the write lock meanwhile, so that nobody can commit. A connection that is the file's last copies as it
  closes, alone. Programs other than Kiln must therefore not write to the file.
- It needs memory that all its processes share: the file must be on a disk of this machine, not in a network folder.

A transaction that writes takes the write lock at once (BEGIN IMMEDIATE): one that asked for it half-way would be refused without waiting.
Whoever finds it taken looks again after pauses of up to 100 ms, so that of many some wait far longer than others. The threads of a process
therefore wait for each other before they ask.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from kiln.errors import SetupError

WRITES: Final = "kiln_writes"
"""The option of a connection that says whether its next transaction writes; without it, it does."""

_HAS_TURN: Final = "kiln_has_turn"
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0", "journal_size_limit=0", "foreign_keys=ON")
"""A size limit of 0 cuts the file when the log is started anew, so that its size says how long the log is."""

_LONG_LOG_BYTES: Final = 4 << 20
"""What SQLite itself takes for a long log: 1,000 pages. Copying it takes about 50 ms."""


def sqlite_engine(url: URL, *, wait_s: int) -> Engine:
    """An engine whose connections wait so long for locks. Raises SetupError when the file's folder cannot be made."""
    _make_folder(Path(str(url.database)).absolute().parent)
    engine = create_engine(url, connect_args={"timeout": wait_s}, pool_size=4, max_overflow=28, pool_timeout=wait_s)
    turn = _Turn(wait_s=wait_s)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", turn.begin)
    event.listen(engine, "checkin", turn.end)
    return engine


class _Turn:
    """Whose turn it is to write, among the threads that share an engine: from the beginning of a transaction to the connection's return."""

    def __init__(self, *, wait_s: int) -> None:
        self._wait_s = wait_s
        self._free = threading.Lock()

    def begin(self, connection: Connection) -> None:
        """Begin a transaction. Who waits for too long asks SQLite all the same, which then says that the database is locked."""
        if not connection.get_execution_options().get(WRITES, True):
            connection.exec_driver_sql("BEGIN")
            return
        notes = connection.connection.record_info
        if notes is not None and _HAS_TURN not in notes and self._free.acquire(timeout=self._wait_s):
            notes[_HAS_TURN] = True
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def end(self, _connection: object, record: ConnectionPoolEntry) -> None:
        """Let the next one write."""
        if (record.record_info or {}).pop(_HAS_TURN, False):
            self._free.release()


class WriteAheadLog:
    """The log beside a database; whoever has committed lets it be folded into the database when it has become long.

    All writers of all processes stop for that, so that it cannot grow faster than it is folded.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._path = Path(f"{engine.url.database}-wal")
        self._folding = threading.Lock()

    def fold_when_long(self) -> None:
        """Copy a long log into the database; the next commit then starts it anew. What was committed counts whether this works or not."""
        if not self._is_long():
            return
        with self._folding:  # one thread at a time: each needs two connections, and the pool must not run dry of halves
            if self._is_long():
                with suppress(sqlite3.OperationalError, OperationalError, PoolTimeout):  # such as a full disk: the next commit tries again
                    self._fold()

    def _is_long(self) -> bool:
        return self._path.exists() and self._path.stat().st_size > _LONG_LOG_BYTES

    def _fold(self) -> None:
        with self._engine.connect() as lock, closing(self._engine.raw_connection()) as copier, lock.begin():
            copier.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{folder} cannot be made for the job database: {error.strerror}; name another with KILN_DATABASE_URL") from None


def _prepare(connection: Any, _record: object) -> None:
    """Set up a new connection, and let nobody but `_Turn` begin transactions; Python's driver would do so on its own."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()

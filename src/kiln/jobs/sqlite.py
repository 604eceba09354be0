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
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kiln.errors import SetupError

WRITES: Final = "kiln_writes"
"""The option of a connection that says whether its next transaction writes; without it, it does."""

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0", "journal_size_limit=0", "foreign_keys=ON")
"""A size limit of 0 cuts the file when the log is started anew, so that its size says how long the log is."""

_LONG_LOG_BYTES: Final = 4 << 20
"""What SQLite itself takes for a long log: 1,000 pages. Copying it takes about 50 ms."""


def sqlite_engine(url: URL, *, wait_s: int) -> Engine:
    """An engine whose connections wait so long for locks. Raises SetupError when the file's folder cannot be made."""
    _make_folder(Path(str(url.database)).absolute().parent)
    engine = create_engine(url, connect_args={"timeout": wait_s}, pool_size=4, max_overflow=28, pool_timeout=wait_s)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


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
                with suppress(sqlite3.OperationalError, PoolTimeout):  # such as a full disk, or a busy one: the next commit tries again
                    self._fold()

    def _is_long(self) -> bool:
        return self._path.exists() and self._path.stat().st_size > _LONG_LOG_BYTES

    def _fold(self) -> None:
        with closing(self._engine.raw_connection()) as lock, closing(self._engine.raw_connection()) as copier:
            lock.cursor().execute("BEGIN IMMEDIATE")
            try:
                copier.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                lock.cursor().execute("ROLLBACK")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{folder} cannot be made for the job database: {error.strerror}; name another with KILN_DATABASE_URL") from None


def _prepare(connection: Any, _record: object) -> None:
    """Set up a new connection, and let nobody but `_begin` begin transactions; Python's driver would do so on its own."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

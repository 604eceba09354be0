"""Where the durable engine keeps its tables: a file beside the job database on SQLite, the same database on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import URL, Engine, create_engine, make_url

from kiln.errors import SetupError
from kiln.jobs.records.sqlite import sqlite_engine

FILE: Final = "workflows.sqlite"
"""A file of its own: SQLite has one writer a file, and so two threads of a worker write at the same time."""

_LOCK_WAIT_S: Final = 30
"""As the job database waits."""


def workflows_url(database_url: str) -> URL:
    """The URL of the engine's tables for a job database."""
    url = make_url(database_url)
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url.set(database=str(Path(str(url.database)).absolute().with_name(FILE)))


def open_pool(url: URL) -> Engine:
    """Connections to the engine's tables. On SQLite with the same write-ahead log, and the same care for it, as the job database."""
    if url.get_backend_name() == "sqlite":
        return sqlite_engine(url, wait_s=_LOCK_WAIT_S)
    options = {"connect_timeout": 10, "application_name": "kiln-workflows"}
    return create_engine(url, connect_args=options, pool_size=16, max_overflow=16, pool_timeout=_LOCK_WAIT_S, pool_pre_ping=True)


def check_folder(url: URL) -> None:
    """SetupError when SQLite's file cannot lie where it is to lie."""
    if url.get_backend_name() != "sqlite":
        return
    folder = Path(str(url.database)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{folder} cannot be made for the workflows' database: {error.strerror}; choose another folder") from None

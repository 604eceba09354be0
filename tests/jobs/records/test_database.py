"""The database: URLs, forward migrations, locks that are waited for, faults that pass and faults that do not."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, inspect, select, text

from jobs import postgres
from kiln import settings
from kiln.errors import SetupError, StorageError
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Request, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.migrations import VERSION, migrate
from kiln.jobs.records.orders import Order
from kiln.jobs.records.tables import METADATA, SCHEMA_VERSION

ORDER = Order(request=Request(recipe="prop"), tenant="studio")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "would not outlive"),
        ("sqlite:///:memory:", "would not outlive"),
        ("mysql://me:secret9@host/x", "mysql is no database Kiln knows"),
        ("not a url secret9", "cannot be read"),
    ],
)
def test_urls_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(SetupError, match=words) as raised:
        Database(url)
    assert "secret9" not in str(raised.value)


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.jobs.records.database._PATIENCE_S", 0.2)
    with pytest.raises(StorageError, match="out of reach") as raised:
        Database(f"postgresql://me:secret9@/kiln?host={tmp_path}")
    assert raised.value.kind == "unavailable"
    assert "secret9" not in str(raised.value)


def test_the_environment_names_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, found in (("postgresql://host/kiln", "postgresql://host/kiln"), ("", None)):
        monkeypatch.setenv("KILN_DATABASE_URL", value)
        assert settings.database_url() == found


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be made"):
        Database(f"sqlite:///{tmp_path / 'file' / 'jobs.sqlite'}")


def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new' / 'folder' / 'jobs.sqlite'}")
    pragmas = {"journal_mode": "wal", "synchronous": 2, "wal_autocheckpoint": 0, "foreign_keys": 1, "busy_timeout": 30_000}
    found = database.read(lambda connection: {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas})
    database.close()
    assert found == pragmas


def test_many_may_open_an_empty_database_at_once(database_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(Database, [database_url] * 6))
    versions = [database.read(lambda connection: connection.execute(select(SCHEMA_VERSION)).all()) for database in opened]
    for database in opened:
        database.close()
    assert versions == [[(VERSION,)]] * 6


def test_an_older_database_is_brought_forward(database: Database) -> None:
    def add_colour(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE batches ADD COLUMN colour TEXT"))

    def add_index(connection: Connection) -> None:
        connection.execute(text("CREATE INDEX batches_by_colour ON batches (colour)"))

    steps = {VERSION: add_colour, VERSION + 1: add_index}
    for _ in range(2):
        database.write(lambda connection: migrate(connection, version=VERSION + 2, migrations=steps))
    assert [index["name"] for index in inspect(database.engine).get_indexes("batches")] == ["batches_by_colour"]
    with pytest.raises(SetupError, match="made by a newer Kiln"):
        database.write(migrate)


def test_a_migration_that_fails_changes_nothing(database: Database) -> None:
    def break_off(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE batches ADD COLUMN colour TEXT"))
        raise SetupError("no")

    with pytest.raises(SetupError):
        database.write(lambda connection: migrate(connection, version=VERSION + 1, migrations={VERSION: break_off}))
    assert "colour" not in [column["name"] for column in inspect(database.engine).get_columns("batches")]
    database.write(migrate)


def test_the_databases_shape_is_the_tables(database: Database) -> None:
    assert set(inspect(database.engine).get_table_names()) == set(METADATA.tables) - {"sqlite_sequence"}


def test_another_writer_is_waited_for(database: Database) -> None:
    held, freed = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        connection.execute(text("UPDATE tenants SET budget_microdollars = NULL"))
        held.set()
        assert freed.wait(timeout=30)

    store = JobStore(database)
    store.submit(ORDER)
    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(database.write, hold)
        assert held.wait(timeout=30)
        waiter = pool.submit(store.submit, ORDER)
        assert len(store.in_state(State.QUEUED)) == 1  # readers go on meanwhile
        assert not waiter.done()
        freed.set()
        holder.result(timeout=30)
        assert waiter.result(timeout=30).created


def test_threads_that_write_wait_for_each_other(tmp_path: Path) -> None:
    """And do not ask SQLite meanwhile, which would let them sleep; a write that failed lets the next one in, too."""
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    held, freed = threading.Event(), threading.Event()
    begun: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _connection, _cursor, statement, *_: begun.append(statement))

    def hold(connection: Connection) -> None:
        connection.execute(select(1))
        held.set()
        assert freed.wait(timeout=30)
        raise SetupError("no")

    with ThreadPoolExecutor(4) as pool:
        holder = pool.submit(database.write, hold)
        assert held.wait(timeout=30)
        waiters = [pool.submit(JobStore(database).submit, ORDER) for _ in range(3)]
        give_up = time.monotonic() + 30
        while database.engine.pool.checkedout() < 4:
            assert time.monotonic() < give_up
        assert begun.count("BEGIN IMMEDIATE") == 1
        freed.set()
        with pytest.raises(SetupError):
            holder.result(timeout=30)
        assert all(waiter.result(timeout=30).created for waiter in waiters)
    database.close()


def test_a_full_disk_is_told_and_passes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    store = JobStore(database)
    limit_pages(database, 1)
    large = Order(request=Request(recipe="prop", parameters={"note": "x" * 100_000}), tenant="studio")
    with pytest.raises(StorageError, match="free some space") as raised:
        store.submit(large)
    assert raised.value.kind == "full"
    limit_pages(database, 2**30)
    assert store.submit(large).created
    database.close()
    connection = sqlite3.connect(tmp_path / "jobs.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_the_log_is_folded_before_it_is_long(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    store = JobStore(database)
    large = Order(request=Request(recipe="prop", parameters={"note": "x" * 200_000}), tenant="studio")
    sizes = []
    for _ in range(50):  # 10 MB in all
        store.submit(large)
        sizes.append((tmp_path / "jobs.sqlite-wal").stat().st_size)
    database.close()
    assert 4 << 20 < max(sizes) < 5 << 20
    assert min(sizes[10:]) < 1 << 20
    assert not (tmp_path / "jobs.sqlite-wal").exists()


def limit_pages(database: Database, pages: int) -> None:
    """Let the file of the pool's one connection grow no further, as a full disk does; SQLite never sets the limit below what is there."""
    database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar())


def test_a_postgresql_that_restarts_is_waited_for() -> None:
    with postgres.server() as server:
        database = Database(server.empty_database())
        store = JobStore(database)
        store.submit(ORDER)
        with ThreadPoolExecutor(1) as pool:
            server.stop(at_once=True)
            waiter = pool.submit(store.submit, ORDER)
            server.start()
            assert waiter.result(timeout=60).created
        assert len(store.in_state(State.QUEUED)) == 2
        database.close()

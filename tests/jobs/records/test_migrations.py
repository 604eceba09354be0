"""A database of version 1, as Kiln left it then, with jobs in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from jobs.rig import order
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import State
from kiln.jobs.records.job_store import JobStore

HERE = Path(__file__).parents[1]

TENANT = "INSERT INTO tenants (tenant, used_microdollars) VALUES ('studio', 0)"
JOB = """INSERT INTO jobs (id, tenant, request, request_hash, priority, state, attempts, stage, share, results, last_seq, created_ms)
VALUES (:id, 'studio', '{"inputs":{},"parameters":{},"recipe":"prop"}', 'x', 0, :state, 0, '', 0, '{}', 1, 1)"""
EVENT = """INSERT INTO events (job_id, seq, kind, at_ms, attempt, data) VALUES (:id, 1, 'state', 1, 0, '{"state":"queued"}')"""
JOBS = [f"job_{number:024x}" for number in range(3)]


@pytest.fixture
def old_url(database_url: str) -> str:
    """Of a database that version 1 made, with three jobs that wait."""
    engine = plain_engine(database_url)
    name = engine.dialect.name
    with engine.begin() as connection:
        for statement in (HERE / f"version_1_{name}.sql").read_text().split("\n;;\n"):
            connection.exec_driver_sql(statement)
        connection.execute(text(TENANT))
        for job_id in JOBS:
            connection.execute(text(JOB), {"id": job_id, "state": "queued"})
            connection.execute(text(EVENT), {"id": job_id})
    engine.dispose()
    return database_url


def plain_engine(url: str) -> Engine:
    read = make_url(url)
    return create_engine(read.set(drivername="postgresql+psycopg") if read.get_backend_name() == "postgresql" else read)


def shape(engine: Engine) -> Mapping[str, Any]:
    """Everything the database says of its tables, whatever the order of columns."""
    found = inspect(engine)

    def listed(rows: list[Any]) -> list[str]:
        return sorted(str(sorted((name, str(value)) for name, value in row.items() if name != "comment")) for row in rows)

    tables = {
        table: [
            listed(found.get_columns(table)),
            sorted(str(key["column_names"]) for key in found.get_unique_constraints(table)),
            sorted(f"{key['constrained_columns']} {key['referred_table']}" for key in found.get_foreign_keys(table)),
            found.get_pk_constraint(table)["constrained_columns"],
        ]
        for table in found.get_table_names()
    }
    sqlite = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
    postgresql = (
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
        "UNION SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(sqlite if engine.dialect.name == "sqlite" else postgresql).all()
    return {**tables, "rest": {name: " ".join(words.split()) for name, words in rows}}


def test_it_becomes_what_a_new_one_is(old_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    old = Database(old_url)
    upgraded = shape(old.engine)
    old.close()
    if old.engine.dialect.name == "sqlite":
        new = Database(f"sqlite:///{tmp_path / 'new.sqlite'}")
    else:
        new = Database(request.getfixturevalue("postgres_server").empty_database())
    fresh = shape(new.engine)
    new.close()
    assert upgraded == fresh


def test_its_jobs_go_on(old_url: str) -> None:
    database = Database(old_url)
    store = JobStore(database)
    waiting = store.in_state(State.QUEUED)
    assert [(job.id, job.turn) for job in waiting] == [(job_id, 0) for job_id in JOBS]
    assert store.submit(order()).job.turn == 1
    ended = store.succeed(store.start(waiting[0], executor_id="e"), results={}, measured=())
    assert [event.seq for event in store.events(ended.id)] == [1, 2, 3]
    with pytest.raises(DBAPIError, match="append-only"):
        database.write(lambda connection: connection.execute(text("DELETE FROM events")))
    database.close()

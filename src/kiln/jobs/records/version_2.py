"""From version 1 of the job database to 2: turns in the queue, files, webhooks' secrets, and histories that may be forgotten.

Written as statements, not with `tables`: those go on changing, and this step must not.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

_NUMBER: Final = {"sqlite": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "postgresql": "BIGSERIAL NOT NULL PRIMARY KEY"}

_TABLES: Final = (
    """CREATE TABLE files (
        number {number},
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL REFERENCES tenants (tenant),
        job_id TEXT REFERENCES jobs (id),
        role TEXT NOT NULL,
        name TEXT NOT NULL,
        key TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size BIGINT NOT NULL,
        media_type TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        UNIQUE (job_id, name)
    )""",
    'CREATE INDEX ix_files_key ON files ("key")',
    "CREATE INDEX files_of_a_tenant ON files (tenant, number)",
    "CREATE TABLE leases (name TEXT NOT NULL PRIMARY KEY, until_ms BIGINT NOT NULL)",
    "CREATE TABLE forgotten_histories (job_id TEXT NOT NULL PRIMARY KEY REFERENCES jobs (id), at_ms BIGINT NOT NULL)",
    """CREATE TABLE webhook_secrets (
        tenant TEXT NOT NULL PRIMARY KEY REFERENCES tenants (tenant),
        secret TEXT NOT NULL,
        previous TEXT,
        previous_ends_ms BIGINT,
        created_ms BIGINT NOT NULL
    )""",
)

_JOBS: Final = (
    "ALTER TABLE jobs ADD COLUMN turn BIGINT DEFAULT 0 NOT NULL",
    "DROP INDEX jobs_of_a_state",
    "DROP INDEX ix_jobs_batch_id",
    "CREATE INDEX jobs_in_line ON jobs (priority, turn) WHERE state = 'queued'",
    "CREATE INDEX jobs_of_a_tenant_in_line ON jobs (tenant, priority, turn) WHERE state = 'queued'",
    "CREATE INDEX jobs_by_end ON jobs (ended_ms) WHERE ended_ms IS NOT NULL",
    "CREATE INDEX jobs_unfinished ON jobs (number) WHERE ended_ms IS NULL",
    "CREATE INDEX jobs_of_a_batch ON jobs (batch_id) WHERE batch_id IS NOT NULL",
)

_TRIGGERS: Final = {
    "sqlite": (
        "DROP TRIGGER events_no_DELETE",
        """CREATE TRIGGER events_no_DELETE BEFORE DELETE ON events
        WHEN NOT EXISTS (SELECT 1 FROM forgotten_histories WHERE job_id = OLD.job_id)
        BEGIN SELECT RAISE(ABORT, 'events is append-only'); END""",
    ),
    "postgresql": (
        "DROP TRIGGER events_append_only ON events",
        """CREATE TRIGGER events_append_only BEFORE UPDATE OR TRUNCATE ON events
        EXECUTE FUNCTION events_is_append_only()""",
        """CREATE FUNCTION events_is_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF EXISTS (SELECT 1 FROM forgotten_histories WHERE job_id = OLD.job_id) THEN RETURN OLD; END IF;
            RAISE EXCEPTION 'events is append-only';
        END $$""",
        "CREATE TRIGGER events_forgotten BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_is_forgotten()",
    ),
}


def to_version_2(connection: Connection) -> None:
    """Bring a database of version 1 to 2. Jobs that wait keep the order in which they were submitted."""
    dialect = connection.dialect.name
    for statement in (*_TABLES, *_JOBS, *_TRIGGERS[dialect]):
        connection.exec_driver_sql(statement.replace("{number}", _NUMBER[dialect]))

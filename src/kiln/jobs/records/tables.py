"""The tables of the job database, the same on SQLite and PostgreSQL.

Times are milliseconds since 1970 in UTC, money is micro-dollars, work is milliseconds of a GPU: whole numbers all, so that sums are exact.
JSON is text in its canonical form, written and read by `plain` alone.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

METADATA: Final = MetaData()

NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
"""A row number; SQLite counts up only in columns that are called INTEGER."""

SCHEMA_VERSION: Final = Table("kiln_schema", METADATA, Column("version", Integer, nullable=False))

TENANTS: Final = Table(
    "tenants",
    METADATA,
    Column("tenant", Text, primary_key=True),
    Column("budget_microdollars", BigInteger),  # all that may ever be spent; NULL: no limit
    Column("used_microdollars", BigInteger, nullable=False, default=0),  # the sum of its ledger, kept so that nobody has to add it up
)
"""Whoever submits holds the tenant's row until the commit: that is what makes checking credit and taking it one step."""

BATCHES: Final = Table(
    "batches",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, ForeignKey("tenants.tenant"), nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

JOBS: Final = Table(
    "jobs",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("tenant", Text, ForeignKey("tenants.tenant"), nullable=False),
    Column("batch_id", Text, ForeignKey("batches.id")),
    Column("request", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("webhook_url", Text),
    Column("priority", Integer, nullable=False),
    Column("turn", BigInteger, nullable=False, server_default=text("0")),  # of `fair_turns`
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("executor_id", Text),
    Column("stage", Text, nullable=False),
    Column("share", Float, nullable=False),
    Column("results", Text, nullable=False),
    Column("failure_reason", Text),
    Column("failure_message", Text),
    Column("last_seq", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Index("jobs_of_a_tenant", "tenant", "number"),
    sqlite_autoincrement=True,
)


def _index(name: str, *columns: Column[Any], only: ColumnElement[bool]) -> None:
    """Index some of the jobs. Every change of a job's state writes to each index it is in, so it is in none that it does not need."""
    Index(name, *columns, sqlite_where=only, postgresql_where=only)


IS_QUEUED: Final = JOBS.c.state == literal_column("'queued'")
"""In the statement itself, not as its parameter: only so do databases see that a query asks for no other jobs than an index has."""

_index("jobs_in_line", JOBS.c.priority, JOBS.c.turn, only=IS_QUEUED)
_index("jobs_of_a_tenant_in_line", JOBS.c.tenant, JOBS.c.priority, JOBS.c.turn, only=IS_QUEUED)
_index("jobs_unfinished", JOBS.c.number, only=JOBS.c.ended_ms.is_(None))
_index("jobs_by_end", JOBS.c.ended_ms, only=JOBS.c.ended_ms.is_not(None))
_index("jobs_of_a_batch", JOBS.c.batch_id, only=JOBS.c.batch_id.is_not(None))

IDEMPOTENCY_KEYS: Final = Table(
    "idempotency_keys",
    METADATA,
    Column("tenant", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("job_id", Text, ForeignKey("jobs.id"), nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("job_id", Text, ForeignKey("jobs.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("data", Text, nullable=False),
)

LEDGER: Final = Table(
    "ledger",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("job_id", Text, ForeignKey("jobs.id"), nullable=False),
    Column("tenant", Text, ForeignKey("tenants.tenant"), nullable=False),
    Column("item", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("microdollars", BigInteger, nullable=False),
    Column("gpu_ms", BigInteger, nullable=False),
    Column("day", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("job_id", "item", "kind"),
    Index("ledger_of_a_tenant", "tenant", "day"),
    Index("ledger_of_a_day", "item", "day"),
    sqlite_autoincrement=True,
)
"""Signed entries: a hold is what a job may cost, settle and release are what changes that. Their sum is what is spent or held."""

Index(
    "ledger_closed_once",
    LEDGER.c.job_id,
    LEDGER.c.item,
    unique=True,
    sqlite_where=text("kind <> 'hold'"),
    postgresql_where=text("kind <> 'hold'"),
)

QUOTAS: Final = Table(
    "quotas",
    METADATA,
    Column("tenant", Text, primary_key=True),  # "*": all tenants together
    Column("item", Text, primary_key=True),
    Column("gpu_ms_a_day", BigInteger, nullable=False),
)

API_KEYS: Final = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, ForeignKey("tenants.tenant"), nullable=False, index=True),
    Column("secret_sha256", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
)

EXECUTORS: Final = Table(
    "executors",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("beats", BigInteger, nullable=False),
    Column("beaten_ms", BigInteger, nullable=False),
)

FILES: Final = Table(
    "files",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("tenant", Text, ForeignKey("tenants.tenant"), nullable=False),
    Column("job_id", Text, ForeignKey("jobs.id")),  # NULL: an upload
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, index=True),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("job_id", "name"),
    Index("files_of_a_tenant", "tenant", "number"),
    sqlite_autoincrement=True,
)

WEBHOOKS: Final = Table(
    "webhooks",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("job_id", Text, ForeignKey("jobs.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("url", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_ms", BigInteger),  # NULL: delivered, or given up
    Column("delivered_ms", BigInteger),
    UniqueConstraint("job_id", "seq"),
    Index("webhooks_due", "due_ms"),
    sqlite_autoincrement=True,
)

LEASES: Final = Table(
    "leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("until_ms", BigInteger, nullable=False),
)
"""Who does a chore that is done once for all processes has taken it until then."""

FORGOTTEN: Final = Table(
    "forgotten_histories",
    METADATA,
    Column("job_id", Text, ForeignKey("jobs.id"), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)
"""Ended jobs whose events are not kept any longer; the database lets nobody delete an event of any other job."""

WEBHOOK_SECRETS: Final = Table(
    "webhook_secrets",
    METADATA,
    Column("tenant", Text, ForeignKey("tenants.tenant"), primary_key=True),
    Column("secret", Text, nullable=False),
    Column("previous", Text),  # the one before, which still signs until previous_ends_ms
    Column("previous_ends_ms", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
)
"""In the clear, because whoever signs must know them; they open nothing of ours."""

_SQLITE_REFUSAL: Final = "CREATE TRIGGER {0}_no_{1} BEFORE {1} ON {0} {2} BEGIN SELECT RAISE(ABORT, '{0} is append-only'); END"
_SQLITE_UNLESS: Final = "WHEN NOT EXISTS (SELECT 1 FROM forgotten_histories WHERE job_id = OLD.job_id)"

_POSTGRESQL_REFUSAL: Final = """
CREATE FUNCTION {0}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{0} is append-only'; END $$;
CREATE TRIGGER {0}_append_only BEFORE {1} ON {0} EXECUTE FUNCTION {0}_is_append_only()
"""
_POSTGRESQL_UNLESS: Final = """
CREATE FUNCTION {0}_is_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT 1 FROM forgotten_histories WHERE job_id = OLD.job_id) THEN RETURN OLD; END IF;
    RAISE EXCEPTION '{0} is append-only';
END $$;
CREATE TRIGGER {0}_forgotten BEFORE DELETE ON {0} FOR EACH ROW EXECUTE FUNCTION {0}_is_forgotten()
"""


def refuse_changes(connection: Connection) -> None:
    """Have the database itself refuse to change or delete what is only appended to; a history goes whole, once that is written down."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_POSTGRESQL_REFUSAL.format(LEDGER.name, "UPDATE OR DELETE OR TRUNCATE"))
        connection.exec_driver_sql(_POSTGRESQL_REFUSAL.format(EVENTS.name, "UPDATE OR TRUNCATE"))
        connection.exec_driver_sql(_POSTGRESQL_UNLESS.format(EVENTS.name))
        return
    for table, verb, unless in (
        (LEDGER, "UPDATE", ""),
        (LEDGER, "DELETE", ""),
        (EVENTS, "UPDATE", ""),
        (EVENTS, "DELETE", _SQLITE_UNLESS),
    ):
        connection.exec_driver_sql(_SQLITE_REFUSAL.format(table.name, verb, unless))

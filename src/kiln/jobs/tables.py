"""The tables of the job database, the same on SQLite and PostgreSQL.

Times are milliseconds since 1970 in UTC, money is micro-dollars, work is milliseconds of a GPU: whole numbers all, so that sums are exact.
JSON is text in its canonical form, written and read by `plain` alone.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
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
    Column("batch_id", Text, ForeignKey("batches.id"), index=True),
    Column("request", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("webhook_url", Text),
    Column("priority", Integer, nullable=False),
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
    Index("jobs_of_a_state", "state", "executor_id"),
    sqlite_autoincrement=True,
)

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

_SQLITE_REFUSAL: Final = "CREATE TRIGGER {0}_no_{1} BEFORE {1} ON {0} BEGIN SELECT RAISE(ABORT, '{0} is append-only'); END"

_POSTGRESQL_REFUSAL: Final = """
CREATE FUNCTION {0}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{0} is append-only'; END $$;
CREATE TRIGGER {0}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {0} EXECUTE FUNCTION {0}_is_append_only()
"""


def refuse_changes(connection: Connection) -> None:
    """Have the database itself refuse to change or delete what is only appended to."""
    for table in (EVENTS.name, LEDGER.name):
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(_POSTGRESQL_REFUSAL.format(table))
        else:
            for verb in ("UPDATE", "DELETE"):
                connection.exec_driver_sql(_SQLITE_REFUSAL.format(table, verb))

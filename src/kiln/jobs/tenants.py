"""Tenants: who jobs, keys and budgets belong to. A tenant is there from its first job, key or budget on."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from kiln.errors import InputError
from kiln.jobs.tables import TENANTS

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def add_tenant(connection: Connection, tenant: str) -> None:
    """See that a tenant's row is there. InputError for a name that is none."""
    if not _NAME.fullmatch(tenant):
        raise InputError(f"{tenant[:80]!r} is no name of a tenant: 1 to 64 letters, digits, '_', '.' or '-', a letter or digit first")
    insert_if_absent(connection, TENANTS, tenant=tenant)


def lock_tenant(connection: Connection, tenant: str) -> None:
    """Hold the tenant's row, which `add_tenant` made, until the transaction's end; SQLite's one writer holds everything anyway."""
    connection.execute(select(TENANTS.c.tenant).where(TENANTS.c.tenant == tenant).with_for_update()).scalar_one()


def insert_if_absent(connection: Connection, table: Table, **values: Any) -> None:
    """Add a row unless one with its primary key is there."""
    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(table).values(**values).on_conflict_do_nothing())
    else:
        connection.execute(sqlite.insert(table).values(**values).on_conflict_do_nothing())

"""Insert a row, or do something else when it is there: one statement, which both databases have, in two dialects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_if_absent(connection: Connection, table: Table, **values: Any) -> None:
    """Add a row unless one with its primary key is there."""
    connection.execute(_insert(connection, table).values(**values).on_conflict_do_nothing())


def insert_or_update(connection: Connection, table: Table, values: dict[str, Any], *, update: dict[str, Any]) -> None:
    """Add a row, or where one with its primary key is there, change it."""
    keys = [column.name for column in table.primary_key]
    connection.execute(_insert(connection, table).values(**values).on_conflict_do_update(index_elements=keys, set_=update))

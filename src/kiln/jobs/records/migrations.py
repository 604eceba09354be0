"""The database's shape has a number; an older one is brought forward step by step, a newer one is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, inspect, select, text

from kiln.errors import SetupError
from kiln.jobs.records.tables import METADATA, SCHEMA_VERSION, refuse_changes
from kiln.jobs.records.version_2 import to_version_2

Migration = Callable[[Connection], None]

VERSION: Final = 2
"""Of the shape in `tables`."""

MIGRATIONS: Final[Mapping[int, Migration]] = MappingProxyType({1: to_version_2})
"""What leads from version n to n + 1, by n. A step is written once and never changed: databases out there went through it."""

_LOCK: Final = 0x6B696C6E
"""A number of our own for PostgreSQL's advisory lock ("kiln")."""


def migrate(connection: Connection, *, version: int = VERSION, migrations: Mapping[int, Migration] = MIGRATIONS) -> None:
    """Bring an empty or older database to `version`, within the caller's transaction; several processes may do so at once.

    Raises SetupError when the database is newer than that.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if not inspect(connection).has_table(SCHEMA_VERSION.name):
        METADATA.create_all(connection)
        refuse_changes(connection)
        connection.execute(SCHEMA_VERSION.insert().values(version=version))
        return
    found = connection.execute(select(SCHEMA_VERSION.c.version)).scalar_one()
    if found > version:
        raise SetupError(f"the job database has version {found}, made by a newer Kiln; this one knows {version}: upgrade Kiln")
    for step in range(found, version):
        migrations[step](connection)
    connection.execute(SCHEMA_VERSION.update().values(version=version))

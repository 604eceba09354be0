"""Tenants: who jobs, keys and budgets belong to. A tenant is there from its first job, key or budget on."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import Connection, Row, bindparam, select

from kiln.errors import InputError
from kiln.jobs.records.tables import TENANTS
from kiln.jobs.records.upsert import insert_if_absent

_LOCKED: Final = select(TENANTS).where(TENANTS.c.tenant == bindparam("of")).with_for_update(key_share=True)  # others may still point to it

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def add_tenant(connection: Connection, tenant: str) -> None:
    """See that a tenant's row is there. InputError for a name that is none."""
    if not _NAME.fullmatch(tenant):
        raise InputError(f"{tenant[:80]!r} is no name of a tenant: 1 to 64 letters, digits, '_', '.' or '-', a letter or digit first")
    insert_if_absent(connection, TENANTS, tenant=tenant, used_microdollars=0)


def lock_tenant(connection: Connection, tenant: str) -> Row[tuple[str, int | None, int]]:
    """The tenant's row, which nobody else can lock until the transaction ends; SQLite's one writer holds everything anyway."""
    row = connection.execute(_LOCKED, {"of": tenant}).one_or_none()
    if row is None:
        add_tenant(connection, tenant)
        row = connection.execute(_LOCKED, {"of": tenant}).one()
    return row

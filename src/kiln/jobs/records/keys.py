"""API keys: `kiln_<id>_<secret>`. The database knows only the secret's SHA-256: of 256 random bits, nothing slower is needed."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, select

from kiln.errors import InputError
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.tables import API_KEYS
from kiln.jobs.records.tenants import add_tenant

_SECRET_BYTES: Final = 32
_MAX_NAME: Final = 100
_ID: Final = re.compile(r"[0-9a-f]{16}")
_KEY: Final = re.compile(r"kiln_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NO_SECRET_SHA256: Final = "0" * 64
"""What an unknown key is compared with, so that it takes as long to refuse as a known one."""


class Scope(StrEnum):
    """What a key opens."""

    READ = "read"
    """Look at jobs, artifacts and usage."""

    SUBMIT = "submit"
    """Upload, submit, cancel: what may cost money."""

    ADMIN = "admin"
    """Keys, budgets and quotas, of every tenant."""


@dataclass(frozen=True, kw_only=True)
class KeyRecord:
    """What is known of a key; nothing here opens anything. Times are milliseconds since 1970 in UTC."""

    id: str
    tenant: str
    scopes: frozenset[Scope]
    name: str
    """What people call it."""

    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None

    def allows(self, scope: Scope) -> bool:
        """Whether it opens this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key at the one moment at which it can be read."""

    record: KeyRecord
    key: str = field(repr=False)


class KeyRing:
    """The API keys in a database."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def issue(self, tenant: str, *, scopes: Iterable[Scope], name: str = "", life_ms: int | None = None) -> NewKey:
        """A new key for a tenant, for ever or for so long. InputError without a scope, or for a life that is none."""
        opens = frozenset(scopes)
        if not opens:
            raise InputError(f"a key must open something: {', '.join(Scope)}")
        if len(name) > _MAX_NAME or not name.isprintable():
            raise InputError(f"a key's name is up to {_MAX_NAME} printable characters")
        if life_ms is not None and life_ms <= 0:
            raise InputError(f"a key that lives {life_ms} ms opens nothing: give more, or None for no end")
        key_id, secret, now = secrets.token_hex(8), secrets.token_urlsafe(_SECRET_BYTES), self._clock.now_ms()
        row = {"id": key_id, "tenant": tenant, "secret_sha256": _sha256(secret), "scopes": " ".join(sorted(opens)), "name": name}
        times = {"created_ms": now, "expires_ms": None if life_ms is None else now + life_ms, "revoked_ms": None}

        def write(connection: Connection) -> None:
            add_tenant(connection, tenant)
            connection.execute(API_KEYS.insert().values(**row, **times))

        self._database.write(write)
        return NewKey(record=_record({**row, **times}), key=f"kiln_{key_id}_{secret}")

    def check(self, key: str) -> KeyRecord | None:
        """Whose key this is; None for one that is unknown, wrong, expired or revoked, without saying which."""
        parts = _KEY.fullmatch(key)
        if parts is None:
            return None
        query = select(API_KEYS).where(API_KEYS.c.id == parts[1])
        row = self._database.read(lambda connection: connection.execute(query).mappings().one_or_none())
        known = _NO_SECRET_SHA256 if row is None else row["secret_sha256"]
        if not secrets.compare_digest(_sha256(parts[2]), known) or row is None:
            return None
        record = _record(dict(row))
        expired = record.expires_ms is not None and record.expires_ms <= self._clock.now_ms()
        return None if expired or record.revoked_ms is not None else record

    def revoke(self, key_id: str, *, tenant: str | None = None) -> None:
        """Close a key for ever; with a tenant, only if it is theirs. InputError when there is none; again changes nothing."""
        if not _ID.fullmatch(key_id):
            raise InputError(f"{key_id[:40]!r} is no key's id: it is the part between kiln_ and the next _")
        mine = (API_KEYS.c.id == key_id, *([] if tenant is None else [API_KEYS.c.tenant == tenant]))
        open_still = API_KEYS.c.revoked_ms.is_(None)

        def write(connection: Connection) -> bool:
            connection.execute(API_KEYS.update().where(*mine, open_still).values(revoked_ms=self._clock.now_ms()))
            return connection.execute(select(API_KEYS.c.id).where(*mine)).one_or_none() is not None

        if not self._database.write(write):
            raise InputError(f"there is no key {key_id[:40]!r}: name it by its id, the part after kiln_")

    def of(self, tenant: str) -> tuple[KeyRecord, ...]:
        """A tenant's keys, revoked ones included, oldest first."""
        query = select(API_KEYS).where(API_KEYS.c.tenant == tenant).order_by(API_KEYS.c.created_ms, API_KEYS.c.id)
        return self._database.read(lambda connection: tuple(_record(dict(row)) for row in connection.execute(query).mappings()))


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _record(row: Mapping[str, Any]) -> KeyRecord:
    same = {name: row[name] for name in ("id", "tenant", "name", "created_ms", "expires_ms", "revoked_ms")}
    return KeyRecord(**same, scopes=frozenset(Scope(scope) for scope in row["scopes"].split()))

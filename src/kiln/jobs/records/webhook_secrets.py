"""What webhooks are signed with: a secret for each tenant, and the signature, both as the Standard Webhooks specification has them.

The secrets lie in the job database, so that every worker signs alike and nothing has to be handed from machine to machine. Whoever reads
the database could forge messages to a tenant's own server; nothing of ours is opened by them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.tables import WEBHOOK_SECRETS
from kiln.jobs.records.tenants import lock_tenant

_BYTES: Final = 32
_PREFIX: Final = "whsec_"

OVERLAP_MS: Final = 24 * 3600 * 1000
"""How long the secret before the newest still signs beside it: time to teach one's servers the new one."""


@dataclass(frozen=True, kw_only=True)
class WebhookSecret:
    """A tenant's secret."""

    current: str = field(repr=False)
    """`whsec_` and base64: what the tenant's server verifies with."""

    previous: str | None = field(default=None, repr=False)
    """The one before, while it still signs."""

    @property
    def signing(self) -> tuple[str, ...]:
        """All that sign now, the newest first."""
        return (self.current,) if self.previous is None else (self.current, self.previous)


class WebhookSecrets:
    """The tenants' secrets in a database."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def of(self, tenant: str) -> WebhookSecret:
        """A tenant's secret, which is made when it is first asked for."""
        known = self._database.read(lambda connection: _find(connection, tenant))
        return self._read(known) if known is not None else self._database.write(lambda connection: self._made(connection, tenant))

    def rotate(self, tenant: str) -> WebhookSecret:
        """A new secret; the one before signs beside it for 24 h more."""
        return self._database.write(lambda connection: self._rotated(connection, tenant))

    def _made(self, connection: Connection, tenant: str) -> WebhookSecret:
        lock_tenant(connection, tenant)  # of two that ask first, the second finds what the first one made
        known = _find(connection, tenant)
        if known is not None:
            return self._read(known)
        fresh = _new_secret()
        connection.execute(WEBHOOK_SECRETS.insert().values(tenant=tenant, secret=fresh, created_ms=self._clock.now_ms()))
        return WebhookSecret(current=fresh)

    def _rotated(self, connection: Connection, tenant: str) -> WebhookSecret:
        before, now = self._made(connection, tenant).current, self._clock.now_ms()
        fresh = _new_secret()
        values = {"secret": fresh, "previous": before, "previous_ends_ms": now + OVERLAP_MS, "created_ms": now}
        connection.execute(WEBHOOK_SECRETS.update().where(WEBHOOK_SECRETS.c.tenant == tenant).values(**values))
        return WebhookSecret(current=fresh, previous=before)

    def _read(self, row: Row[Any]) -> WebhookSecret:
        overlaps = row.previous is not None and self._clock.now_ms() < row.previous_ends_ms
        return WebhookSecret(current=row.secret, previous=row.previous if overlaps else None)


def sign(body: bytes, *, message_id: str, at_s: int, secrets: Sequence[str]) -> dict[str, str]:
    """The headers that prove a message: its id, its time in seconds since 1970, and an HMAC-SHA256 of both and the body for each secret."""
    signed = f"{message_id}.{at_s}.".encode() + body
    digests = (hmac.digest(base64.b64decode(secret.removeprefix(_PREFIX)), signed, hashlib.sha256) for secret in secrets)
    signatures = " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)
    return {"webhook-id": message_id, "webhook-timestamp": str(at_s), "webhook-signature": signatures}


def _find(connection: Connection, tenant: str) -> Row[Any] | None:
    return connection.execute(select(WEBHOOK_SECRETS).where(WEBHOOK_SECRETS.c.tenant == tenant)).one_or_none()


def _new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode("ascii")

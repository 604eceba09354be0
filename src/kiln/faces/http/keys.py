"""/v1/keys: API keys, made, listed and revoked by whoever has the scope admin."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import problems, router
from kiln.faces.http.problem import or_not_found
from kiln.faces.http.shapes import Asked, Shape
from kiln.faces.http.site import Admin, Here
from kiln.jobs.records.keys import KeyRecord, Scope

_DAY_MS: Final = 24 * 3600 * 1000
_MOST_DAYS: Final = 3650
_TENANT: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


class KeyAsked(Asked):
    """A key that is to be made."""

    tenant: str | None = Field(None, pattern=_TENANT, description="whose jobs it opens; else the caller's")
    scopes: tuple[Scope, ...] = Field(min_length=1, max_length=len(Scope), examples=[["read", "submit"]])
    name: str = Field("", max_length=100, description="what people call it")
    life_days: int | None = Field(None, ge=1, le=_MOST_DAYS, description="how long it opens anything; null for ever")


class KeyShown(Shape):
    """What is known of a key; nothing here opens anything."""

    id: str
    tenant: str
    scopes: tuple[Scope, ...]
    name: str
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None

    @classmethod
    def of(cls, record: KeyRecord) -> Self:
        """The key as it is shown."""
        return cls(**_facts(record))


class KeyMade(KeyShown):
    """A new key."""

    key: str = Field(description="the key itself: it is shown this once")


def make_router(options: HttpOptions) -> APIRouter:
    """The addresses of keys."""
    paths = router("keys", body_bytes=options.json_bytes)
    paths.post("/keys", operation_id="createKey", summary="Make a key", status_code=201)(_create)
    paths.get("/keys", operation_id="listKeys", summary="List a tenant's keys")(_list)
    paths.delete(
        "/keys/{key_id}",
        operation_id="revokeKey",
        summary="Revoke a key for ever",
        status_code=204,
        response_class=Response,
        responses=problems(404),
    )(_revoke)
    return paths


def _create(site: Here, caller: Admin, asked: KeyAsked) -> KeyMade:
    life_ms = None if asked.life_days is None else asked.life_days * _DAY_MS
    made = site.service.keys.issue(asked.tenant or caller.tenant, scopes=asked.scopes, name=asked.name, life_ms=life_ms)
    return KeyMade(**_facts(made.record), key=made.key)


def _list(
    site: Here, caller: Admin, tenant: Annotated[str | None, Query(pattern=_TENANT, description="else the caller's")] = None
) -> list[KeyShown]:
    return [KeyShown.of(record) for record in site.service.keys.of(tenant or caller.tenant)]


def _revoke(site: Here, _caller: Admin, key_id: Annotated[str, Path(max_length=80)]) -> Response:
    with or_not_found():
        site.service.keys.revoke(key_id)
    return Response(status_code=204)


def _facts(record: KeyRecord) -> dict[str, Any]:
    same = ("id", "tenant", "name", "created_ms", "expires_ms", "revoked_ms")
    return {**{name: getattr(record, name) for name in same}, "scopes": tuple(sorted(record.scopes))}

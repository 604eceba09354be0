"""/v1/usage: what a tenant has spent and used, by day and backend."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BeforeValidator, Field

from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import router
from kiln.faces.http.shapes import Shape
from kiln.faces.http.site import Here, Reader
from kiln.jobs.records.lookups import budget_of

_USUAL_DAYS: Final = 30


def _day(given: object) -> object:
    """ValueError for what is no day in ISO form: a number would count as seconds since 1970."""
    try:
        return date.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        raise ValueError("write the day as in 2026-11-20") from None


Day = Annotated[date, BeforeValidator(_day)]


class Used(Shape):
    """What one backend did on one day, holds included."""

    day: date = Field(description="UTC")
    item: str = Field(description="the backend")
    microdollars: int
    gpu_ms: int


class Usage(Shape):
    """What a tenant has used."""

    tenant: str
    spent_microdollars: int = Field(description="spent or held, in all")
    budget_microdollars: int | None = Field(description="what may be spent in all; null for no limit")
    since: date
    use: tuple[Used, ...]


def make_router(options: HttpOptions) -> APIRouter:
    """The address of usage."""
    paths = router("usage", body_bytes=options.json_bytes)
    paths.get("/usage", operation_id="getUsage", summary="Show what was spent and used")(_usage)
    return paths


def _usage(
    site: Here,
    caller: Reader,
    since: Annotated[Day | None, Query(description="the first day, UTC; else 30 days ago")] = None,
) -> Usage:
    first = since or (datetime.now(UTC).date() - timedelta(days=_USUAL_DAYS))
    use = site.service.ledger.use(caller.tenant, since=first.isoformat())
    return Usage(
        tenant=caller.tenant,
        spent_microdollars=site.service.ledger.spent(caller.tenant),
        budget_microdollars=budget_of(site.service.database, caller.tenant),
        since=first,
        use=tuple(Used(day=date.fromisoformat(u.day), item=u.item, microdollars=u.microdollars, gpu_ms=u.gpu_ms) for u in use),
    )

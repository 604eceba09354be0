"""What every router has in common: its prefix, its limit on bodies, and which problems its addresses may tell of."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path

from kiln.faces.http import problem
from kiln.faces.http.site import KEY_NEEDED

_ALWAYS = (400, 401, 403, 408, 413, 422, 429, 500, 503)
"""Statuses of problems that any address behind the gate may tell of."""

JobId = Annotated[str, Path(description="the job's id", max_length=80)]
FileId = Annotated[str, Path(description="the file's id", max_length=80)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="named by the client: asking again under it within 24 h is the same job",
        pattern=r"^[\x21-\x7e]{1,250}$",
    ),
]


def router(tag: str, *, body_bytes: int) -> APIRouter:
    """A router for addresses behind the gate."""
    return APIRouter(prefix="/v1", tags=[tag], dependencies=[KEY_NEEDED], responses=problems(*_ALWAYS), max_body_size=body_bytes)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Further statuses of problems that an address may tell of."""
    return {status: dict(problem.told(status)) for status in statuses}

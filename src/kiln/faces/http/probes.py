"""/livez, /readyz, /health and /metrics: for whoever looks after the service. They need no key, and say nothing of anybody's jobs."""

from __future__ import annotations

from typing import Any, Final, Literal

import anyio
from fastapi import APIRouter, Response

from kiln.faces.http.shapes import Shape
from kiln.faces.http.site import Here
from kiln.jobs.telemetry import metrics

_READY_S: Final = 5.0
"""For the database and the store to answer."""


class Alive(Shape):
    """That the process answers."""

    status: Literal["healthy"] = "healthy"


class Ready(Shape):
    """Whether the service can do its work."""

    status: Literal["healthy", "unhealthy"]
    troubles: tuple[str, ...]


def make_router() -> APIRouter:
    """The addresses of probes."""
    paths = APIRouter(tags=["operations"])
    paths.get("/livez", operation_id="livez", summary="Whether the process lives")(_alive)
    paths.get("/health", operation_id="health", summary="Whether the process lives")(_alive)
    told: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "It cannot do its work now"}}
    paths.get("/readyz", operation_id="readyz", summary="Whether the service can do its work", responses=told)(_ready)
    shown = {"content": {metrics.CONTENT_TYPE: {"schema": {"type": "string"}}}}
    text: dict[int | str, dict[str, Any]] = {200: {"description": "Prometheus' text format", **shown}}
    paths.get("/metrics", operation_id="metrics", summary="Numbers", response_class=Response, responses=text)(_metrics)
    return paths


async def _alive() -> Alive:
    return Alive()


async def _ready(site: Here, response: Response) -> Ready:
    troubles: tuple[str, ...] = (f"the database or the store did not answer in {_READY_S:g} s",)
    if site.watch.closing:
        troubles = ("the service stops",)
    else:
        with anyio.move_on_after(_READY_S):
            troubles = await site.probe.run_or_leave(site.service.troubles)
    response.status_code = 503 if troubles else 200
    return Ready(status="unhealthy" if troubles else "healthy", troubles=troubles)


async def _metrics() -> Response:
    return Response(metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE})

"""The HTTP service as one FastAPI app over a Service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

import kiln
from kiln.errors import KilnError
from kiln.faces.http import artifacts, assets, batches, catalogue, events, jobs, probes, problem, uploads, usage
from kiln.faces.http import keys as keys_router
from kiln.faces.http.deadlines import Deadlines
from kiln.faces.http.gate import Gate
from kiln.faces.http.observe import Observe
from kiln.faces.http.options import HttpOptions
from kiln.faces.http.site import Site
from kiln.intake.connection import Network
from kiln.jobs.telemetry.tracing import FASTAPI_TELEMETRY

if TYPE_CHECKING:
    from kiln.jobs.service import Service

_USUAL: Final = HttpOptions()
_ABOUT: Final = "Pictures go in, game-ready 3D assets come out. Every job survives a restart; every wait can be followed."
_SCHEMAS: Final = "#/components/schemas/{model}"


def make_app(service: Service, *, options: HttpOptions = _USUAL, network: Network | None = None) -> FastAPI:
    """The app, which needs its lifespan to run; it does not close the service. `network` is how URLs are followed where not as usual."""
    app = FastAPI(
        title="Kiln",
        version=kiln.__version__,
        description=_ABOUT,
        lifespan=_lifespan,
        telemetry=FASTAPI_TELEMETRY,
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = Site(service, options=options, network=network or Network())
    for made in (jobs, events, uploads, artifacts, batches, catalogue, usage, assets, keys_router):
        app.include_router(made.make_router(options))
    app.include_router(artifacts.make_signed_router(options))
    app.include_router(events.make_socket_router())
    app.include_router(probes.make_router())
    app.add_exception_handler(KilnError, problem.on_kiln_error)
    app.add_exception_handler(HTTPException, problem.on_http_error)
    app.add_exception_handler(RequestValidationError, problem.on_invalid)
    app.add_middleware(Deadlines, options=options)
    app.add_middleware(Gate)
    app.add_middleware(Observe)
    app.openapi = _documented(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    site: Site = app.state.site
    anyio.to_thread.current_default_thread_limiter().total_tokens = site.options.threads
    looking = asyncio.create_task(site.watch.run())
    try:
        yield
    finally:
        site.watch.close()
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


def _documented(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The OpenAPI document, with the problems that `paths.problems` refers to; made once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = made["components"]["schemas"]
            problems = problem.Problem.model_json_schema(ref_template=_SCHEMAS)
            schemas |= {**problems.pop("$defs"), "Problem": problems}
            app.openapi_schema = made
        return app.openapi_schema

    return document

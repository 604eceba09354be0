"""Site: what all handlers of one HTTP service share, and how they get at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection
from starlette.types import Scope

from kiln.faces.http import problem
from kiln.faces.http.limits import Places, TokenBuckets
from kiln.faces.http.options import HttpOptions
from kiln.faces.http.threads import Threads
from kiln.faces.http.watch import EventWatch
from kiln.intake.connection import Network
from kiln.jobs.records import keys

if TYPE_CHECKING:
    from kiln.jobs.service import Service

_DOOR_THREADS: Final = 4
_STREAM_THREADS: Final = 4
_PROBE_THREADS: Final = 2

CALLER: Final = "kiln.caller"
"""Where a request's scope holds who asks."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, as the gate found out."""

    tenant: str
    scopes: frozenset[keys.Scope]

    def allows(self, scope: keys.Scope) -> bool:
        """Whether the caller may do this."""
        return scope in self.scopes or keys.Scope.ADMIN in self.scopes


class Site:
    """The service behind the handlers, and what bounds them. Threads are shared out, so that slow work starves neither keys nor streams."""

    def __init__(self, service: Service, *, options: HttpOptions, network: Network) -> None:
        self.service = service
        self.options = options
        self.network = network
        self.door = Threads(_DOOR_THREADS)
        self.probe = Threads(_PROBE_THREADS)
        self.intake = Threads(options.intakes_at_once)
        self.fetching = Threads(options.uploads_at_once)
        self.content = Threads(options.threads)
        self.watch = EventWatch(service.database, service.jobs, threads=_STREAM_THREADS, poll_s=options.poll_s)
        self.rates = TokenBuckets(burst=options.requests_burst, a_second=options.requests_a_s)
        self.wrong_keys = TokenBuckets(burst=options.wrong_keys_burst, a_second=1 / options.wrong_key_pause_s)
        self.requests = Places(options.requests_at_once)
        self.requests_of_tenant = Places(options.requests_of_tenant)
        self.uploads = Places(options.uploads_at_once)
        self.uploads_of_tenant = Places(options.uploads_of_tenant)
        self.streams = Places(options.streams_of_tenant)


def site_of(scope: Scope) -> Site:
    """The site of the app that answers this request."""
    return cast(Site, scope["app"].state.site)


def caller_of(scope: Scope) -> Caller:
    """Who asks. The gate lets nobody in without finding that out."""
    return cast(Caller, scope[CALLER])


_BEARER: Final = HTTPBearer(
    scheme_name="key", bearerFormat="kiln_<id>_<secret>", auto_error=False, description="An API key, as `kiln keys create` shows it once."
)
"""For the OpenAPI document: the gate has looked at the key long before."""


async def _declare(_key: Annotated[Any, Security(_BEARER)]) -> None:
    """Say in the OpenAPI document that a key is needed."""


async def _here(connection: HTTPConnection) -> Site:
    return site_of(connection.scope)


def _whoever_may(scope: keys.Scope) -> Callable[[HTTPConnection], Awaitable[Caller]]:
    async def check(connection: HTTPConnection) -> Caller:
        return check_scope(caller_of(connection.scope), scope)

    return check


def check_scope(caller: Caller, scope: keys.Scope) -> Caller:
    """The caller itself. Refusal (403) when it may not do this."""
    if not caller.allows(scope):
        raise problem.Refusal(problem.FORBIDDEN, f"this key has no scope {scope.value!r}: use one that has, or have one made")
    return caller


KEY_NEEDED: Final = Depends(_declare)
"""Of every router whose paths lie behind the gate."""

Here = Annotated[Site, Depends(_here)]
Reader = Annotated[Caller, Depends(_whoever_may(keys.Scope.READ))]
Submitter = Annotated[Caller, Depends(_whoever_may(keys.Scope.SUBMIT))]
Admin = Annotated[Caller, Depends(_whoever_may(keys.Scope.ADMIN))]

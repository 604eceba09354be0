"""The gate before everything below /v1: finds out who asks before a byte of the body is read, and how often they do.

Without any key, the service is for whoever sits at this machine, or reaches it where that is meant. A page in their browser is not them: it
could have a name of its own lead here (DNS rebinding), or just post to us. So in that case the Host must be a name that no stranger can
have, and a browser's Origin the service's own. Nor is whoever comes through a proxy at this machine.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import nullcontext
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from kiln.errors import KilnError
from kiln.faces.http import problem
from kiln.faces.http.limits import NoPlace
from kiln.faces.http.site import CALLER, Caller, Site, site_of
from kiln.jobs.records import keys
from kiln.jobs.records.lookups import has_keys

LOCAL: Final = "local"
"""The tenant of whoever needs no key."""

_EVERYTHING: Final = frozenset(keys.Scope)
_GUARDED: Final = "/v1/"
_SIGNED: Final = "/v1/files/"
"""Whose URLs say themselves that they may be followed."""

_STREAM: Final = re.compile(r"/v1/jobs/[^/]*/(events|ws)")
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="kiln"'}
_PAUSE_S: Final = 2.0
_KEY_PREFIX: Final = "kiln_"
_PROXIES_SAY: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_UNREGISTERED: Final = (".home.arpa", ".internal", ".lan", ".local", ".localhost")
"""Ends of names that only a network of one's own gives out."""


class Gate:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] == "lifespan" or not scope["path"].startswith(_GUARDED):
            await self._app(scope, receive, send)
            return
        site = site_of(scope)
        try:
            scope[CALLER] = None if scope["path"].startswith(_SIGNED) else await _identified(site, scope)
            await self._pass(site, scope, receive, send)
        except KilnError as error:
            await problem.of_error(error, scope)(scope, receive, send)

    async def _pass(self, site: Site, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it in, if there is room. Streams are counted by those who open them: they last, and do nothing."""
        if _STREAM.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            with site.requests.one(), site.requests_of_tenant.one(scope[CALLER].tenant) if scope[CALLER] else nullcontext():
                await self._app(scope, receive, send)
        except NoPlace:
            raise problem.come_back(
                problem.BUSY, "too many requests are being worked on: try again in a moment", after_s=_PAUSE_S
            ) from None


async def _identified(site: Site, scope: Scope) -> Caller | None:
    """Who asks; None for a WebSocket that has yet to say it. Refusal when nobody is let in so, or comes too often."""
    key = _key_in(scope)
    if key is None and scope["type"] == "websocket" and await _is_keyed(site):
        return None
    caller = await _local(site, scope) if key is None else await holder(site, scope, key)
    if not _STREAM.fullmatch(scope["path"]):
        wait_s = site.rates.take(caller.tenant)
        if wait_s:
            raise problem.come_back(problem.TOO_OFTEN, "more requests than this service takes from one tenant: slow down", after_s=wait_s)
    return caller


async def holder(site: Site, scope: Scope, key: str) -> Caller:
    """Whose key it is. Refusal for a wrong one; who guesses is slowed down, by address.

    A good key is let in from any address: behind a proxy all have the same one, and nobody may lock the others out.
    """
    record = await site.door.run(site.service.keys.check, key)
    if record is not None:
        return Caller(tenant=record.tenant, scopes=record.scopes)
    wait_s = site.wrong_keys.take(scope["client"][0] if scope.get("client") else "")
    if wait_s:
        raise problem.come_back(problem.TOO_OFTEN, "too many wrong keys came from this address: wait a little", after_s=wait_s)
    raise _unknown("this key opens nothing: it is mistyped, revoked or expired; have another made with `kiln keys create`")


async def _local(site: Site, scope: Scope) -> Caller:
    """Whoever may come without a key, as long as nobody needs one."""
    if await _is_keyed(site):
        raise _unknown("this service needs a key, in the header Authorization after the word Bearer")
    headers = Headers(scope=scope)
    trouble = _foreign(headers) if site.options.open_to_all else _not_from_here(headers)
    if trouble is not None:
        raise problem.Refusal(problem.FORBIDDEN, f"without keys, this service answers {trouble}; or make a key with `kiln keys create`")
    return Caller(tenant=LOCAL, scopes=_EVERYTHING)


async def _is_keyed(site: Site) -> bool:
    return not (site.options.loopback or site.options.open_to_all) or await site.door.run(has_keys, site.service.database)


def _unknown(message: str) -> problem.Refusal:
    return problem.Refusal(problem.UNAUTHORIZED, message, headers=_CHALLENGE)


def _key_in(scope: Scope) -> str | None:
    """The key that comes with the request; "" for an Authorization that holds none. A browser's WebSocket can only offer protocols."""
    headers = Headers(scope=scope)
    given = headers.get("authorization")
    if given is not None:
        kind, _, key = given.partition(" ")
        return key.strip() if kind.lower() == "bearer" and key.isascii() else ""
    offered = scope.get("subprotocols", ())
    return next((name for name in offered if name.startswith(_KEY_PREFIX)), None)


def _not_from_here(headers: Headers) -> str | None:
    """What this machine's own user would have done otherwise; None for a request that may be theirs."""
    name = _host(headers)
    address = _address(name)
    if name != "localhost" and (address is None or not address.is_loopback):
        return "to names of this machine only: use localhost"
    if any(header in headers for header in _PROXIES_SAY):
        return "nobody who comes through a proxy: ask it directly"
    return _of_another_site(headers)


def _foreign(headers: Headers) -> str | None:
    """What somebody of this network would have done otherwise; None for a request that may be theirs."""
    name = _host(headers)
    if _address(name) is None and (not name or "." in name) and not name.endswith(_UNREGISTERED):
        return "only where no stranger could have led you: use its IP address, or its name without a domain"
    return _of_another_site(headers)


def _of_another_site(headers: Headers) -> str | None:
    return None if _is_own_page(headers) else "no page of another site: open its own address"


def _host(headers: Headers) -> str:
    """The name in the header Host; "" when it holds none."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_own_page(headers: Headers) -> bool:
    """Whether no browser says that the request comes from another site's page."""
    origin = headers.get("origin")
    same = origin is None or origin.partition("://")[2] == headers.get("host")
    return same and headers.get("sec-fetch-site", "none") in ("none", "same-origin")

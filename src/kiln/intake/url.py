"""URLs from strangers: checked as text, resolved once, and held to the public addresses that were found."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from kiln.errors import RefusalReason, RefusedError
from kiln.intake.address import Address, is_public, parse

Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text. OSError when it has none."""

_PORTS: Final = {"http": 80, "https": 443}

_LONGEST: Final = 2048
"""Characters of a URL."""

_RESOLVE_S: Final = 5.0
"""How long the resolver is waited for."""

_PATH: Final = "/%:@!$&'()*+,;=~-._"
_QUERY: Final = f"{_PATH}?[]"
"""What stays as it is in a URL's path and query; everything else is escaped."""

_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")

_WORDS: Final = "this URL cannot be used: give the http or https address of a file on the public internet"
"""One sentence for every reason: a caller must not learn from it what there is in our network."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a request may go: the URL's parts, and the addresses that were found public."""

    scheme: str
    host: str
    """Lower-case ASCII, without brackets; for the certificate."""

    port: int
    path: str
    """With its query."""

    addresses: tuple[Address, ...]

    @property
    def host_header(self) -> str:
        """As HTTP wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def system_resolver(host: str, port: int) -> list[str]:
    """What the system's resolver says, every address once, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def locate(
    url: str,
    *,
    resolve: Resolver = system_resolver,
    schemes: Collection[str] = ("http", "https"),
    own: Collection[str] = (),
    within_s: float = _RESOLVE_S,
) -> Target:
    """Where a URL leads. RefusedError ("address") unless it is plain and every address of its host is public.

    `own` are hosts of the operator's, as "host" or "host:port": these may be private, and have a port of their own.

    Plain means: http on port 80 or https on port 443, no user, a host that is a name or an address in its usual form. Whoever connects
    must use `addresses`: asking the resolver again may give another answer (DNS rebinding). RefusedError ("unreachable") when the
    resolver has no answer within seconds.
    """
    parts = _split(url)
    if parts.scheme not in schemes:
        raise _refused()
    host = _host(parts)
    usual = _PORTS[parts.scheme]
    port = parts.port or usual
    is_own = f"{host}:{port}" in own or (port == usual and host in own)
    if port != usual and not is_own:
        raise _refused()
    addresses = _addresses(host, port, resolve, within_s, is_own=is_own)
    path = quote(parts.path or "/", safe=_PATH) + (f"?{quote(parts.query, safe=_QUERY)}" if parts.query else "")
    return Target(scheme=parts.scheme, host=host, port=port, path=path, addresses=addresses)


def _split(url: str) -> SplitResult:
    if len(url) > _LONGEST or not url.isprintable() or any(letter.isspace() or letter == "\\" for letter in url):
        raise _refused()
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - ValueError for what is no port
    except ValueError:
        raise _refused() from None
    if parts.scheme not in _PORTS or "@" in parts.netloc or parts.port == 0:
        raise _refused()
    return parts


def _host(parts: SplitResult) -> str:
    """The host as ASCII. Numbers in other forms than an address's usual one, such as 0x7f.1, are refused, not guessed at."""
    host = parts.hostname or ""
    if ":" in host:
        if "%" in host:
            raise _refused()
        return str(_parsed(host))
    try:
        name = host.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _refused() from None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused()
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return str(_parsed(name))
    return name


def _parsed(text: str) -> Address:
    try:
        return parse(text)
    except ValueError:
        raise _refused() from None


def _addresses(host: str, port: int, resolve: Resolver, within_s: float, *, is_own: bool) -> tuple[Address, ...]:
    """Every address of the host, all of them public unless it is the operator's; one that is not makes the whole host suspect."""
    found = tuple(_parsed(text) for text in _resolved(host, port, resolve, within_s))
    if not found:
        raise _refused("unreachable")
    if not is_own and not all(is_public(address) for address in found):
        raise _refused()
    return found


def _resolved(host: str, port: int, resolve: Resolver, within_s: float) -> Sequence[str]:
    """The resolver's answer, waited for in a thread of its own: the system's resolver knows no time limit."""
    answers: list[Sequence[str]] = []

    def ask() -> None:
        try:
            answers.append(resolve(host, port))
        except (OSError, UnicodeError):
            answers.append(())

    asking = threading.Thread(target=ask, name="resolve", daemon=True)
    asking.start()
    asking.join(within_s)
    return answers[0] if answers else ()


def _refused(reason: RefusalReason = "address") -> RefusedError:
    return RefusedError(_WORDS, reason=reason)

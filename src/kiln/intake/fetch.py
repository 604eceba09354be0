"""Fetches a file from a stranger's URL, without being led into our own network, kept waiting or flooded.

The host is resolved once, all of its addresses must be public, and the connection goes to the very address that was checked, with the
host's name in Host, in SNI and against the certificate. Each redirect is checked as the first URL was. Proxies of the environment are
not used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from urllib.parse import urljoin

from kiln.errors import RefusedError
from kiln.intake.url import Resolver, Target, locate, system_resolver

_CHUNK_BYTES: Final = 1 << 16

_MOST_REDIRECTS: Final = 3

_MOST_ADDRESSES: Final = 4
"""Of a host, tried one after the other."""

_REDIRECTS: Final = (301, 302, 303, 307, 308)

_HEADERS: Final = {
    "User-Agent": "kiln",
    "Accept": "image/png, image/jpeg, image/webp",
    "Accept-Encoding": "identity",
    "Connection": "close",
}

Connect = Callable[[tuple[str, int], float], socket.socket]
"""A connected TCP socket to an address and port, within seconds. OSError otherwise."""


def connect_directly(place: tuple[str, int], timeout_s: float) -> socket.socket:
    """A TCP connection, no proxy between."""
    return socket.create_connection(place, timeout=timeout_s)


@dataclass(frozen=True, kw_only=True)
class Network:
    """How the outside is reached: the system's ways, or a test's."""

    resolve: Resolver = system_resolver
    connect: Connect = connect_directly
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """What a stranger's server may cost."""

    seconds: float = 10.0
    """For everything together: connections, redirects, headers and body."""

    size_bytes: int = 20 * 1024**2


_USUAL: Final = FetchLimits()


def fetch(url: str, into: Path, *, network: Network | None = None, limits: FetchLimits = _USUAL) -> Path:
    """Write what the URL gives to the new file `into`, which is then an upload like any other: look at it before anything reads it.

    Raises RefusedError: "address" for what does not lead to the public internet, "size" and "effort" for what is over a limit,
    "unreachable" for all that goes wrong on the way. No words of the server's are repeated. Nothing is left in `into` then.
    """
    network, ends = network or Network(), time.monotonic() + limits.seconds
    with into.open("xb") as file:
        try:
            _follow(url, file, network, limits, ends)
        except (OSError, http.client.HTTPException, ValueError):
            into.unlink()
            raise (_too_slow(limits) if time.monotonic() >= ends else _unreachable()) from None
        except BaseException:
            into.unlink()
            raise
    return into


def _follow(url: str, file: IO[bytes], network: Network, limits: FetchLimits, ends: float) -> None:
    """Ask, and ask again where it has moved, a few times at most."""
    for _ in range(_MOST_REDIRECTS + 1):
        moved = _ask(locate(url, resolve=network.resolve), file, network, limits, ends)
        if moved is None:
            return
        url = urljoin(url, moved)
    raise _unreachable()


def _ask(target: Target, file: IO[bytes], network: Network, limits: FetchLimits, ends: float) -> str | None:
    """One request: the body is in the file afterwards, or the URL to which it has moved is returned."""
    with _connected(target, network, ends) as sock, _hung_up_at(ends, sock):
        connection = _Connected(target, sock)
        connection.request("GET", target.path, headers={"Host": target.host_header, **_HEADERS})
        response = connection.getresponse()
        if response.status in _REDIRECTS:
            return response.getheader("Location") or ""
        if response.status != 200 or response.getheader("Content-Encoding", "identity") != "identity":
            raise _unreachable()
        if (response.length or 0) > limits.size_bytes:
            raise _too_large(limits)
        _copy(response, file, limits, ends)
    return None


def _copy(response: http.client.HTTPResponse, file: IO[bytes], limits: FetchLimits, ends: float) -> None:
    copied = 0
    while chunk := response.read1(_CHUNK_BYTES):
        copied += len(chunk)
        if copied > limits.size_bytes:
            raise _too_large(limits)
        file.write(chunk)
    if time.monotonic() >= ends:  # hung up on: the end of the body is ours, not the server's
        raise _too_slow(limits)
    if response.length:
        raise _unreachable()


class _Connected(http.client.HTTPConnection):
    """HTTP over a socket that is connected already, whatever the host's name would lead to now."""

    def __init__(self, target: Target, sock: socket.socket) -> None:
        super().__init__(target.host, target.port)
        self.sock = sock

    def connect(self) -> None:
        raise ConnectionError("the one connection that was checked is gone")


@contextmanager
def _connected(target: Target, network: Network, ends: float) -> Iterator[socket.socket]:
    """A connection to the first address that answers; for https with the certificate checked against the host's name."""
    plain = _first_answer(target, network, ends)
    with plain:
        if target.scheme == "http":
            yield plain
            return
        with network.tls.wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False) as sock:
            with _hung_up_at(ends, sock):
                sock.do_handshake()
            yield sock


def _first_answer(target: Target, network: Network, ends: float) -> socket.socket:
    failed: OSError = ConnectionError("the host has no address")
    for address in target.addresses[:_MOST_ADDRESSES]:
        try:
            return network.connect((str(address), target.port), _left(ends))
        except OSError as error:
            failed = error
    raise failed


@contextmanager
def _hung_up_at(ends: float, sock: socket.socket) -> Iterator[None]:
    """Shut the connection at that time, whatever it is doing: a limit on each read alone lets a server drip for ever."""
    sock.settimeout(_left(ends))
    timer = threading.Timer(_left(ends), _hang_up, (sock,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(sock: socket.socket) -> None:
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # the plain call: TLS's own would wait for its lock
    except OSError:
        return  # closed in the meantime


def _left(ends: float) -> float:
    """Seconds, at least a little: zero would make a socket non-blocking."""
    return max(0.01, ends - time.monotonic())


def _unreachable() -> RefusedError:
    return RefusedError("the file behind this URL could not be fetched: check the URL, or upload the file itself", reason="unreachable")


def _too_slow(limits: FetchLimits) -> RefusedError:
    return RefusedError(f"the file behind this URL did not arrive within {limits.seconds:g} s: upload the file itself", reason="effort")


def _too_large(limits: FetchLimits) -> RefusedError:
    return RefusedError(f"the file behind this URL is larger than {limits.size_bytes >> 20} MiB: give a smaller one", reason="size")

"""One HTTP connection to an address that was checked, for a limited time whatever the other side does.

The connection goes to the very address, with the host's name in Host, in SNI and against the certificate. Proxies of the environment are
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
from typing import Final

from kiln.intake.url import Resolver, Target, system_resolver

_MOST_ADDRESSES: Final = 4
"""Of a host, tried one after the other."""

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
    own_hosts: frozenset[str] = frozenset()
    """The operator's own, as "host" or "host:port": webhooks may go there although they are private. Nothing is fetched from them."""


@dataclass(frozen=True)
class Deadline:
    """A moment on a clock that only runs forward."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        """Seconds until then, at least a little: zero would make a socket non-blocking."""
        return max(0.01, self.at - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether it is later."""
        return time.monotonic() >= self.at


@contextmanager
def connected(target: Target, network: Network, deadline: Deadline) -> Iterator[http.client.HTTPConnection]:
    """A connection to the first address that answers, shut at the deadline. What goes wrong is an OSError or HTTPException."""
    with _first_answer(target, network, deadline) as plain:
        if target.scheme == "http":
            with _shut_at(deadline, plain):
                yield _Connected(target, plain)
            return
        with network.tls.wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False) as sock, _shut_at(deadline, sock):
            sock.do_handshake()
            yield _Connected(target, sock)


class _Connected(http.client.HTTPConnection):
    """HTTP over a socket that is connected already, whatever the host's name would lead to now."""

    def __init__(self, target: Target, sock: socket.socket) -> None:
        super().__init__(target.host, target.port)
        self.sock = sock

    def connect(self) -> None:
        raise ConnectionError("the one connection that was checked is gone")


def _first_answer(target: Target, network: Network, deadline: Deadline) -> socket.socket:
    failed: OSError = ConnectionError("the host has no address")
    for address in target.addresses[:_MOST_ADDRESSES]:
        try:
            return network.connect((str(address), target.port), deadline.left_s)
        except OSError as error:
            failed = error
    raise failed


@contextmanager
def _shut_at(deadline: Deadline, sock: socket.socket) -> Iterator[None]:
    """Shut the connection then, whatever it is doing: a limit on each read alone lets a server drip for ever."""
    sock.settimeout(deadline.left_s)
    timer = threading.Timer(deadline.left_s, _shut, (sock,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(sock: socket.socket) -> None:
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # the plain call: TLS's own is not made for a second thread
    except OSError:
        return  # closed in the meantime

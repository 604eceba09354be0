"""Fetches a file from a stranger's URL, without being led into our own network, kept waiting or flooded.

The host is resolved once, all of its addresses must be public, and the connection goes to the very address that was checked. Each
redirect is checked as the first URL was.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import urljoin

from kiln.errors import RefusedError
from kiln.intake.connection import Deadline, Network, connected
from kiln.intake.url import Target, locate

_CHUNK_BYTES: Final = 1 << 16

_MOST_REDIRECTS: Final = 3
_REDIRECTS: Final = (301, 302, 303, 307, 308)

_HEADERS: Final = {
    "User-Agent": "kiln",
    "Accept": "image/png, image/jpeg, image/webp",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """What a stranger's server may cost."""

    seconds: float = 10.0
    """For everything together: names, connections, redirects, headers and body."""

    size_bytes: int = 20 * 1024**2


_USUAL: Final = FetchLimits()


def fetch(url: str, into: Path, *, network: Network | None = None, limits: FetchLimits = _USUAL) -> Path:
    """Write what the URL gives to the new file `into`, which is then an upload like any other: look at it before anything reads it.

    Raises RefusedError: "address" for what does not lead to the public internet, "size" and "effort" for what is over a limit,
    "unreachable" for all that goes wrong on the way. No words of the server's are repeated, and there is no file then.
    """
    fetching = _Fetching(network=network or Network(), limits=limits, deadline=Deadline.after(limits.seconds))
    with into.open("xb") as file:
        try:
            fetching.follow(url, file)
        except BaseException:
            into.unlink()
            raise
    return into


@dataclass(frozen=True, kw_only=True)
class _Fetching:
    """One fetch, redirects and all."""

    network: Network
    limits: FetchLimits
    deadline: Deadline

    def follow(self, url: str, file: IO[bytes]) -> None:
        """Ask, and ask again where it has moved, a few times at most."""
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                moved = self._ask(locate(url, resolve=self.network.resolve, within_s=self.deadline.left_s), file)
                if moved is None:
                    return
                url = urljoin(url, moved)
        except (OSError, http.client.HTTPException, ValueError):
            raise self._failed() from None
        raise self._failed()

    def _ask(self, target: Target, file: IO[bytes]) -> str | None:
        """One request: the body is in the file afterwards, or the URL to which it has moved is returned."""
        with connected(target, self.network, self.deadline) as connection:
            connection.request("GET", target.path, headers={"Host": target.host_header, **_HEADERS})
            with connection.getresponse() as response:  # it holds the socket, too
                if response.status in _REDIRECTS:
                    return response.getheader("Location") or ""
                if response.status != 200 or response.getheader("Content-Encoding", "identity") != "identity":
                    raise self._failed()
                self._copy(response, file)
        return None

    def _copy(self, response: http.client.HTTPResponse, file: IO[bytes]) -> None:
        copied, declared = 0, response.length or 0
        while declared <= self.limits.size_bytes and (chunk := response.read1(_CHUNK_BYTES)):
            copied += len(chunk)
            declared = max(declared, copied)
            file.write(chunk)
        if declared > self.limits.size_bytes:
            most = self.limits.size_bytes >> 20
            raise RefusedError(f"the file behind this URL is larger than {most} MiB: give a smaller one", reason="size")
        if response.length or self.deadline.has_passed:  # hung up on: then the end of the body is ours, not the server's
            raise self._failed()

    def _failed(self) -> RefusedError:
        if self.deadline.has_passed:
            words = f"the file behind this URL did not arrive within {self.limits.seconds:g} s: upload the file itself"
            return RefusedError(words, reason="effort")
        words = "the file behind this URL could not be fetched: check the URL, or upload the file itself"
        return RefusedError(words, reason="unreachable")

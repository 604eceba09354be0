"""Files from a server: each is what its SHA-256 says, or nothing is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import httpx

from kiln.errors import InputError, StorageError
from kiln.faces.remote.connection import Connection

_TRIES = 3
"""At a file whose bytes are not what they must be."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a job's, as the server tells of it."""

    id: str
    name: str
    role: str
    sha256: str
    size: int
    """Bytes."""


def checked_path(name: str) -> str:
    """A file's path inside a package. InputError for one that would lead elsewhere: a server is believed in nothing."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not name.isprintable() or str(path) != name:
        raise InputError(f"the server names a file {name[:80]!r}, which is no path inside a package: nothing was written")
    return name


def fetch(connection: Connection, file: RemoteFile, *, url: str | None = None) -> bytes:
    """A file's content, from a URL that was signed for it, else by its id.

    StorageError when it stays damaged, is gone, or the server stays away.
    """
    for _ in range(_TRIES):
        data = connection.patiently(lambda: _once(connection, file, url or f"/v1/artifacts/{file.id}"))
        if hashlib.sha256(data).hexdigest() == file.sha256:
            return data
    raise StorageError(
        f"{file.name} comes from the server other than it was made: look at its store, or at what stands between", kind="damaged"
    )


def _once(connection: Connection, file: RemoteFile, url: str) -> bytes:
    data = bytearray()
    with connection.stream(url, headers={"Accept-Encoding": "identity"}) as answer:
        for chunk in answer.iter_bytes():
            data += chunk
            if len(data) > file.size:
                raise StorageError(f"{file.name} is longer than the server says: nothing was written", kind="damaged")
    if len(data) < file.size:
        raise httpx.ReadError("the file broke off")
    return bytes(data)

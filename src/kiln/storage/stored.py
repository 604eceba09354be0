"""What a store says of the bytes it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One content under its key, as it was put."""

    key: str
    sha256: str
    """Lower-case hexadecimal, computed from the bytes while they were written."""

    size: int
    """Bytes."""

    media_type: str = OCTETS
    tag: str | None = field(default=None, compare=False, repr=False)
    """An object store's ETag, by which it knows whether it is still the same object."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of a listing; a listing opens no content, so it knows no digest."""

    key: str
    size: int
    """Bytes."""

    modified: float
    """When it was put, in seconds since 1970 by the store's clock."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of a listing, sorted by key."""

    items: tuple[Listed, ...]
    cursor: str | None
    """Give it to get the next part; None at the end."""

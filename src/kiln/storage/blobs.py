"""Blobs: contents named by what they are. Whoever has the same content has the same key, so nothing is kept twice."""

from __future__ import annotations

from typing import Final

BLOBS: Final = "blobs"
"""The folder of a store in which they lie."""


def blob_key(sha256: str) -> str:
    """The key of the content with this SHA-256 (64 hexadecimal digits): `blobs/3f/3f2a...`; no folder of a disk gets too many."""
    return f"{BLOBS}/{sha256[:2]}/{sha256}"

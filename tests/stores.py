"""Every kind of store, empty. KILN_TEST_S3 names a real one too (s3://bucket/prefix?endpoint=...), whose tests are long."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiln.storage import Store, open_store

S3 = os.environ.get("KILN_TEST_S3", "")
KINDS = ["folder", "memory", *([pytest.param("s3", marks=pytest.mark.long)] if S3 else [])]


@contextmanager
def new_store(kind: str, folder: Path) -> Iterator[Store]:
    """A store of that kind; what is put into a real one goes again."""
    if kind != "s3":
        yield open_store("memory://" if kind == "memory" else str(folder / "store"), floor_bytes=0)
        return
    place, _, options = S3.partition("?")
    store = open_store(f"{place}/{uuid.uuid4().hex}?{options}")
    try:
        yield store
    finally:
        for key in list(store.keys()):
            store.delete(key)

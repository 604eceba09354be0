"""A record is put once, read strictly, and worth nothing without its contents."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from kiln.jobs.executors.interface import Reference
from kiln.jobs.stored.record import StageRecord, find_record, keep_record, read_record, record_key
from kiln.storage.blobs import blob_key
from kiln.storage.connect import open_store
from kiln.storage.store import Store

DIGEST = "a" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path), floor_bytes=0)


def put(store: Store, content: bytes) -> Reference:
    sha256 = hashlib.sha256(content).hexdigest()
    store.put(blob_key(sha256), content)
    return Reference(key=blob_key(sha256), sha256=sha256)


def a_record(store: Store, *, content: bytes = b"one", **more: Any) -> StageRecord:
    return StageRecord(**{"stage": "bake", "outputs": {"mesh": put(store, content)}, "measures": {"z": 1.0, "a": 2.0}, **more})


def test_a_record_comes_back_in_the_order_it_had(store: Store) -> None:
    record = a_record(store, notes=("ü",), values={"name": "x", "files": {"b": [1, "text/plain"]}})
    assert find_record(store, DIGEST) is None
    assert keep_record(store, DIGEST, record) == (record, True)
    found = find_record(store, DIGEST)
    assert found == record
    assert found is not None and list(found.measures) == ["z", "a"]


def test_the_first_writer_holds_and_the_same_again_counts_as_its_own(store: Store) -> None:
    first = a_record(store)
    keep_record(store, DIGEST, first)
    assert keep_record(store, DIGEST, first) == (first, True)
    assert keep_record(store, DIGEST, a_record(store, notes=("other",))) == (first, False)


def test_a_record_without_its_contents_makes_room(store: Store) -> None:
    record = a_record(store)
    keep_record(store, DIGEST, record)
    store.delete(record.outputs["mesh"].key)
    other = a_record(store, content=b"two")
    assert keep_record(store, DIGEST, other) == (other, True)
    assert find_record(store, DIGEST) == other


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": "1"},
        {"extra": 1},
        {"outputs": {"mesh": {"key": "uploads/x", "sha256": "0" * 64}}},
        {"outputs": {"mesh": {"key": blob_key("0" * 64), "sha256": "0" * 63}}},
        {"outputs": {"mesh": {"key": blob_key("0" * 64), "sha256": "0" * 64, "more": 1}}},
        {"measures": {"a": "1"}},
        {"measures": {"a": float("inf")}},
        {"notes": "text"},
        {"stage": None},
    ],
)
def test_what_is_not_exactly_a_record_is_none(change: dict[str, Any]) -> None:
    whole = {"format": 1, "stage": "bake", "outputs": {}, "values": {}, "notes": ["said"], "measures": {"a": 1.5}}
    assert read_record(json.dumps(whole).encode()) is not None
    assert read_record(json.dumps({**whole, **change}).encode()) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"[" * 100_000, b"\xff", b'{"format": 1' + b" " * (5 << 20) + b"}"])
def test_rubbish_is_no_record(store: Store, data: bytes) -> None:
    assert read_record(data) is None
    store.put(record_key(DIGEST), data)
    assert find_record(store, DIGEST) is None
    assert not store.exists(record_key(DIGEST))

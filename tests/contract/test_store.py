"""What every store promises, whatever lies beneath."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from kiln.errors import AlreadyStored, InputError, StorageError
from kiln.storage import Store
from stores import KINDS, new_store

BYTES = bytes(range(256)) * 5


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with new_store(request.param, tmp_path) as found:
        yield found


def kind_of(error: pytest.ExceptionInfo[StorageError]) -> str:
    return error.value.kind


def test_what_was_put_comes_back_with_its_digest(store: Store) -> None:
    stored = store.put("uploads/a.png", BYTES, media_type="image/png")
    assert (stored.key, stored.size, stored.media_type) == ("uploads/a.png", len(BYTES), "image/png")
    assert stored.sha256 == hashlib.sha256(BYTES).hexdigest()
    assert store.get("uploads/a.png") == BYTES
    assert store.head("uploads/a.png") == stored


def test_bytes_files_and_streams_can_be_put(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BYTES)
    rest = io.BytesIO(b"skipped" + BYTES)
    rest.seek(7)
    digests = {store.put(key, content).sha256 for key, content in (("a", BYTES), ("b", tmp_path / "file"), ("c", rest))}
    assert len(digests) == 1


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (9 << 20) + 1])
def test_any_size_comes_back(store: Store, size: int) -> None:
    data = os.urandom(size)
    store.put("sized", io.BytesIO(data))
    assert store.get("sized") == data
    assert b"".join(store.stream("sized")) == data


def test_another_content_never_replaces_the_first(store: Store) -> None:
    store.put("a", b"first")
    with pytest.raises(AlreadyStored, match="never replaced"):
        store.put("a", b"second")
    assert store.get("a") == b"first"


def test_the_same_content_may_be_put_again(store: Store) -> None:
    first = store.put("a", b"same", media_type="text/plain")
    assert store.put("a", b"same") == first


def test_of_many_writers_exactly_one_wins(store: Store) -> None:
    start, won, lost = threading.Barrier(8), [], []

    def write(number: int) -> None:
        start.wait(10)
        try:
            won.append(store.put("race/one", f"writer {number}".encode()))
        except AlreadyStored:
            lost.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(won), len(lost)) == (1, 7)
    assert hashlib.sha256(store.get("race/one")).hexdigest() == won[0].sha256


def test_a_content_that_is_not_the_expected_one_is_not_kept(store: Store) -> None:
    with pytest.raises(StorageError) as error:
        store.put("a", b"bytes", sha256="0" * 64)
    assert kind_of(error) == "damaged"
    assert not store.exists("a")
    assert store.put("a", b"bytes", sha256=hashlib.sha256(b"bytes").hexdigest()).size == 5


class Breaking(io.RawIOBase):
    """A stream that fails after its first megabyte, as an upload does whose client goes away."""

    def __init__(self) -> None:
        self.pieces = iter([b"x" * (1 << 20)])

    def read(self, size: int = -1) -> bytes:
        try:
            return next(self.pieces)
        except StopIteration:
            raise ConnectionResetError("the client went away") from None


def test_a_stream_that_breaks_off_leaves_nothing(store: Store) -> None:
    with pytest.raises(InputError, match="the client went away"):
        store.put("broken", Breaking())  # type: ignore[arg-type]
    assert list(store.keys()) == []
    store.put("broken", b"whole")


CLIMBING = ["", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a/.b", "a\\b", "c:a", "a%2f..%2fb", "~", "*"]
UNPRINTABLE = ["a\0b", "a\nb", "a b", "é", "\u202egnp.a"]
NO_FILE_NAME = ["a@", "nul", "a/COM1.txt", "a.", "x" * 201, "/".join(["x" * 100] * 6)]


@pytest.mark.parametrize("key", [*CLIMBING, *UNPRINTABLE, *NO_FILE_NAME])
def test_a_key_that_could_lead_astray_is_refused(store: Store, key: str) -> None:
    for call in (lambda: store.put(key, b""), lambda: store.get(key), lambda: store.delete(key), lambda: store.url(key, ttl_s=9)):
        with pytest.raises(InputError, match="no key"):
            call()


def test_the_longest_key_works(store: Store) -> None:
    key = "/".join(["x" * 170] * 3)
    assert len(key) == 512
    store.put(key, b"far down")
    assert list(store.keys()) == [key]


def test_what_is_not_there_is_missing(store: Store) -> None:
    for call in (store.get, store.head, lambda key: list(store.stream(key))):
        with pytest.raises(StorageError, match="never put, or was deleted") as error:
            call("nowhere/to/be.found")
        assert kind_of(error) == "missing"
    assert not store.exists("nowhere/to/be.found")


def test_deleting_is_final_and_may_be_repeated(store: Store) -> None:
    store.put("a/b", b"1")
    store.delete("a/b")
    store.delete("a/b")
    assert not store.exists("a/b")
    assert store.put("a/b", b"another content, now that the place is free").size > 1


KEYS = ["a", "a+b", "a-b", "a.b", "a/b", "a/b/c", "a/c", "aa", "b/a", "b/a/a"]


def test_a_listing_is_sorted_and_pages_meet_without_gap_or_overlap(store: Store) -> None:
    for key in reversed(KEYS):
        store.put(key, key.encode())
    assert list(store.keys()) == sorted(KEYS)
    for limit in (1, 3, 9, 10, 11):
        found, cursor = [], None
        while True:
            page = store.list(cursor=cursor, limit=limit)
            found += [(item.key, item.size) for item in page.items]
            cursor = page.cursor
            if cursor is None:
                break
            assert len(page.items) == limit
        assert found == [(key, len(key)) for key in sorted(KEYS)]


def test_a_prefix_is_a_folder(store: Store) -> None:
    for key in KEYS:
        store.put(key, b"")
    assert list(store.keys("a")) == list(store.keys("a/")) == ["a/b", "a/b/c", "a/c"]
    assert list(store.keys("a/b")) == ["a/b/c"]
    assert list(store.keys("nothing")) == []
    assert store.list("a", limit=1).cursor == "a/b"
    assert [item.key for item in store.list("a", cursor="a/b").items] == ["a/b/c", "a/c"]


def test_a_listing_says_when_it_was_put(store: Store) -> None:
    store.put("a", b"")
    assert abs(store.list().items[0].modified - time.time()) < 3600


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (5, 9), (1279, 1280), (1000, None), (0, 9999), (3, 3 + 1)])
def test_ranges(store: Store, start: int, stop: int | None) -> None:
    store.put("a", BYTES)
    assert b"".join(store.stream("a", start=start, stop=stop)) == BYTES[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (1280, None), (9, 9), (9, 3), (-5, -1)])
def test_a_range_that_holds_nothing_is_refused(store: Store, start: int, stop: int | None) -> None:
    store.put("a", BYTES)
    with pytest.raises(InputError, match="1,280 bytes"):
        list(store.stream("a", start=start, stop=stop))


def test_an_open_content_can_be_read_anywhere(store: Store) -> None:
    store.put("a", BYTES)
    with store.open("a") as file:
        assert isinstance(read_at(file, 700), bytes)
        assert read_at(file, 700) == BYTES[700:710]


def read_at(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(10)


def test_saving_writes_the_file_whole(store: Store, tmp_path: Path) -> None:
    store.put("a", BYTES)
    place = tmp_path / "out"
    place.mkdir()
    assert store.save("a", place / "file.bin").size == len(BYTES)
    assert (place / "file.bin").read_bytes() == BYTES
    with pytest.raises(StorageError):
        store.save("missing", place / "none.bin")
    assert [path.name for path in place.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("ttl_s", [0, -1, 7 * 24 * 3600 + 1])
def test_a_url_lives_for_a_second_to_a_week(store: Store, ttl_s: int) -> None:
    with pytest.raises(InputError, match="7 days"):
        store.url("a", ttl_s=ttl_s)


@pytest.mark.parametrize("media_type", ["", "png", "image/png\r\nX-Evil: 1", "ïmage/png", "a/" + "b" * 300])
def test_a_media_type_cannot_smuggle_a_header(store: Store, media_type: str) -> None:
    with pytest.raises(InputError, match="media type"):
        store.put("a", b"", media_type=media_type)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_pages_are_bounded(store: Store, limit: int) -> None:
    with pytest.raises(InputError, match="1 to 1000"):
        store.list(limit=limit)

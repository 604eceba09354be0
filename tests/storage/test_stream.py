"""Parts of contents: exactly the bytes asked for, soon, in little memory, and never a flipped one."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiln.errors import InputError, StorageError
from kiln.storage import Store, open_store
from kiln.storage.digest import PIECE_BYTES
from stores import KINDS, new_store

LENGTHS = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 9 * PIECE_BYTES + 17]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with new_store(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"), floor_bytes=0)


def content(tmp_path: Path) -> Path:
    return tmp_path / "store/objects/a@/a"


class Dribble:
    """A client's stream, which gives as many bytes at once as it likes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._chance = data, random.Random(3)  # noqa: S311 - any lengths will do

    def read(self, size: int = -1) -> bytes:
        given = self._data[: self._chance.randint(1, 2 * PIECE_BYTES)]
        self._data = self._data[len(given) :]
        return given


@pytest.mark.parametrize("size", LENGTHS)
def test_every_part_is_what_was_put(store: Store, size: int) -> None:
    data, chance = random.Random(size).randbytes(size), random.Random(1)  # noqa: S311 - any bytes will do
    store.put("a", Dribble(data))  # type: ignore[arg-type]
    assert b"".join(store.stream("a")) == data
    edges = sorted({0, size, *(chance.randint(0, size) for _ in range(3)), *range(0, size, 4 * PIECE_BYTES)})
    for start in edges:
        for stop in (edge for edge in [*edges, size + 99] if edge > start and start < size):
            assert b"".join(store.stream("a", start=start, stop=stop)) == data[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(7, None), (7, 9), (3, 3), (4, 2), (-1, 3), (0, 0)])
def test_bytes_that_are_not_there_are_refused_before_anything_is_read(store: Store, start: int, stop: int | None) -> None:
    store.put("a", b"content")
    with pytest.raises(InputError, match="a has 7 bytes, none from"):
        store.stream("a", start=start, stop=stop)
    with pytest.raises(StorageError, match="not in the store"):
        store.stream("b")


def test_a_part_is_compared_without_reading_the_rest(folder: Store, tmp_path: Path) -> None:
    data = os.urandom(4 * PIECE_BYTES)
    folder.put("a", data)
    with content(tmp_path).open("r+b") as file:
        file.seek(2 * PIECE_BYTES + 5)
        file.write(bytes([data[2 * PIECE_BYTES + 5] ^ 1]))
    assert b"".join(folder.stream("a", stop=2 * PIECE_BYTES)) == data[: 2 * PIECE_BYTES]
    assert b"".join(folder.stream("a", start=3 * PIECE_BYTES)) == data[3 * PIECE_BYTES :]
    for start, stop in ((2 * PIECE_BYTES, 2 * PIECE_BYTES + 1), (3 * PIECE_BYTES - 1, None)):
        with pytest.raises(StorageError, match="damaged"):
            next(folder.stream("a", start=start, stop=stop))
    parts = folder.stream("a")
    assert [next(parts), next(parts)] == [data[:PIECE_BYTES], data[PIECE_BYTES : 2 * PIECE_BYTES]]
    with pytest.raises(StorageError, match="damaged"):
        next(parts)


def test_what_was_put_before_pieces_had_digests_is_compared_whole(folder: Store, tmp_path: Path) -> None:
    data = os.urandom(3 * PIECE_BYTES)
    folder.put("a", data)
    record = content(tmp_path).with_name("@.json")
    said = json.loads(record.read_text())
    del said["pieces"]
    record.write_text(json.dumps(said))
    assert b"".join(folder.stream("a", start=9)) == data[9:]
    content(tmp_path).write_bytes(b"X" + data[1:])
    with pytest.raises(StorageError, match="damaged"):
        next(folder.stream("a", start=2 * PIECE_BYTES))


@pytest.mark.parametrize("pieces", ["", "00" * 31, "zz" * 32, "00" * 64, 7, [], None])
def test_digests_that_fit_no_content_are_a_damaged_record(folder: Store, tmp_path: Path, pieces: object) -> None:
    folder.put("a", b"content")
    record = content(tmp_path).with_name("@.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pieces": pieces}))
    if pieces is None:
        assert folder.get("a") == b"content"
        return
    with pytest.raises(StorageError, match="record of a is damaged"):
        folder.head("a")


def test_a_content_that_is_deleted_while_it_is_read_is_read_to_its_end(folder: Store) -> None:
    data = os.urandom(3 * PIECE_BYTES)
    folder.put("a", data)
    parts = folder.stream("a")
    first = next(parts)
    folder.delete("a")
    assert first + b"".join(parts) == data


def test_a_second_key_takes_no_room_and_lives_on_alone(folder: Store, tmp_path: Path) -> None:
    folder.put("a", b"content", media_type="image/png")
    folder.copy("a", "b/c")
    assert content(tmp_path).stat().st_ino == (tmp_path / "store/objects/b/c@/c").stat().st_ino
    folder.delete("a")
    assert (folder.get("b/c"), folder.head("b/c").media_type, list(folder.keys())) == (b"content", "image/png", ["b/c"])


def test_where_files_have_one_name_only_a_copy_is_a_copy(folder: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    folder.put("a", b"content")
    folder.put("b", b"another")
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StorageError, match="another content is stored as b"):
        folder.copy("a", "b")
    folder.copy("a", "b", instead=True)
    assert (folder.get("a"), folder.get("b")) == (b"content", b"content")


def test_the_first_to_come_stays_unless_it_is_to_be_replaced(store: Store) -> None:
    store.put("a", b"one")
    store.put("b", b"two")
    with pytest.raises(StorageError) as error:
        store.copy("a", "b")
    assert (error.value.kind, store.get("b")) == ("exists", b"two")
    store.copy("a", "b", instead=True)
    assert store.get("b") == b"one"
    with pytest.raises(StorageError, match="not in the store"):
        store.copy("none", "c")


def test_a_blob_in_the_trash_comes_back_when_it_is_asked_for_and_nothing_else_does(store: Store) -> None:
    key = f"blobs/aa/{'a' * 64}"
    for name in (key, "uploads/a"):
        store.put(f"trash/{name}", b"content")
        assert not store.lies_at(name)
    for ask in (store.exists, store.head, store.get, lambda name: b"".join(store.stream(name))):
        assert ask(key)
        store.delete(key)
    assert not store.exists("uploads/a")
    assert not store.exists(f"blobs/bb/{'b' * 64}")

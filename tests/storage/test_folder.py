"""The folder store under faults: killed writers, links, flipped bits, full disks. Real processes, real signals."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kiln.errors import AlreadyStored, StorageError
from kiln.storage import Store, open_store
from kiln.storage.disk import FreeSpace
from kiln.storage.folder import STALE_DRAFT_S, FolderBucket
from kiln.storage.sweep import sweep

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="links and signals as POSIX has them")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(str(root), floor_bytes=0)


def drafts(root: Path) -> list[Path]:
    return list((root / "drafts").iterdir())


def kind_of(call: object, *arguments: object) -> str:
    with pytest.raises(StorageError) as error:
        call(*arguments)  # type: ignore[operator]
    return error.value.kind


def test_people_find_the_content_under_its_own_name(store: Store, root: Path) -> None:
    store.put("uploads/a.png", b"picture", media_type="image/png")
    assert (root / "objects/uploads/a.png@/a.png").read_bytes() == b"picture"
    assert json.loads((root / "objects/uploads/a.png@/@.json").read_text())["key"] == "uploads/a.png"


def test_a_put_leaves_no_draft(store: Store, root: Path) -> None:
    store.put("a", b"1")
    store.put("a", b"1")
    with pytest.raises(StorageError):
        store.put("a", b"2")
    store.delete("a")
    assert drafts(root) == []


STOPPED = """
import sys
import threading
from pathlib import Path
from kiln.storage import open_store

store = open_store(sys.argv[1], floor_bytes=0)
store.put("before", b"acknowledged")

def stop(*arguments):
    print("written", flush=True)
    sys.stdin.read()

Path.rename = stop
store.put("a/b", b"never acknowledged" * 100000)
"""


@POSIX
def test_a_writer_killed_between_write_and_rename_leaves_nothing_visible(root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.kill()
        child.wait(30)
    assert len(drafts(root)) == 1  # everything is on the disk, but under no key
    store = open_store(str(root), floor_bytes=0)
    assert list(store.keys()) == ["before"]
    assert kind_of(store.get, "a/b") == "missing"
    assert store.put("a/b", b"by the next one").size == 15
    assert store.get("before") == b"acknowledged"


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_what_a_killed_writer_left_is_removed_a_day_later_and_a_living_one_is_left_alone(store: Store, root: Path) -> None:
    for name in ("old", "young"):
        (root / "drafts" / name).mkdir()
    before = (root / "drafts/old").stat().st_mtime - STALE_DRAFT_S - 60
    os.utime(root / "drafts/old", (before, before))
    open_store(str(root), floor_bytes=0)
    assert [path.name for path in drafts(root)] == ["young"]


@pytest.mark.parametrize("bit", [0, 5 * 8 + 3, 8 * 6 + 7])
def test_one_flipped_bit_is_never_handed_out(store: Store, root: Path, tmp_path: Path, bit: int) -> None:
    store.put("a", b"content")
    file = root / "objects/a@/a"
    damaged = bytearray(file.read_bytes())
    damaged[bit // 8] ^= 1 << bit % 8
    file.write_bytes(damaged)
    assert kind_of(store.get, "a") == "damaged"
    assert kind_of(next, store.stream("a", start=6)) == "damaged"
    assert kind_of(store.save, "a", tmp_path / "out") == "damaged"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [0, 3, 9])
def test_a_cut_or_longer_content_is_never_handed_out(store: Store, root: Path, size: int) -> None:
    store.put("a", b"content")
    os.truncate(root / "objects/a@/a", size)
    for call in (store.get, store.head):
        assert kind_of(call, "a") == "damaged"


@pytest.mark.parametrize("damage", [b"", b"CONTENT", b"content and more", None])
def test_putting_the_same_again_repairs_what_is_damaged(store: Store, root: Path, damage: bytes | None) -> None:
    store.put("a", b"content")
    if damage is None:
        (root / "objects/a@/a").unlink()
    else:
        (root / "objects/a@/a").write_bytes(damage)
    with pytest.raises(AlreadyStored):
        store.put("a", b"another")
    store.put("a", b"content")
    assert store.get("a") == b"content"
    assert drafts(root) == []


def test_a_repair_does_not_throw_away_what_was_put_there_meanwhile(store: Store, root: Path) -> None:
    bucket = FolderBucket(root, free=FreeSpace(root, floor_bytes=0))
    store.put("a", b"newer")
    bucket._throw_away(root / "objects/a@", (0, 0, 0))
    assert store.get("a") == b"newer"
    assert drafts(root) == []


def test_a_record_without_its_content_is_damaged(store: Store, root: Path) -> None:
    store.put("a", b"content")
    (root / "objects/a@/a").unlink()
    assert kind_of(store.get, "a") == "damaged"
    assert list(store.keys()) == []


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b"null",
        b'{"key": "a"}',
        b'{"key": "a", "sha256": "x", "size": 7, "media_type": "a/b"}',
        b"\xff" * 99,
    ],
)
def test_a_damaged_record_is_an_error_and_no_crash(store: Store, root: Path, record: bytes) -> None:
    store.put("a", b"content")
    (root / "objects/a@/@.json").write_bytes(record)
    for call in (store.head, store.get):
        assert kind_of(call, "a") == "damaged"


def test_a_content_moved_to_another_key_is_not_taken_for_it(store: Store, root: Path) -> None:
    store.put("a", b"mine")
    shutil.copytree(root / "objects/a@", root / "objects/b@")
    (root / "objects/b@/a").rename(root / "objects/b@/b")
    assert kind_of(store.get, "b") == "damaged"


@POSIX
@pytest.mark.parametrize("link", ["objects/a@/a", "objects/a@/@.json", "objects/a@", "objects/f"])
def test_a_link_inside_the_store_is_never_followed(store: Store, root: Path, tmp_path: Path, link: str) -> None:
    key = "f/b" if link.endswith("f") else "a"
    store.put(key, b"inside")
    place, outside = root / link, tmp_path / "outside"
    place.rename(outside)
    place.symlink_to(outside)
    assert kind_of(store.get, key) == "forbidden"
    if not outside.is_file():
        assert kind_of(store.put, key, b"written through the link") == "forbidden"
        assert list(store.keys()) == []
        assert kind_of(store.delete, key) == "forbidden"
    assert outside.exists()


@POSIX
def test_a_pipe_in_place_of_a_content_does_not_hang_the_reader(store: Store, root: Path) -> None:
    store.put("a", b"1")
    (root / "objects/a@/a").unlink()
    os.mkfifo(root / "objects/a@/a")
    assert kind_of(store.get, "a") == "forbidden"


@POSIX
@pytest.mark.parametrize("link", ["objects/a@/a", "objects/a@"])
def test_a_link_is_neither_copied_nor_swept(store: Store, root: Path, tmp_path: Path, link: str) -> None:
    store.put("a", b"inside")
    (root / link).rename(tmp_path / "outside")
    (root / link).symlink_to(tmp_path / "outside")
    assert kind_of(store.copy, "a", "b") == "forbidden"
    if link.endswith("@"):
        store.put("f/b", b"swept")
        assert sweep(store, ["f"], older_than=2.0**32, needed=lambda _: ()).trashed == ("f/b",)
    assert not store.exists("b")
    assert (tmp_path / "outside").exists()


@POSIX
def test_a_second_name_that_somebody_gave_a_file_outside_is_not_taken_for_the_content(store: Store, root: Path, tmp_path: Path) -> None:
    store.put("a", b"content")
    (tmp_path / "secret").write_bytes(b"SECRETS")  # as long as the content
    (root / "objects/a@/a").unlink()
    os.link(tmp_path / "secret", root / "objects/a@/a")
    assert kind_of(store.get, "a") == "damaged"
    assert kind_of(next, store.stream("a", stop=3)) == "damaged"


@POSIX
@pytest.mark.parametrize("area", ["objects", "drafts", "private"])
def test_an_area_itself_cannot_be_a_link(root: Path, tmp_path: Path, area: str) -> None:
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / area).symlink_to(tmp_path / "elsewhere")
    assert kind_of(open_store, str(root)) == "forbidden"
    assert list((tmp_path / "elsewhere").iterdir()) == []


KILLED_COPYING = """
import os, signal, sys
from pathlib import Path
from kiln.storage import open_store
from kiln.storage.sweep import sweep

store, steps, die_at = open_store(sys.argv[1], floor_bytes=0), [0], int(sys.argv[2])

def dying(real):
    def call(*arguments, **named):
        steps[0] += 1
        if steps[0] == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return call

for owner, name in ((os, "link"), (os, "fsync"), (Path, "rename"), (Path, "mkdir")):
    setattr(owner, name, dying(getattr(owner, name)))
sweep(store, ["blobs"], older_than=2.0**32, needed=lambda _: ())
print("swept", flush=True)
"""


@POSIX
def test_a_sweep_killed_at_any_step_leaves_every_content_whole_somewhere(root: Path) -> None:
    store, key = open_store(str(root), floor_bytes=0), f"blobs/aa/{'a' * 64}"
    for die_at in range(1, 100):
        store.put(key, b"content")
        done = subprocess.run(
            [sys.executable, "-c", KILLED_COPYING, str(root), str(die_at)], capture_output=True, env=environment(), timeout=60, check=False
        )
        assert store.get(key) == b"content"  # from its place, or from the trash
        if done.stdout:
            break
        assert done.returncode == -9, done.stderr
    assert 5 < die_at < 30


def test_the_folder_may_be_a_link_of_the_users_choice(root: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    root.symlink_to(tmp_path / "large disk")
    open_store(str(root), floor_bytes=0).put("a", b"1")
    assert (tmp_path / "large disk/objects/a@/a").is_file()


def test_nothing_is_written_when_the_disk_would_fall_below_its_floor(root: Path) -> None:
    left = iter([10 << 20, 9 << 20, 3 << 20])
    bucket = FolderBucket(root, free=FreeSpace(root, floor_bytes=3 << 20, free_bytes=lambda _: next(left)))
    store = Store(bucket, link=lambda key, _: key)
    with pytest.raises(StorageError, match="nearly full: 2 MiB would be left, less than the floor of 3 MiB") as error:
        store.put("a", b"x" * (3 << 20))
    assert error.value.kind == "full"
    assert drafts(root) == []
    assert list(store.keys()) == []


def test_a_service_can_ask_whether_there_is_room(root: Path) -> None:
    left = iter([4 << 20, 2 << 20])
    bucket = FolderBucket(root, free=FreeSpace(root, floor_bytes=3 << 20, free_bytes=lambda _: next(left)))
    bucket.check_room()
    assert kind_of(bucket.check_room) == "full"


FULL = """
import resource, sys
from kiln.errors import StorageError
from kiln.storage import open_store

store = open_store(sys.argv[1], floor_bytes=0)
store.put("small", b"fits")
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
try:
    store.put("large", b"x" * (3 << 20))
except StorageError as error:
    print(error.kind, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.put("large", b"x" * (3 << 20))
print(*store.keys())
"""


@POSIX
def test_a_write_the_system_refuses_leaves_nothing_and_the_next_one_works(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(root)], capture_output=True, text=True, env=environment(), timeout=60, check=False
    )
    assert done.stdout.splitlines()[0].startswith("full the store's disk is full"), done.stderr
    assert done.stdout.splitlines()[1] == "large small"
    assert drafts(root) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_keeps_what_was_kept_and_works_again_once_there_is_room(small_disk: Path) -> None:
    store = open_store(str(small_disk / "store"), floor_bytes=0)
    kept = []
    with pytest.raises(StorageError) as error:
        for number in range(20):
            kept += [store.put(f"n/{number}", bytes([number]) * 600_000)]
    assert error.value.kind == "full"
    assert drafts(small_disk / "store") == []
    assert sorted(store.keys()) == sorted(stored.key for stored in kept)
    assert all(store.get(stored.key) == bytes([number]) * 600_000 for number, stored in enumerate(kept))
    store.delete(kept[0].key)
    assert store.put("after", b"x" * 600_000).size == 600_000


@POSIX
def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in ("file", "file/store"):
        with pytest.raises(StorageError, match="a file is where the store needs a folder"):
            open_store(str(tmp_path / place))


def test_a_put_is_not_disturbed_by_others_who_put_and_delete_the_same(root: Path) -> None:
    """Sweeps delete what jobs put again in that very moment."""
    stop = threading.Event()

    def delete() -> None:
        mine = open_store(str(root), floor_bytes=0)
        while not stop.is_set():
            mine.delete("a")

    stores = [open_store(str(root), floor_bytes=0) for _ in range(2)]
    deleter = threading.Thread(target=delete)
    deleter.start()
    try:
        with ThreadPoolExecutor(2) as pool:
            done = pool.map(lambda store: [store.put("a", b"content").size for _ in range(200)], stores)
            assert [set(sizes) for sizes in done] == [{7}, {7}]
    finally:
        stop.set()
        deleter.join(60)

"""The stage cache's folder: whole entries or none, whoever else writes; the longest unused goes first; nothing that goes wrong escapes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kiln.pipeline import cache as module
from kiln.pipeline.cache import StageCache, Writer, stage_cache

A, B, C = "aa" * 32, "bb" * 32, "cc" * 32
TIMEOUT_S = 30.0


def opened(folder: Path, limit: int = 10**6) -> StageCache:
    return StageCache(folder / "cache", limit_bytes=limit)


def files(cache: StageCache) -> list[Path]:
    return sorted(path for path in cache.folder.rglob("*") if path.is_file() and path.name != "CACHEDIR.TAG")


def age(cache: StageCache, digest: str, seconds: float) -> None:
    """Make an entry look as if it had not been used for so long."""
    path = next(file for file in files(cache) if file.name == digest)
    used = path.stat().st_mtime - seconds
    os.utime(path, (used, used))


def test_an_entry_comes_back_also_in_another_process(tmp_path: Path) -> None:
    opened(tmp_path).put(A, (b"some", memoryview(b"thing")))
    assert opened(tmp_path).get(A) == b"something"
    assert opened(tmp_path).get(B) is None
    assert opened(tmp_path).info().entries == 1
    assert opened(tmp_path).info().size == 9


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_nobody_else_may_look(tmp_path: Path) -> None:
    opened(tmp_path).put(A, (b"private",))
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_who_comes_second_leaves_what_is_there(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    cache.put(A, (b"first",))
    cache.put(A, (b"second",))
    assert cache.get(A) == b"first"


def test_two_processes_that_write_one_entry_leave_one_whole_one(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from kiln.pipeline.cache import StageCache
cache = StageCache(Path(sys.argv[1]), limit_bytes=10**9)
letter = sys.argv[2].encode()
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    cache.put(f"{number:064x}", (letter * 5000,) * 4)
    assert cache.get(f"{number:064x}") in (b"a" * 20000, b"b" * 20000)
assert cache.trouble is None, cache.trouble
"""
    command = [sys.executable, "-c", script, str(tmp_path / "cache")]
    writers = [subprocess.Popen([*command, letter], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for letter in "ab"]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=TIMEOUT_S)
        assert writer.returncode == 0
    assert len(files(opened(tmp_path))) == 200
    assert {file.stat().st_size for file in files(opened(tmp_path))} == {20000}


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    cache = opened(tmp_path, limit=250)
    cache.put(A, (bytes(100),))
    cache.put(B, (bytes(100),))
    age(cache, A, 20)
    age(cache, B, 10)
    assert cache.get(A) is not None  # so that B is what was longest not used
    cache.put(C, (bytes(100),))
    assert (cache.get(A) is not None, cache.get(B), cache.get(C) is not None) == (True, None, True)


def test_an_entry_larger_than_the_limit_is_not_kept_and_drops_nothing(tmp_path: Path) -> None:
    cache = opened(tmp_path, limit=250)
    cache.put(A, (bytes(100),))
    cache.put(B, (bytes(251),))
    assert cache.get(A) is not None
    assert cache.get(B) is None


def test_what_a_crashed_writer_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    cache.put(A, (b"x",))
    abandoned, fresh = (cache.folder / "aa" / f"{name}.part" for name in ("abandoned", "fresh"))
    abandoned.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    opened(tmp_path).put(B, (b"y",))
    assert not abandoned.exists()
    assert fresh.exists()
    assert cache.info().entries == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_writer_that_is_killed_leaves_no_entry(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from kiln.pipeline.cache import StageCache
def hang(self, target):
    print("written, not yet renamed", flush=True)
    time.sleep(600)
Path.replace = hang
StageCache(Path(sys.argv[1]), limit_bytes=10**9).put("aa" * 32, (bytes(1000),))
"""
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "cache")], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert "written" in child.stdout.readline()
        child.kill()
    cache = opened(tmp_path)
    assert cache.get(A) is None
    assert cache.info().entries == 0
    assert len(files(cache)) == 1  # its draft, which goes once it is an hour old
    cache.put(A, (b"whole",))
    assert cache.get(A) == b"whole"


def test_clear_leaves_nothing(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    assert cache.clear().entries == 0
    cache.put(A, (b"x",))
    assert cache.clear().entries == 1
    assert (cache.get(A), files(cache)) == (None, [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_disk_that_fills_up_in_the_middle_switches_it_off_and_leaves_no_half_entry(tmp_path: Path) -> None:
    opened(tmp_path).put(A, (b"x",))
    script = """
import resource, sys
from pathlib import Path
from kiln.pipeline.cache import StageCache
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # no file may grow larger, as if the disk were full
cache = StageCache(Path(sys.argv[1]), limit_bytes=10**9)
cache.put("bb" * 32, (bytes(4000), bytes(4000)))
print(cache.trouble)
cache.put("cc" * 32, (b"small",))  # it is off now
"""
    child = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "cache")], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    assert "keeps nothing" in child.stdout
    assert "too large" in child.stdout
    cache = opened(tmp_path)
    assert (cache.get(A), cache.get(B), cache.get(C)) == (b"x", None, None)
    assert len(files(cache)) == 1


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs rights that can be taken away")
def test_a_folder_to_be_read_only_is_read(tmp_path: Path) -> None:
    opened(tmp_path).put(A, (b"x",))
    entry = tmp_path / "cache" / "aa" / A
    entry.parent.chmod(0o500)
    entry.chmod(0o400)
    assert opened(tmp_path).get(A) == b"x"


def test_a_folder_that_cannot_be_made_switches_it_off(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    cache = opened(tmp_path)
    cache.put(A, (b"x",))
    assert cache.trouble is not None
    assert cache.get(A) is None
    assert cache.info().entries == 0


def test_the_writer_writes_all_before_flush_returns(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    writer = Writer(cache)
    for digest in (A, B, C):
        writer.put(digest, (digest.encode(),))
    assert writer.flush(timeout_s=TIMEOUT_S)
    assert [cache.get(digest) for digest in (A, B, C)] == [A.encode(), B.encode(), C.encode()]


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, begun, go_on = opened(tmp_path), threading.Event(), threading.Event()
    monkeypatch.setattr(module, "_MOST_WAITING_BYTES", 10)

    def slow(digest: str, parts: object) -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)
        written.append(digest)

    written: list[str] = []
    monkeypatch.setattr(cache, "put", slow)
    writer = Writer(cache)
    writer.put(A, (bytes(50),))  # alone, it may be of any size
    assert begun.wait(TIMEOUT_S)
    writer.put(B, (bytes(1),))
    assert not writer.flush(timeout_s=0.01)
    go_on.set()
    assert writer.flush(timeout_s=TIMEOUT_S)
    writer.put(C, (bytes(1),))
    assert writer.flush(timeout_s=TIMEOUT_S)
    assert written == [A, C]


def test_the_settings_name_folder_and_limit_or_say_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILN_CACHE", "OFF")
    assert stage_cache() is None
    monkeypatch.setenv("KILN_CACHE", str(tmp_path))
    monkeypatch.setenv("KILN_CACHE_GB", "0.5")
    found = stage_cache()
    assert found is not None
    assert (found.folder, found.limit_bytes) == (tmp_path, 500_000_000)
    for nonsense in ("", "much", "inf", "nan", "-1"):
        monkeypatch.setenv("KILN_CACHE_GB", nonsense)
        limit = stage_cache()
        assert limit is not None
        assert limit.limit_bytes == 4 * 10**9
    monkeypatch.setenv("KILN_CACHE", "")
    usual = stage_cache()
    assert usual is not None
    assert usual.folder.name == "stages"
    assert usual.folder.is_absolute()

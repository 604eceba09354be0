"""A confined child: what it may not do, and what is made of it when it tries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kiln.confinement import Confinement
from kiln.errors import PictureError, RefusalReason, RefusedError, SetupError
from kiln.isolate import run_confined

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are fewer layers")

LITTLE = Confinement(memory_bytes=512 * 1024**2, cpu_s=1, file_bytes=2 << 20)


def call(
    function: str, *args: Any, reads: tuple[Path, ...] = (), writes: tuple[Path, ...] = (), timeout_s: float = 20, **kwargs: Any
) -> Any:
    return run_confined(function, *args, limits=LITTLE, timeout_s=timeout_s, reads=reads, writes=writes, **kwargs)


@contextmanager
def refused(reason: RefusalReason, why: str = "") -> Iterator[None]:
    """A RefusedError of this reason, with `why` in its notes and nowhere else."""
    with pytest.raises(RefusedError) as found:
        yield
    assert found.value.reason == reason
    assert why in " ".join(getattr(found.value, "__notes__", []))
    assert not why or why not in str(found.value)


def test_it_answers_in_json() -> None:
    assert call("builtins:dict", a=[1, 2.5, None, "x"]) == {"a": [1, 2.5, None, "x"]}


def test_too_much_memory_is_refused() -> None:
    with refused("effort"):
        call("builtins:bytearray", 1 << 30)


def test_too_much_processor_time_is_refused() -> None:
    with refused("effort"):
        call("builtins:sum", range(10**12))


def test_too_much_time_is_refused() -> None:
    with refused("effort"):
        call("time:sleep", 60, timeout_s=0.5)


def test_it_writes_only_where_it_may_and_not_much(tmp_path: Path) -> None:
    (source := tmp_path / "in").mkdir()
    (out := tmp_path / "out").mkdir()
    (source / "large").write_bytes(bytes((2 << 20) + 1))
    given = {"reads": (source,), "writes": (out,)}
    call("os:mkdir", str(out / "made"), **given)
    assert (out / "made").is_dir()
    with refused("damaged", "File too large"):
        call("shutil:copyfile", str(source / "large"), str(out / "copy"), **given)
    for place in (source / "made", tmp_path / "made"):
        with refused("damaged", "Permission denied"):
            call("os:mkdir", str(place), **given)


def test_it_reads_only_what_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given").mkdir()
    monkeypatch.setenv("KILN_SECRET", "secret")
    monkeypatch.chdir(tmp_path)
    assert call("os:listdir", str(tmp_path / "given"), reads=(tmp_path / "given",)) == []
    assert call("os:getenv", "KILN_SECRET") is None
    for folder in (tmp_path, Path.home(), Path("/etc")):
        with refused("damaged", "Permission denied"):
            call("os:listdir", str(folder))
    with refused("damaged", "Permission denied"):
        call("builtins:open", f"/proc/{os.getpid()}/environ")


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("socket:socket", ()),
        ("socket:getaddrinfo", ("localhost", 80)),
        ("os:system", ("true",)),
        ("subprocess:run", (["true"],)),
        ("os:fork", ()),
    ],
)
def test_it_connects_to_nothing_and_starts_nothing(function: str, args: tuple[object, ...]) -> None:
    with refused("damaged", "may not do"):
        call(function, *args)


def test_it_has_a_network_of_its_own() -> None:
    """Which holds for native code, too."""
    ours = str(Path("/proc/self/ns/net").readlink())
    if call("os:readlink", "/proc/self/ns/net") == ours:
        pytest.skip("user namespaces are not allowed here")


def test_it_cannot_signal_its_parent() -> None:
    with refused("damaged", "not permitted"):
        call("os:kill", os.getpid(), 0)


def test_an_error_of_the_inputs_comes_through(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="there is no file"):
        call("kiln.formats.whole_file:read_whole", tmp_path / "none", limit=1, error=PictureError, reads=(tmp_path,))


def test_a_full_disk_is_not_the_files_fault() -> None:
    with pytest.raises(SetupError, match="disk is full"):
        call("shutil:copyfile", "/dev/zero", "/dev/full", writes=(Path("/dev"),))


def test_any_other_error_is_a_damaged_file_to_the_sender() -> None:
    with refused("damaged", "division by zero"):
        call("operator:truediv", 1, 0)


@pytest.mark.parametrize(
    ("function", "args", "why"),
    [
        ("os:_exit", (7,), "exit code 7"),
        ("os:abort", (), "exit code -6"),
        ("builtins:object", (), "exit code 1"),
        ("operator:mul", ("a", 1 << 20), "exit code 0"),
        ("os:write", (3, b'{"value": 1}'), "exit code 0"),
    ],
    ids=["leaves", "crashes", "no JSON", "too long an answer", "two answers"],
)
def test_an_answer_that_makes_no_sense_is_a_damaged_file(function: str, args: tuple[object, ...], why: str) -> None:
    with refused("damaged", why):
        call(function, *args)


def test_what_it_prints_is_no_answer() -> None:
    assert call("builtins:print", "noise") is None


def test_it_does_not_outlive_its_parent() -> None:
    code = f"from kiln.isolate import *; run_confined('time:sleep', 60, limits={LITTLE!r}, timeout_s=60, reads=())"
    parent = subprocess.Popen([sys.executable, "-c", code])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    _wait(lambda: bool(children.read_text()))
    child = Path("/proc", children.read_text().strip())
    _wait(lambda: re.search(r"cpu time +1 ", child.joinpath("limits").read_text()) is not None)
    parent.kill()
    parent.wait()
    _wait(lambda: not child.exists() or ") Z " in child.joinpath("stat").read_text())


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)

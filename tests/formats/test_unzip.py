"""Case 28 of the abuse list: zips that mean harm are refused before a byte is written."""

from __future__ import annotations

import io
import os
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kiln.errors import InputError, ModelError
from kiln.formats.unzip import ZipLimits, unzip


def packed(path: Path, *entries: tuple[str, bytes], mode: int = 0, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, compression
            archive.writestr(info, data)
    return path


def named(name: str) -> Callable[[Path], Path]:
    return lambda path: packed(path, (name, b"x"))


def raw(path: Path, old: bytes, new: bytes) -> Path:
    """The archive with a name replaced in its bytes: Python would mend it while writing."""
    path.write_bytes(packed(path, (old.decode(), b"x")).read_bytes().replace(old, new))
    return path


def encrypted(path: Path) -> Path:
    data = bytearray(packed(path, ("a", b"x")).read_bytes())
    for at in (6, data.index(b"PK\1\2") + 8):
        data[at] |= 1
    path.write_bytes(data)
    return path


def nested(path: Path) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a", "x")
    return packed(path, ("inner.png", inner.getvalue()))


def overlapping(path: Path) -> Path:
    """Two entries of the directory that share the bytes of one file (Fifield 2019)."""
    data = packed(path, ("a", b"x" * 1000)).read_bytes()
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entry = data[start:end]
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, 2 * len(entry), start, 0)
    path.write_bytes(data[:start] + entry + entry.replace(b"a", b"b") + tail)
    return path


def twice(path: Path) -> Path:
    """Two entries called a: the directory's second name is changed behind Python's back."""
    data = packed(path, ("a", b"x"), ("b", b"y")).read_bytes()
    at = data.rindex(b"b", 0, data.index(b"PK\5\6"))
    path.write_bytes(data[:at] + b"a" + data[at + 1 :])
    return path


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "climbs": (named("../x"), "inside a folder"),
    "climbs within": (named("a/../../x"), "inside a folder"),
    "absolute": (named("/etc/x"), "inside a folder"),
    "drive": (named("C:/x"), "inside a folder"),
    "backslashes": (lambda path: raw(path, b"a_b_c", b"..\\_c"), "path"),
    "NUL": (lambda path: raw(path, b"a_b_c", b"a.p\0c"), "path"),
    "RTL override": (named("a\u202egnp.exe"), "inside a folder"),
    "reserved": (named("a/AUX.txt"), "inside a folder"),
    "trailing dot": (named("a./x"), "inside a folder"),
    "long": (named("a" * 300), "inside a folder"),
    "symlink": (lambda path: packed(path, ("a", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "link"),
    "device": (lambda path: packed(path, ("a", b""), mode=stat.S_IFCHR | 0o666), "link or a device"),
    "1000 to 1": (lambda path: packed(path, ("a", bytes(64 << 20))), "to 1"),
    "100,000 entries": (lambda path: packed(path, *((f"{n}", b"") for n in range(100_000))), "1,000 files"),
    "nested": (nested, "archive itself"),
    "twice": (twice, "there twice"),
    "equal but for case": (lambda path: packed(path, ("a/Rock.png", b"x"), ("a/rock.PNG", b"y")), "there twice"),
    "equal but for composition": (lambda path: packed(path, ("\u00e9", b"x"), ("e\u0301", b"y")), "there twice"),
    "a file and a folder": (lambda path: packed(path, ("a", b"x"), ("A/b", b"y")), "also a file"),
    "encrypted": (encrypted, "encrypted"),
    "LZMA": (lambda path: packed(path, ("a", b"x"), compression=zipfile.ZIP_LZMA), "compressed in a way"),
    "overlapping": (overlapping, "overlap"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_28_hostile_zips_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    make, words = HOSTILE[name]
    path, into = make(tmp_path / "a.zip"), tmp_path / "out"
    into.mkdir()
    started = time.monotonic()
    with pytest.raises(ModelError, match=words):
        unzip(path, into, error=ModelError)
    assert time.monotonic() - started < 5
    assert not any(into.iterdir())


def test_28_totals_are_limited(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("a", os.urandom(1000)), ("b", os.urandom(1000)))
    with pytest.raises(InputError, match="2,000 bytes"):
        unzip(path, tmp_path, limits=ZipLimits(total_bytes=1999))


def test_an_ordinary_zip_is_unpacked(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("rock/", b""), ("rock/a b.txt", b"x" * 100), ("rock/scene.usdz", b"PK\3\4"), ("Ärger/ü", b""))
    assert unzip(path, tmp_path / "out") == ("rock/a b.txt", "rock/scene.usdz", "Ärger/ü")
    assert (tmp_path / "out/rock/a b.txt").read_bytes() == b"x" * 100


def test_a_size_that_lies_is_noticed(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("a", b"x" * 1000))
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<L", 1000), struct.pack("<L", 10)))
    with pytest.raises(InputError, match="cannot be unpacked"):
        unzip(path, tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists() or (tmp_path / "out" / "a").stat().st_size <= 10

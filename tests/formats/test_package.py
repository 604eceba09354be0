from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiln.errors import SetupError
from kiln.formats.package import Draft, new_package, write_manifest


def _write(target: Path, *, word: bytes = b"first", archive: bool = True) -> None:
    with new_package(target, archives=("",) if archive else ()) as draft:
        draft.write("maps/b.bin", word)
        draft.write("a.txt", b"a")
        write_manifest(draft, {"kiln": "0"})


def _tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_appear_whole_with_hashes(tmp_path: Path) -> None:
    _write(tmp_path / "deep" / "x")
    assert _tree(tmp_path / "deep") == ["x", "x.zip", "x/a.txt", "x/manifest.json", "x/maps", "x/maps/b.bin"]
    outputs = json.loads((tmp_path / "deep" / "x" / "manifest.json").read_text())["outputs"]
    assert [(file["name"], file["bytes"]) for file in outputs] == [("a.txt", 1), ("maps/b.bin", 5)]
    assert outputs[0]["sha256"] == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_archive_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    _write(tmp_path / "one" / "x")
    _write(tmp_path / "two" / "x")
    assert (tmp_path / "one" / "x.zip").read_bytes() == (tmp_path / "two" / "x.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one" / "x.zip") as packed:
        assert packed.namelist() == ["x/a.txt", "x/manifest.json", "x/maps/b.bin"]
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert packed.testzip() is None


def test_earlier_package_is_replaced(tmp_path: Path) -> None:
    _write(tmp_path / "x")
    _write(tmp_path / "x", word=b"second")
    assert (tmp_path / "x" / "maps" / "b.bin").read_bytes() == b"second"
    assert _tree(tmp_path) == ["x", "x.zip", "x/a.txt", "x/manifest.json", "x/maps", "x/maps/b.bin"]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt()])
def test_any_error_leaves_what_was_there_before(tmp_path: Path, error: BaseException) -> None:
    _write(tmp_path / "old")
    before = _tree(tmp_path)
    for target in (tmp_path / "old", tmp_path / "new" / "folders" / "x"):
        with pytest.raises(type(error)), new_package(target, archives=("",)) as draft:
            draft.write("a.txt", b"half")
            raise error
    assert _tree(tmp_path) == before
    assert (tmp_path / "old" / "a.txt").read_bytes() == b"a"


def test_full_disk_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(draft: Draft, name: str, data: bytes) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Draft, "write", no_space)
    with pytest.raises(SetupError, match=r"disk is full.*free some space"):
        _write(tmp_path / "x")
    assert _tree(tmp_path) == []


def test_folders_that_are_no_package_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.txt").write_text("years of work")
    with pytest.raises(SetupError, match="no Kiln package"):
        _write(tmp_path / "x")
    (tmp_path / "y").write_text("a file")
    with pytest.raises(SetupError, match="in the way"):
        _write(tmp_path / "y")
    with pytest.raises(SetupError, match="is a file"):
        _write(tmp_path / "y" / "z")
    assert _tree(tmp_path) == ["x", "x/thesis.txt", "y"]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def test_unwritable_folder_says_what_to_do(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(SetupError, match="choose another output folder"):
        _write(locked / "x")


def test_what_people_laid_into_a_package_outlives_its_next_making(tmp_path: Path) -> None:
    _write(tmp_path / "asset")
    (tmp_path / "asset" / "work").mkdir()
    (tmp_path / "asset" / "work" / "scene.blend").write_bytes(b"mine")
    (tmp_path / "asset" / "maps" / "notes.txt").write_bytes(b"mine, too")
    with new_package(tmp_path / "asset") as draft:
        draft.write("c.txt", b"new")
        write_manifest(draft, {"kiln": "0"})
    held = {path.relative_to(tmp_path / "asset").as_posix() for path in (tmp_path / "asset").rglob("*") if path.is_file()}
    assert held == {"c.txt", "manifest.json", "work/scene.blend", "maps/notes.txt"}
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_kept_in_its_place_stays_beside(tmp_path: Path) -> None:
    _write(tmp_path / "asset")
    (tmp_path / "asset" / "c.txt").write_bytes(b"mine")
    with new_package(tmp_path / "asset") as draft:
        draft.write("c.txt", b"new")
        write_manifest(draft, {"kiln": "0"})
    assert (tmp_path / "asset" / "c.txt").read_bytes() == b"new"
    [aside] = tmp_path.glob(".asset-*.old")
    assert (aside / "c.txt").read_bytes() == b"mine"

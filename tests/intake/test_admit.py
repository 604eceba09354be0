"""What comes back from a child that may be in a stranger's hands; and case 28, zips from outside."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hostile import CORNERS, glb, ply, png, triangle
from kiln.asset import Mesh, Picture
from kiln.errors import InputError, PictureError, RefusedError
from kiln.formats.model import Model
from kiln.formats.noun_codec import encode
from kiln.formats.png import encode_png
from kiln.intake import admit
from kiln.intake.admit import admit_model, admit_picture, admit_zip, check_upload
from kiln.intake.sniff import PICTURES
from kiln.isolate import run_isolated
from shapes import cube


def parcel(value: Any, kind: Any) -> Callable[[Path], object]:
    return lambda out: out.write_bytes(b"".join(encode(value, kind).parts))


def model(**changes: Any) -> Callable[[Path], object]:
    mesh = cube()
    given = {"positions": mesh.positions, "triangles": mesh.triangles, **changes}
    return parcel(Model(name="a", mesh=Mesh(**given), materials=(), notes=(), inputs=()), Model)


TRIANGLES = np.array([[0, 1, 2]], np.uint32)

ANSWERS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda out: None,
    "noise": lambda out: out.write_bytes(bytes(1000)),
    "a pickle": lambda out: out.write_bytes(b"\x80\x05cos\nsystem\n."),
    "a link": lambda out: out.symlink_to("/etc/passwd"),
    "another noun": parcel(Picture(pixels=np.zeros((2, 2, 4), np.uint8), name="a"), Picture),
    "a corner beyond": model(triangles=TRIANGLES + np.uint32(100)),
    "a material beyond": model(triangles=TRIANGLES, material_ids=np.array([7], np.uint32)),
    "joints without a skeleton": model(joints=np.full((8, 4), 9, np.uint16), weights=np.zeros((8, 4), np.float32)),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_no_reader_gives_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(admit, "run_confined", lambda function, path, out, **_: ANSWERS[name](Path(out)))
    (tmp_path / "a").write_bytes(glb(triangle(), CORNERS))
    with pytest.raises(RefusedError, match="no sense") as refused:
        admit_model(tmp_path / "a", name="a.glb")
    assert refused.value.reason == "damaged"


def test_arrays_whose_sizes_do_not_fit_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(function: str, path: str, out: str, **_: Any) -> None:
        mesh = cube()
        data = b"".join(encode(Model(name="a", mesh=mesh, materials=(), notes=(), inputs=()), Model).parts)
        short = data.replace(str(list(mesh.triangles.shape)).replace(" ", "").encode(), b"[12,2]")
        Path(out).write_bytes(short)

    monkeypatch.setattr(admit, "run_confined", answer)
    (tmp_path / "a").write_bytes(glb(triangle(), CORNERS))
    with pytest.raises(RefusedError, match="no sense"):
        admit_model(tmp_path / "a", name="a.glb")


def test_the_upload_stays_as_it_was_and_nothing_else_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temporary := tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = tmp_path / "0123"
    path.write_bytes(data := png(64, 64, rows=bytes(range(193)) * 64))
    picture, notes = admit_picture(path, name="../../Big Knight_left.PNG")
    assert (picture.name, picture.view, picture.pixels.shape, notes) == ("Big_Knight", "left", (64, 64, 4), ())
    assert path.read_bytes() == data
    assert not any(temporary.iterdir())


def test_a_child_uses_compiled_kernels_but_leaves_none_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a confined process writes into the cache of compiled code would be run by everybody else."""
    (cache := tmp_path / "cache").mkdir()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(cache))
    path = tmp_path / "upload.ply"
    path.write_bytes(ply())

    def code() -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in cache.rglob("*") if file.is_file()}

    assert admit_model(path, name="a.ply").mesh.triangle_count == 1
    assert not code()
    run_isolated("kiln.formats.model:read_model", path, timeout_s=60)
    assert (before := code())
    assert admit_model(path, name="a.ply").mesh.triangle_count == 1
    assert code() == before


def test_a_door_learns_whether_a_file_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "0123"
    path.write_bytes(png(40, 30, rows=bytes(range(121)) * 30))
    found = check_upload(path, name="a.glb")
    assert (found.kind, found.size, found.counts, found.notes) == ("png", path.stat().st_size, {"width": 40, "height": 30}, ())
    path.write_bytes(glb(triangle(animations=[{}]), CORNERS))
    found = check_upload(path, name="a.png")
    assert (found.kind, found.counts) == ("glb", {"vertices": 3, "triangles": 1, "materials": 0})
    assert found.notes == ("1 animation(s) were left out",)


def test_a_door_lets_in_what_is_no_subject_but_may_be_a_mask_or_a_scribble(tmp_path: Path) -> None:
    path = tmp_path / "0123"
    dot = bytes(4 * (40 * 15 + 20)) + b"\0\xff\0\xff"
    for pixels in (np.full((30, 40, 4), 255, np.uint8), np.frombuffer(dot.ljust(4800, b"\0"), np.uint8).reshape(30, 40, 4)):
        path.write_bytes(encode_png(pixels))
        assert check_upload(path, name="a.png").counts == {"width": 40, "height": 30}
        with pytest.raises(PictureError):
            admit_picture(path, name="a.png")


def test_a_door_refuses_what_cannot_be_read_and_what_is_not_wanted(tmp_path: Path) -> None:
    path = tmp_path / "0123"
    path.write_bytes(png(40, 30, rows=b"\0" * 100))
    with pytest.raises(PictureError, match="damaged"):
        check_upload(path, name="a.png")
    path.write_bytes(glb(triangle(), CORNERS))
    with pytest.raises(RefusedError, match="png, jpeg, webp"):
        check_upload(path, name="a.png", wanted=PICTURES)


@pytest.mark.parametrize("said", [None, {}, {"counts": 3, "notes": []}, {"counts": {"width": "x"}, "notes": []}])
def test_a_description_that_makes_no_sense_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: object) -> None:
    monkeypatch.setattr(admit, "run_confined", lambda *_, **__: said)
    (tmp_path / "a").write_bytes(png(40, 30))
    with pytest.raises(RefusedError, match="no sense"):
        check_upload(tmp_path / "a", name="a.png")


def packed(path: Path, *entries: tuple[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return path


def test_28_a_zip_is_unpacked_apart(tmp_path: Path) -> None:
    (into := tmp_path / "out").mkdir()
    files = admit_zip(packed(tmp_path / "upload", ("a/b.txt", b"x"), ("c", b"y")), into)
    assert [path.relative_to(into).as_posix() for path in files] == ["a/b.txt", "c"]
    assert (into / "a/b.txt").read_bytes() == b"x"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: packed(path, ("good", b"x"), ("../x", b"x")),
        lambda path: packed(path, ("a", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
        lambda path: packed(path, ("a", bytes(64 << 20))),
        lambda path: packed(path, ("a", b"x"), ("b", b"x"), ("c", b"x")),
        lambda path: path.write_bytes(b"PK\3\4" + bytes(100)) and path,
        lambda path: path.write_bytes(b"<html>") and path,
    ],
    ids=["climbs", "a link", "a bomb", "too many", "noise", "no zip"],
)
def test_28_a_hostile_zip_leaves_nothing(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    (into := tmp_path / "out").mkdir()
    with pytest.raises(InputError):
        admit_zip(make(tmp_path / "upload"), into, entries=2)
    assert not any(into.iterdir())


@pytest.mark.parametrize("said", [["../upload"], ["/etc/passwd"], ["none"], "text", None, [3]])
def test_28_files_that_are_not_in_the_folder_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: object) -> None:
    (into := tmp_path / "out").mkdir()
    monkeypatch.setattr(admit, "run_confined", lambda *_, **__: said)
    with pytest.raises(RefusedError, match="no sense"):
        admit_zip(packed(tmp_path / "upload", ("a", b"x")), into)

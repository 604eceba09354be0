"""`kiln export` that fails: the documented exit code, one sentence with a cure, and nothing written or changed."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kiln
from command_line import run
from kiln.asset import Material
from kiln.engines import Handover
from kiln.errors import BackendError
from kiln.formats.gltf_write import Part, encode_material, write_glb
from kiln.pipeline import api
from shapes import sphere

Monkey = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a package of it, and things that are neither."""
    folder = tmp_path_factory.mktemp("place")
    uvs = np.random.default_rng(0).random((sphere(6, 8).vertex_count, 2), np.float32)
    painted = Material(name="ball", base_color=np.full((8, 8, 4), 200, np.uint8))
    (folder / "ball.glb").write_bytes(write_glb([Part(name="ball", mesh=replace(sphere(6, 8), uvs=uvs))], [encode_material(painted)]))
    kiln.export(folder / "ball.glb", engine=["portable"], out=folder, previews=False)
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("no model")
    (folder / "broken.glb").write_bytes(b"glTF")
    (folder / "broken.zip").write_bytes(b"PK")
    with zipfile.ZipFile(folder / "other.zip", "w") as archive:
        archive.writestr("photos/one.txt", "no package")
    return folder


@pytest.fixture
def place(untouched: Path, tmp_path: Path) -> Path:
    return shutil.copytree(untouched, tmp_path / "place")


def listing(folder: Path) -> dict[str, bytes | None]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def lacking(package: str, *where: str) -> Callable[[Monkey], None]:
    def forget(monkeypatch: Monkey) -> None:
        for module in where:
            monkeypatch.setattr(f"{module}.find_spec", lambda name: None if name == package else pytest.fail(name))

    return forget


def locked(monkeypatch: Monkey) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may write anywhere


def full(monkeypatch: Monkey) -> None:
    def write(self: object, name: str, data: bytes) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kiln.formats.package.Draft.write", write)


def crashed(monkeypatch: Monkey) -> None:
    def files(handover: Handover) -> None:
        raise BackendError("it crashed: try again")

    monkeypatch.setattr("kiln.engines.unity.files", files)


def interrupted(monkeypatch: Monkey) -> None:
    def export(*arguments: object, cancelled: object, **given: object) -> None:
        cancelled.set()  # type: ignore[attr-defined]  # an Event
        _EXPORT(*arguments, cancelled=cancelled, **given)  # type: ignore[arg-type]

    monkeypatch.setattr("kiln.pipeline.api.export", export)


_EXPORT = api.export


def as_ever(monkeypatch: Monkey) -> None:
    """Nothing is amiss with the machine."""


TARGETS = {"a package": ("ball",), "its zip": ("ball.zip",), "a model": ("ball.glb", "--name", "again", "--no-previews")}
USD = lacking("pxr", "kiln.formats.usd")
DRACO = lacking("DracoPy", "kiln.formats.draco")
ZSTANDARD = lacking("zstandard", "kiln.formats.ktx2")

FAILURES: dict[str, tuple[tuple[str, ...], Callable[[Monkey], None], int, str]] = {
    "a wrong flag": (("ball", "--engin", "unity"), as_ever, 2, "No such option"),
    "an unknown engine": (("ball", "--engine", "quake"), as_ever, 2, "'quake' is not one of unreal, unity"),
    "an unknown format": (("ball", "--formats", "dae"), as_ever, 2, "'dae' is not one of glb"),
    "a missing model": (("none.glb",), as_ever, 3, "there is no file"),
    "a missing package": (("none.zip",), as_ever, 3, "there is no file"),
    "no model": (("notes.txt",), as_ever, 3, ".glb"),
    "a broken model": (("broken.glb",), as_ever, 3, "broken.glb"),
    "a folder that is no package": (("empty",), as_ever, 3, "name a package's folder"),
    "a broken zip": (("broken.zip",), as_ever, 3, "copy it again"),
    "a zip that is no package": (("other.zip",), as_ever, 3, "name a package's folder"),
    "a recipe that does not read": (("ball", "--pack", '{"Mask": "R=what?"}'), as_ever, 3, "no source"),
    "a map that is not there": (("ball", "--pack", '{"Mask": "R=rust"}'), as_ever, 3, "there is no map 'rust'"),
    "another name": (("ball", "--name", "other"), as_ever, 3, "leave --name out"),
    "a file in the way": (("ball.glb", "--out", "notes.txt"), as_ever, 4, "choose another output folder"),
    **{f"no right to write, {what}": (words, locked, 4, "choose another output folder") for what, words in TARGETS.items()},
    **{f"a full disk, {what}": (words, full, 4, "the disk is full") for what, words in TARGETS.items()},
    **{f"no usd-core, {what}": ((*words, "--formats", "usdz"), USD, 4, "pip install kiln3d[usd]") for what, words in TARGETS.items()},
    **{
        f"no DracoPy, {what}": ((*words, "--engine", "web", "--compression", "draco"), DRACO, 4, "pip install kiln3d[web]")
        for what, words in TARGETS.items()
    },
    "no zstandard": (("ball", "--engine", "web", "--web-textures", "ktx2"), ZSTANDARD, 4, "pip install kiln3d[web]"),
    **{f"a crash, {what}": ((*words, "--engine", "unreal,unity"), crashed, 5, "try again") for what, words in TARGETS.items()},
    **{f"Ctrl-C, {what}": (words, interrupted, 130, "stopped") for what, words in TARGETS.items()},
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_has_its_code_and_a_cure_and_writes_nothing(
    case: str, place: Path, monkeypatch: Monkey, capsys: pytest.CaptureFixture[str]
) -> None:
    words, amiss, code, cure = FAILURES[case]
    before = listing(place)
    monkeypatch.chdir(place)
    amiss(monkeypatch)
    assert run(monkeypatch, "export", *words, "--quiet") == code
    told = capsys.readouterr()
    assert cure in told.err and told.out == "" and "Traceback" not in told.err
    assert listing(place) == before

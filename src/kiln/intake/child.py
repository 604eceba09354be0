"""Reads what strangers send, each file in a child process of its own that is confined and may die of it.

The file is looked at first (`sniff`); then it lies alone in a folder, under a name of ours, and a child with no network, no programs, and
limits on memory, time and file size reads it. Only arrays and plain values come back, checked.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from kiln.asset import Picture
from kiln.errors import InputError, RefusedError
from kiln.formats.names import safe_name
from kiln.formats.noun_codec import decode
from kiln.intake.names import inert_name
from kiln.intake.sniff import MODELS, PICTURES, Sniffed, sniff
from kiln.isolate import Confinement, run_confined

if TYPE_CHECKING:
    from kiln.formats.model import Model

_GIB: Final = 1024**3

_FOR_PICTURES: Final = Confinement(memory_bytes=3 * _GIB, cpu_s=20, file_bytes=64 * 1024**2)
_FOR_MODELS: Final = Confinement(memory_bytes=8 * _GIB, cpu_s=120, file_bytes=_GIB)
_FOR_ARCHIVES: Final = Confinement(memory_bytes=2 * _GIB, cpu_s=60, file_bytes=2 * _GIB)

_LATER: Final = 1.5
"""How many times its processor seconds a child may take on the clock: the machine has other work, too."""


def read_strange_picture(path: Path, *, name: str) -> tuple[Picture, tuple[str, ...]]:
    """The picture in an uploaded file, upright, and notes; `name` is the file's name as its sender gave it.

    Raises RefusedError for what is not let in, PictureError for what cannot be used.
    """
    with _alone(path, sniff(path, wanted=PICTURES), name) as (file, out):
        _run("read_picture", file, out, limits=_FOR_PICTURES)
        picture, notes = _answer(out, tuple[Picture, tuple[str, ...]])
    return picture, notes


def read_strange_model(path: Path, *, name: str, up: Literal["y", "z"] = "y", skins: bool = False) -> Model:
    """The model in an uploaded file; files that it refers to are not there. Otherwise as `formats.model.read_model`.

    Raises RefusedError for what is not let in, ModelError for what cannot be used.
    """
    from kiln.formats.model import Model

    with _alone(path, sniff(path, wanted=MODELS), name) as (file, out):
        _run("read_model", file, out, limits=_FOR_MODELS, up=up, skins=skins)
        model: Model = _answer(out, Model)
    _check_references(model)
    return model


def unpack_strange_zip(path: Path, into: Path, *, entries: int = 1000, total_bytes: int = _GIB) -> tuple[Path, ...]:
    """Unpack an uploaded zip into an empty folder; the files. RefusedError or InputError when it is not let in; nothing is left then.

    What is in it is as strange as the zip was: each file is to be looked at and read as an upload of its own.
    """
    sniff(path, wanted=("zip", "npz"))
    try:
        said = _run("unpack", path, into, limits=_FOR_ARCHIVES, entries=entries, total_bytes=total_bytes)
        return _inside(said, into)
    except InputError:
        shutil.rmtree(into, ignore_errors=True)
        raise


def _run(verb: str, path: Path, out: Path, *, limits: Confinement, **options: Any) -> Any:
    """What a function of `intake.reading` answers; its time on the clock is its processor seconds and half as many again."""
    timeout_s = limits.cpu_s * _LATER
    return run_confined(f"kiln.intake.reading:{verb}", str(path), str(out), limits=limits, timeout_s=timeout_s, **options)


def _answer(out: Path, kind: Any) -> Any:
    """What the child wrote, if it is of that kind."""
    try:
        if out.is_symlink():
            raise _senseless()
        return decode(out.read_bytes(), kind)
    except (InputError, OSError):
        raise _senseless() from None


def _senseless() -> RefusedError:
    return RefusedError("its reader gave an answer that makes no sense: the file is damaged; export it again", reason="damaged")


@contextmanager
def _alone(path: Path, found: Sniffed, name: str) -> Iterator[tuple[Path, Path]]:
    """The file in a folder of its own, with a safe stem and the ending of what it is, and a place for what is read of it."""
    with tempfile.TemporaryDirectory(prefix="kiln-") as folder:
        stem = safe_name(Path(inert_name(name)).stem)
        file, out = Path(folder, "in", f"{stem}.{found.kind}"), Path(folder, "out")
        file.parent.mkdir()
        try:
            os.link(path, file)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, file)
        yield file, out


def _check_references(model: Model) -> None:
    """What indexes into something stays within it: compiled loops follow these numbers without asking."""
    mesh = model.mesh
    joints = 0 if model.skeleton is None else len(model.skeleton.names)
    pairs = ((mesh.triangles, mesh.vertex_count), (mesh.material_ids, max(1, len(model.materials))), (mesh.joints, max(1, joints)))
    if any(_exceeds(numbers, count) for numbers, count in pairs):
        raise _senseless()


def _exceeds(numbers: np.ndarray | None, count: int) -> bool:
    return numbers is not None and bool(numbers.size) and int(numbers.max()) >= count


def _inside(said: Any, into: Path) -> tuple[Path, ...]:
    """The files that the child names, if they are files in that folder."""
    names: Sequence[Any] = said if isinstance(said, list) else ()
    root = into.resolve()
    found = tuple(root / str(name) for name in names)
    if not all(path.is_file() and path.resolve() == path for path in found):
        raise _senseless()
    return found

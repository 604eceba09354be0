"""Reads what strangers send, each file in a confined child process of its own that may die of it.

The file is looked at first (`sniff`); then it lies alone in a folder, under a name of ours, and a child that can do nothing else reads it.
What comes back is built of known nouns only, checked field by field.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from kiln.asset import Picture
from kiln.confinement import Confinement
from kiln.errors import InputError, RefusedError
from kiln.formats.names import safe_name
from kiln.formats.noun_codec import decode
from kiln.intake.names import inert_name
from kiln.intake.sniff import MODELS, PICTURES, Kind, Sniffed, sniff
from kiln.isolate import run_confined

if TYPE_CHECKING:
    from kiln.formats.model import Model

_GIB: Final = 1024**3

FOR_PICTURES: Final = Confinement(memory_bytes=2 * _GIB, cpu_s=20, file_bytes=32 * 1024**2)
"""40 megapixels take up to 1.1 GB to read, 1.5 GiB of address space, and come back with 2048 on a side."""

FOR_MODELS: Final = Confinement(memory_bytes=8 * _GIB, cpu_s=60, file_bytes=2 * _GIB)
FOR_ZIPS: Final = Confinement(memory_bytes=2 * _GIB, cpu_s=60, file_bytes=_GIB)

PICTURE_AND_NOTES: Final = tuple[Picture, tuple[str, ...]]
"""What a child writes that has read a picture."""

_LATER: Final = 1.5
"""How many times its processor seconds a child may take on the clock: the machine has other work, too."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An upload that can be read."""

    kind: Kind
    size: int
    """Bytes."""

    counts: Mapping[str, int]
    """width and height of a picture as it will be used; vertices, triangles and materials of a model."""

    notes: tuple[str, ...]
    """Sentences for people: what had to be done to it, or was left out."""


def admit_picture(path: Path, *, name: str, limits: Confinement = FOR_PICTURES) -> tuple[Picture, tuple[str, ...]]:
    """The picture in an uploaded file, upright, and notes; `name` is the file's name as its sender gave it, and may name the view.

    Raises RefusedError for what is not let in, PictureError for what cannot be used.
    """
    with _alone(path, sniff(path, wanted=PICTURES), name) as (file, out):
        _run("picture_child:write_picture", file, out / "noun", limits=limits, reads=file.parent, writes=out)
        found: tuple[Picture, tuple[str, ...]] = _answer(out / "noun", PICTURE_AND_NOTES)
    return found


def admit_model(path: Path, *, name: str, up: Literal["y", "z"] = "y", skins: bool = False, limits: Confinement = FOR_MODELS) -> Model:
    """The model in an uploaded file; files that it refers to are not there. Otherwise as `formats.model.read_model`.

    Raises RefusedError for what is not let in, ModelError for what cannot be used.
    """
    from kiln.formats.model import Model

    with _alone(path, sniff(path, wanted=MODELS), name) as (file, out):
        _run("model_child:write_model", file, out / "noun", limits=limits, reads=file.parent, writes=out, up=up, skins=skins)
        model: Model = _answer(out / "noun", Model)
    _check_references(model)
    return model


def check_upload(path: Path, *, name: str, wanted: Collection[Kind] = (*PICTURES, *MODELS), up: Literal["y", "z"] = "y") -> Checked:
    """What an uploaded file is, once a child has read it to its end: for a door that only has to say yes or no, and stays light.

    Raises as `admit_picture` and `admit_model`.
    """
    with _alone(path, found := sniff(path, wanted=wanted), name) as (file, _):
        if found.picture is not None:
            facts = _run("picture_child:describe_picture", file, limits=FOR_PICTURES, reads=file.parent)
        else:
            facts = _run("model_child:describe_model", file, limits=FOR_MODELS, reads=file.parent, up=up)
    try:
        return Checked(kind=found.kind, size=found.size, counts=_counts(facts["counts"]), notes=tuple(map(str, facts["notes"])))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _senseless() from None


def _counts(said: Any) -> dict[str, int]:
    return {str(what): int(count) for what, count in said.items()}


def admit_zip(path: Path, into: Path, *, entries: int = 1000, total_bytes: int = _GIB, limits: Confinement = FOR_ZIPS) -> tuple[Path, ...]:
    """Unpack an uploaded zip into an empty folder; the files. InputError when it is not let in; after any error the folder is empty.

    What is in it is as strange as the zip was: each file is to be looked at and read as an upload of its own.
    """
    with _alone(path, sniff(path, wanted=("zip", "npz")), "archive") as (file, _):
        try:
            said = _run(
                "zip_child:unpack", file, into, limits=limits, reads=file.parent, writes=into, entries=entries, total_bytes=total_bytes
            )
            return _inside(said, into)
        except BaseException:
            shutil.rmtree(into)
            into.mkdir()
            raise


@contextmanager
def _alone(path: Path, found: Sniffed, name: str) -> Iterator[tuple[Path, Path]]:
    """The file in a folder of its own, with a safe stem and the ending of what it is; and an empty folder for what is read of it."""
    with tempfile.TemporaryDirectory(prefix="kiln-") as folder:
        stem = safe_name(Path(inert_name(name)).stem)
        file, out = Path(folder, "in", f"{stem}.{found.kind}"), Path(folder, "out")
        file.parent.mkdir()
        out.mkdir()
        try:
            os.link(path, file)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, file)
        yield file, out


def _run(function: str, *paths: Path, limits: Confinement, reads: Path, writes: Path | None = None, **options: Any) -> Any:
    """What a child of this room answers."""
    return run_confined(
        f"kiln.intake.{function}",
        *map(str, paths),
        limits=limits,
        timeout_s=limits.cpu_s * _LATER,
        reads=(reads,),
        writes=() if writes is None else (writes,),
        **options,
    )


def _answer(path: Path, kind: Any) -> Any:
    """What the child wrote, if it is of that kind; a link in its place would have us read something else."""
    try:
        if path.is_symlink():
            raise _senseless()
        return decode(path.read_bytes(), kind)
    except (InputError, OSError):
        raise _senseless() from None


def _check_references(model: Model) -> None:
    """What counts into something stays within it: compiled loops follow these numbers without asking."""
    mesh = model.mesh
    joints = 1 if model.skeleton is None else len(model.skeleton.names)
    counted = ((mesh.triangles, mesh.vertex_count), (mesh.material_ids, max(1, len(model.materials))), (mesh.joints, joints))
    if any(_exceeds(numbers, count) for numbers, count in counted):
        raise _senseless()


def _exceeds(numbers: np.ndarray | None, count: int) -> bool:
    return numbers is not None and bool(numbers.size) and int(numbers.max()) >= count


def _inside(said: Any, into: Path) -> tuple[Path, ...]:
    """The files that the child names, if they are files in that folder."""
    root = into.resolve()
    found = tuple(root / str(name) for name in (said if isinstance(said, list) else [""]))
    if not all(path.is_file() and path.resolve() == path and path.is_relative_to(root) for path in found):
        raise _senseless()
    return found


def _senseless() -> RefusedError:
    return RefusedError("its reader gave an answer that makes no sense: the file is damaged; export it again", reason="damaged")

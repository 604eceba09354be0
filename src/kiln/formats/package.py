"""A package on disk: written beside its target, moved into place whole, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kiln.asset import FileRecord
from kiln.errors import SetupError, is_disk_full

MANIFEST: Final = "manifest.json"
"""Says that a folder is a package, and what is in it."""

_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest a zip can say: no clock enters the bytes."""


class Draft:
    """A package being written, in a hidden folder beside its target."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, FileRecord] = {}

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """Every file written so far, sorted by name."""
        return tuple(self._files[name] for name in sorted(self._files))

    def write(self, name: str, data: bytes) -> Path:
        """Write one file; `name` is its path inside the package, with forward slashes. Returns where it lies for now."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._files[name] = FileRecord.of(name, data)
        return path


@contextmanager
def new_package(target: Path, *, archives: Sequence[str] = ()) -> Iterator[Draft]:
    """A draft that becomes the folder `target` when the block ends; after any error, nothing is left.

    `archives` become zips beside it: "" the whole package as `<target>.zip`, "unreal" its folder unreal/ as `<target>_unreal.zip`.

    An earlier package of that name is replaced at that moment. Raises SetupError, with the cure, when the place cannot be written to, the
    disk is full, or something that is no package stands there.
    """
    with _explained(target):
        check_target(target, archives=archives)
        made = _make_parents(target.parent)
    draft = Draft(target.parent / f".{target.name}-{uuid.uuid4().hex[:12]}")
    packed = {part: archive_of(draft.folder, part) for part in archives}
    try:
        with _explained(target):
            draft.folder.mkdir()
            yield draft
            for part, path in packed.items():
                _write_zip(path, draft, part=part, root=target.name)
            _move_into_place(draft.folder, target)
            for part, path in packed.items():
                path.replace(archive_of(target, part))
    except BaseException:
        shutil.rmtree(draft.folder, ignore_errors=True)
        for path in packed.values():
            path.unlink(missing_ok=True)
        _remove_empty(made)
        raise


def check_target(target: Path, *, archives: Sequence[str] = ("",)) -> None:
    """Raise SetupError when a package must not or cannot be written there, before any work is done."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise SetupError(f"{target} is in the way and is no folder: choose another name or output folder")
    if target.is_dir() and any(target.iterdir()) and not _is_package(target):
        raise SetupError(f"{target} exists and is no Kiln package, so it is not replaced: choose another name or output folder")
    for archive in (archive_of(target, part) for part in archives):
        if archive.is_dir():
            raise SetupError(f"{archive} is a folder, in the way of the .zip: choose another name or output folder")
    above = next((folder for folder in (target.parent, *target.parent.parents) if folder.exists()), Path())
    if not above.is_dir():
        raise SetupError(f"{above} is a file, so nothing can be written below it: choose another output folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise SetupError(f"{above} may not be written to: choose another output folder, or change its permissions")


def write_manifest(draft: Draft, content: Mapping[str, Any]) -> None:
    """Write manifest.json: the content, and the SHA-256 and size of every file written before it."""
    outputs = [{"name": file.name, "sha256": file.sha256, "bytes": file.size} for file in draft.files]
    draft.write(MANIFEST, json_bytes({**content, "outputs": outputs}))


def json_bytes(content: object) -> bytes:
    """Indented JSON that people can read and diff, the same bytes every time."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def archive_of(target: Path, part: str = "") -> Path:
    """Where the zip of a package, or of one part of it, lies."""
    return target.with_name(f"{target.name}_{part}.zip" if part else f"{target.name}.zip")


def _is_package(folder: Path) -> bool:
    """Whether a manifest of Kiln's lies in the folder."""
    return "kiln" in _manifest_of(folder)


def _manifest_of(folder: Path) -> dict[str, Any]:
    """What the folder's manifest says; nothing where there is none that can be read."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    """OSErrors as SetupErrors that say how to cure them."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise SetupError(f"the disk is full: {target} was not written; free some space or choose another output folder") from error
        reason = error.strerror or str(error)
        raise SetupError(f"{target} cannot be written ({reason}): choose another output folder, or change its permissions") from error


def _make_parents(folder: Path) -> list[Path]:
    """Create the folder and those above it; those that were not there, deepest first."""
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # somebody else has put something there
            return


def _write_zip(path: Path, draft: Draft, *, part: str, root: str) -> None:
    """The part's files under one folder, stored: PNG and GLB do not shrink, and a compressor's version would show in the bytes."""
    inside = f"{part}/" if part else ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
        for file in draft.files:
            if not file.name.startswith(inside):
                continue
            entry = zipfile.ZipInfo(f"{root}/{file.name.removeprefix(inside)}", _ZIP_DATE)
            entry.create_system = 3  # Unix, wherever it is written
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, (draft.folder / file.name).read_bytes())


def _move_into_place(folder: Path, target: Path) -> None:
    """Rename the folder to its target; what stood there comes back if that fails."""
    if not target.exists():
        folder.replace(target)
        return
    aside = folder.with_suffix(".old")
    target.replace(aside)
    try:
        folder.replace(target)
    except OSError:
        aside.replace(target)
        raise
    if _own_files_kept(aside, target):
        shutil.rmtree(aside, ignore_errors=True)


def _own_files_kept(old: Path, target: Path) -> bool:
    """Whether all that people laid into the old package, files that its manifest does not list, lies in the new one now.

    Where something stands in the way, the old folder stays, hidden beside the new one: nobody's work is deleted.
    """
    outputs = _manifest_of(old).get("outputs")
    listed = {str(entry.get("name")) for entry in outputs if isinstance(entry, dict)} if isinstance(outputs, list) else set()
    try:
        for path in sorted(old.rglob("*")):
            name = path.relative_to(old).as_posix()
            if name == MANIFEST or name in listed or (path.is_dir() and not path.is_symlink()):
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if (target / name).exists():
                return False
            path.replace(target / name)
    except OSError:
        return False
    return True

"""A model's own folder: the only place from which the files that it refers to are read."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from kiln.asset import FileRecord
from kiln.errors import ModelError

MAX_FILE_BYTES: Final = 2 * 1024**3


class Folder:
    """Reads files named by a model, never outside the model's folder, and remembers which."""

    def __init__(self, model: Path, *, textures: bool = True, skins: bool = False) -> None:
        self.stem = model.stem
        self.textures = textures
        """Whether pictures are wanted; otherwise readers leave them alone."""

        self.skins = skins
        """Whether joints and weights are wanted; otherwise a skinned mesh is read as it was bound."""

        self._root = model.parent.resolve()
        self._used: dict[str, FileRecord] = {}

    @property
    def used(self) -> tuple[FileRecord, ...]:
        """Every file read so far, sorted by name."""
        return tuple(self._used[name] for name in sorted(self._used))

    def holds(self, reference: str) -> bool:
        """Whether the reference stays inside the folder and is a file. Raises nothing."""
        try:
            return self._locate(reference).is_file()
        except (ModelError, OSError, ValueError):
            return False

    def check(self, reference: str) -> None:
        """Raise ModelError when the reference leaves the folder."""
        self._locate(reference)

    def read(self, reference: str) -> bytes:
        """The file's bytes. ModelError when the reference leaves the folder, or there is no such file."""
        path = self._locate(reference)
        if not path.is_file():
            raise ModelError(f"it refers to {_shown(reference)}, which is not there: put that file beside it, or export as one .glb")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{_shown(reference)} is larger than 2 GB")
        data = path.read_bytes()
        self._used[reference] = FileRecord.of(reference, data)
        return data

    def _locate(self, reference: str) -> Path:
        """The real path of a relative reference with forward slashes."""
        outside = ModelError(f"it refers to {_shown(reference)}, outside its own folder: put that file beside it and export again")
        windows = PureWindowsPath(reference)  # understands forward slashes too, and drive letters
        if not reference or "\0" in reference or ":" in reference or windows.anchor or ".." in windows.parts:
            raise outside
        try:
            path = (self._root / PurePosixPath(reference)).resolve()
        except (OSError, RuntimeError):  # a loop of symbolic links, or a name too long for the file system
            raise outside from None
        if not path.is_relative_to(self._root):
            raise outside
        return path


def _shown(reference: str) -> str:
    """A reference as a message can hold it."""
    return ascii(reference if len(reference) <= 80 else reference[:77] + "...")

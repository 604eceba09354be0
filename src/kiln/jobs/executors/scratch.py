"""Folders for the temporary files of lanes' children, and the removal of those that killed workers have left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows cannot lock a folder, nor remove one in use
    fcntl = None  # type: ignore[assignment]

_YOUNG_S: Final = 60.0
"""A folder that was touched so recently may belong to a child that has not claimed it yet."""


def make(root: Path, *, name: str) -> Path:
    """A fresh folder below root, for one child."""
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))


def remove(folder: Path) -> None:
    """Delete a folder with all that is in it, as far as that can be done."""
    shutil.rmtree(folder, ignore_errors=True)


def claim(folder: Path) -> None:
    """Hold a folder until this process ends: a lock on it, which nobody needs to let go of."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # some network disks lock no folders: then the claim's age must do
            fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(root: Path) -> None:
    """Remove the folders below root that nobody holds."""
    oldest = time.time() - _YOUNG_S
    for folder in root.iterdir() if root.is_dir() else ():
        with contextlib.suppress(OSError):
            if folder.stat().st_mtime < oldest and (fcntl is None or _is_free(folder)):
                remove(folder)


def _is_free(folder: Path) -> bool:
    """Whether no living child holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True

"""What a confined child does: the only code that ever reads a stranger's picture, mesh or zip. `intake.child` calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kiln.asset import Picture
from kiln.formats.noun_codec import encode
from kiln.formats.unzip import ZipLimits, unzip


def read_picture(path: str, out: str) -> None:
    """Write the picture in a file, and notes, into the file `out`."""
    _one_thread()
    from kiln.formats import picture

    _write(picture.read_picture(path), tuple[Picture, tuple[str, ...]], out)


def read_model(path: str, out: str, *, up: str, skins: bool) -> None:
    """Write the model in a file into the file `out`."""
    _one_thread()
    from kiln.formats import model

    _write(model.read_model(Path(path), up="z" if up == "z" else "y", skins=skins), model.Model, out)


def unpack(path: str, out: str, *, entries: int, total_bytes: int) -> list[str]:
    """Unpack a zip into the folder `out`; the files' paths in it."""
    return list(unzip(Path(path), Path(out), limits=ZipLimits(entries=entries, total_bytes=total_bytes)))


def _write(value: Any, kind: Any, out: str) -> None:
    with Path(out).open("xb") as file:
        file.writelines(encode(value, kind).parts)


def _one_thread() -> None:
    """Threads of native libraries each reserve address space, which is limited."""
    import cv2

    cv2.setNumThreads(1)

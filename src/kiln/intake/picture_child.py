"""What the child does that reads a stranger's picture; its imports are loaded before it is confined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from kiln.asset import Picture
from kiln.formats.noun_codec import encode
from kiln.formats.picture import read_picture
from kiln.intake.admit import PICTURE_AND_NOTES


def write_picture(path: str, out: str) -> None:
    """Write the picture in a file, and notes, into the new file `out`, as the noun codec does."""
    with Path(out).open("xb") as file:
        file.writelines(encode(_picture(path), PICTURE_AND_NOTES).parts)


def describe_picture(path: str) -> dict[str, Any]:
    """The picture's size, and notes."""
    picture, notes = _picture(path)
    return {"counts": {"width": picture.width, "height": picture.height}, "notes": notes}


def _picture(path: str) -> tuple[Picture, tuple[str, ...]]:
    cv2.setNumThreads(1)  # each thread would reserve address space, which is limited
    return read_picture(path)

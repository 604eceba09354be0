"""What the child does that reads a stranger's picture; its imports are loaded before it is confined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from kiln.formats.noun_codec import encode
from kiln.formats.picture import read_picture, read_pixels
from kiln.intake.admit import PICTURE_AND_NOTES


def write_picture(path: str, out: str) -> None:
    """Write the picture in a file, and notes, into the new file `out`, as the noun codec does."""
    _take_one_thread()
    with Path(out).open("xb") as file:
        file.writelines(encode(read_picture(path), PICTURE_AND_NOTES).parts)


def describe_picture(path: str) -> dict[str, Any]:
    """The picture's size. One that shows no subject passes: a mask may be flat, and a scribble a single dot."""
    _take_one_thread()
    height, width = read_pixels(path).shape[:2]
    return {"counts": {"width": width, "height": height}, "notes": ()}


def _take_one_thread() -> None:
    """Each further one would reserve address space, which is limited."""
    cv2.setNumThreads(1)

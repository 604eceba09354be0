"""What the child does that reads a stranger's model; its imports are loaded before it is confined."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, Final, Literal

import cv2

from kiln import kernels
from kiln.errors import RefusedError
from kiln.formats.model import Model, read_model
from kiln.formats.noun_codec import encode
from kiln.kernels.text import parse_numbers

READS: Final = (kernels.code_folder(parse_numbers),)
"""Compiled kernels are loaded when they are first called."""


def write_model(path: str, out: str, *, up: Literal["y", "z"], skins: bool) -> None:
    """Write the model in a file into the new file `out`, as the noun codec does. Raises RefusedError when that would be too large."""
    found = encode(_model(path, up=up, skins=skins), Model)
    try:
        with Path(out).open("xb") as file:
            file.writelines(found.parts)
    except OSError as error:
        if error.errno == errno.EFBIG:
            words = "it takes more room than is accepted when it is read: simplify it, or make its textures smaller"
            raise RefusedError(words, reason="size") from None
        raise


def describe_model(path: str, *, up: Literal["y", "z"]) -> dict[str, Any]:
    """How much there is of the model, and notes."""
    found = _model(path, up=up)
    counts = {"vertices": found.mesh.vertex_count, "triangles": found.mesh.triangle_count, "materials": len(found.materials)}
    return {"counts": counts, "notes": found.notes}


def _model(path: str, *, up: Literal["y", "z"], skins: bool = False) -> Model:
    cv2.setNumThreads(1)  # each thread would reserve address space, which is limited
    kernels.save_no_code()  # the cache lies where a confined process may not write
    return read_model(Path(path), up=up, skins=skins)

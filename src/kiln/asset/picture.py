"""Picture: one RGBA image of the subject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from kiln.asset.conventions import View
from kiln.asset.file_record import FileRecord
from kiln.asset.freeze import freeze_arrays


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture:
    """One upright RGBA image of the subject and what is known of it."""

    pixels: UInt8[np.ndarray, "height width 4"]
    """sRGB colour, straight (not premultiplied) alpha; row 0 is the top."""

    name: str
    """The file's stem: what the asset will be called."""

    view: View = "front"

    has_matte: bool = False
    """Whether alpha tells subject from background. An alpha channel that is opaque everywhere does not."""

    file: FileRecord | None = None
    """The file as it was given; None for a picture that never was one."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    @property
    def alpha(self) -> UInt8[np.ndarray, "height width"]:
        """The matte: 0 background, 255 subject."""
        return self.pixels[..., 3]

"""Reading a picture between its pixels."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, Shaped

_ROW = 4096
"""cv2.remap takes maps of at most 32,767 on a side, so a list of points is folded into rows of this length."""


def sample_bilinear(
    pixels: Shaped[np.ndarray, "height width channels"], uvs: Float32[np.ndarray, "n 2"], *, wrap: bool = False
) -> Float32[np.ndarray, "n channels"]:
    """The picture's value at each UV (origin top-left), interpolated between the four nearest pixels' centres; edges repeat, or wrap.

    uint8 or float32 pixels, at most 4 channels; the result has the same scale and encoding as the pixels.
    """
    height, width, channels = pixels.shape
    u, v = (uvs % 1.0).T if wrap else uvs.T
    rows = -(-len(uvs) // _ROW)
    x = np.zeros(rows * _ROW, np.float32)
    y = np.zeros(rows * _ROW, np.float32)
    x[: len(uvs)] = u * width - 0.5
    y[: len(uvs)] = v * height - 0.5
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REPLICATE
    # remap interpolates uint8 with 5 bits of fraction; float32 pixels give full precision.
    sampled = cv2.remap(np.asarray(pixels, np.float32), x.reshape(rows, _ROW), y.reshape(rows, _ROW), cv2.INTER_LINEAR, borderMode=border)
    return sampled.reshape(-1, channels)[: len(uvs)]

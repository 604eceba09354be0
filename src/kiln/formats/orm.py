"""Gray maps packed as one: R occlusion, G roughness, B metallic."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8


def pack_orm(
    occlusion: UInt8[np.ndarray, "h1 w1"] | None, roughness: UInt8[np.ndarray, "h2 w2"] | None, metallic: UInt8[np.ndarray, "h3 w3"] | None
) -> UInt8[np.ndarray, "h w 3"] | None:
    """One map, as large as the largest; what has no map is 255, so that its factor stands alone. None when there is none at all."""
    grays = (occlusion, roughness, metallic)
    sizes = [gray.shape for gray in grays if gray is not None]
    if not sizes:
        return None
    height, width = max(h for h, _ in sizes), max(w for _, w in sizes)
    orm = np.full((height, width, 3), 255, np.uint8)
    for channel, gray in enumerate(grays):
        if gray is not None:
            orm[..., channel] = gray if gray.shape == (height, width) else cv2.resize(np.array(gray), (width, height))
    return orm

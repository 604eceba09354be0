"""The child process's side of xatlas. Imports nothing but numpy and xatlas, so that starting it is quick."""

from __future__ import annotations

import numpy as np
import xatlas


def cut(positions: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Charts by xatlas: the triangles, in the same order, over chart vertices (F, 3) uint32; and where those lie (V, 2) float64.

    positions (V, 3) float32, triangles (F, 3) uint32. Its own packing is wasted work, so it is asked for a coarse one; `rotate_charts`
    stays off because it turns charts by transposing, which mirrors them (42 % of a statue's triangles).
    """
    atlas = xatlas.Atlas()
    atlas.add_mesh(positions, triangles)
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = 1024, 0, False
    packing.rotate_charts, packing.rotate_charts_to_axis, packing.blockAlign = False, False, True
    atlas.generate(xatlas.ChartOptions(), packing)
    _, indices, uvs = atlas[0]
    return indices.astype(np.uint32), uvs.astype(np.float64) * (atlas.width, atlas.height)

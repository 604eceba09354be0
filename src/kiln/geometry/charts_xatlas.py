"""The child process's side of xatlas. Imports nothing but numpy and xatlas, so that starting it is quick."""

from __future__ import annotations

import numpy as np
import xatlas


def cut(positions: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Charts by xatlas: each chart vertex's mesh vertex, triangles in chart vertices (order kept), and flat points (y up).

    positions (V, 3) float32, triangles (F, 3) uint32. Its own packing is wasted work, so it is asked for the coarsest; `rotate_charts` stays off
    because it turns charts by transposing, which mirrors them (42 % of a statue's triangles).
    """
    atlas = xatlas.Atlas()
    atlas.add_mesh(positions, triangles)
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = 256, 0, False
    packing.rotate_charts, packing.rotate_charts_to_axis, packing.blockAlign = False, False, True
    atlas.generate(xatlas.ChartOptions(), packing)
    vertex, indices, uvs = atlas[0]
    return vertex.astype(np.int64), indices.astype(np.uint32), uvs.astype(np.float64) * (atlas.width, atlas.height)

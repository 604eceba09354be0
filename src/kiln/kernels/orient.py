"""Winding, spread from triangle to triangle."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def flood_winding(triangles: np.ndarray, twins: np.ndarray, patches: np.ndarray, turned: np.ndarray, queue: np.ndarray) -> int:
    """Label patches of triangles that hang together by edges of two, and find which triangles to turn so that each patch winds one way.

    triangles (F, 3) int32; twins (3F,) int32; patches (F,) int32 filled with -1 and turned (F,) bool are written; queue (F,) int32 is
    scratch. The first triangle of each patch is not turned. Returns the number of patches. On a one-sided surface (Möbius) the edges where
    the flood meets itself stay inconsistent.
    """
    count = 0
    for seed in range(len(patches)):
        if patches[seed] >= 0:
            continue
        patches[seed], turned[seed] = count, False
        queue[0] = seed
        read, written = 0, 1
        while read < written:
            t = queue[read]
            read += 1
            for k in range(3):
                twin = twins[3 * t + k]
                if twin < 0 or patches[twin // 3] >= 0:
                    continue
                other = twin // 3
                same_way = triangles[other, twin % 3] == triangles[t, k]
                patches[other], turned[other] = count, turned[t] != same_way
                queue[written] = other
                written += 1
        count += 1
    return count

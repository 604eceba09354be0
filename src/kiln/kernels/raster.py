"""Triangles to pixels."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def rasterize_rows(
    points: np.ndarray,
    depth: np.ndarray,
    triangles: np.ndarray,
    owner: np.ndarray,
    bary: np.ndarray,
    nearest: np.ndarray,
    first_row: int,
    last_row: int,
) -> None:
    """Fill rows first_row <= j < last_row with the triangle that covers each pixel's centre and the barycentrics there.

    points (V, 2) float64, pixels: the centre of pixel (column i, row j) is (i + .5, j + .5); depth (V,) float64, smaller is nearer
    and wins, ties go to the lower triangle number; triangles (F, 3) uint32. Written: owner (H, W) int32, filled with -1; bary (H, W, 2)
    float32, weights of the second and third corner; nearest (H, W) float32, filled with +inf. Both windings are drawn. The top-left rule
    gives a centre that lies exactly on an edge to one of its two triangles, never to both or none.
    """
    width = owner.shape[1]
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = points[a, 0], points[a, 1]
        bx, by = points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not abs(double_area) > 1e-12:
            continue
        top = max(first_row, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(last_row - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        if top > bottom or left > right:
            continue
        sign = 1.0 if double_area > 0 else -1.0
        # Edge functions opposite to corners b and c and a; sign makes the inside positive for both windings.
        eax, eay = sign * (cx - bx), sign * (cy - by)
        ebx, eby = sign * (ax - cx), sign * (ay - cy)
        ecx, ecy = sign * (bx - ax), sign * (by - ay)
        keep_a = eay < 0 or (eay == 0 and eax > 0)
        keep_b = eby < 0 or (eby == 0 and ebx > 0)
        keep_c = ecy < 0 or (ecy == 0 and ecx > 0)
        scale = 1.0 / abs(double_area)
        for j in range(top, bottom + 1):
            y = j + 0.5
            entered = False
            for i in range(left, right + 1):
                x = i + 0.5
                wa = eax * (y - by) - eay * (x - bx)
                wb = ebx * (y - cy) - eby * (x - cx)
                wc = ecx * (y - ay) - ecy * (x - ax)
                if wa < 0 or wb < 0 or wc < 0:
                    if entered:  # a triangle is convex: behind its last pixel of a row there is none
                        break
                    continue
                entered = True
                if (wa == 0 and not keep_a) or (wb == 0 and not keep_b) or (wc == 0 and not keep_c):
                    continue
                vb, vc = wb * scale, wc * scale
                z = depth[a] + vb * (depth[b] - depth[a]) + vc * (depth[c] - depth[a])
                if z < nearest[j, i]:
                    nearest[j, i] = z
                    owner[j, i] = t
                    bary[j, i, 0] = vb
                    bary[j, i, 1] = vc


@compiled
def sample_marked(
    points: np.ndarray, triangles: np.ndarray, number: np.ndarray, places: np.ndarray, owner: np.ndarray, bary: np.ndarray
) -> None:
    """Find the triangle at several places within each marked pixel.

    points (V, 2) float64 as in rasterize_rows; triangles (F, 3) uint32; number (H, W) int32 row of each marked pixel in owner and bary, -1
    for all others; places (S, 2) float64, pixels from a pixel's centre, each less than half a pixel. Written: owner (M, S) int32, filled
    with -1: the lowest-numbered triangle there; bary (M, S, 2) float32, weights of its second and third corner.
    """
    height, width = number.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = points[a, 0], points[a, 1]
        bx, by = points[b, 0] - ax, points[b, 1] - ay
        cx, cy = points[c, 0] - ax, points[c, 1] - ay
        double_area = bx * cy - by * cx
        if not abs(double_area) > 1e-12:
            continue
        top, bottom = max(0, int(np.ceil(ay + min(0.0, by, cy) - 1))), min(height - 1, int(np.floor(ay + max(0.0, by, cy))))
        left, right = max(0, int(np.ceil(ax + min(0.0, bx, cx) - 1))), min(width - 1, int(np.floor(ax + max(0.0, bx, cx))))
        for j in range(top, bottom + 1):
            for i in range(left, right + 1):
                m = number[j, i]
                if m < 0:
                    continue
                for s in range(len(places)):
                    x, y = i + 0.5 + places[s, 0] - ax, j + 0.5 + places[s, 1] - ay
                    v, w = (x * cy - y * cx) / double_area, (bx * y - by * x) / double_area
                    if owner[m, s] < 0 and v >= 0 and w >= 0 and v + w <= 1:
                        owner[m, s] = t
                        bary[m, s, 0], bary[m, s, 1] = v, w

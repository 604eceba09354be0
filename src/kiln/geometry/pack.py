"""Laying charts into a square atlas, as large as they can be.

A chart is a shape on a grid of cells (2 texels at 2048): the cells that come within half the padding of it. Shapes that share no cell
are a full padding apart. The largest goes first, each to the lowest place where it fits in any of several turns, holes included; the scale is
then searched so that the atlas is just full.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int64

from kiln.geometry.charts import Charts, rim_edges
from kiln.kernels.pack import place_shapes, shape_runs

_GRID = 1024
"""Cells on a side, at most. Rounding charts out to cells costs about half a cell around each: at 512, 3 % of the atlas more than at 1024."""

_TURNS = np.radians([0, 90, 180, 270, 45, 135, 225, 315])
"""Tried for each chart, from the turn in which its bounding box is smallest."""

_TRIES = 6
"""Scales tried."""


class _Shapes:
    """Charts sorted for the kernels, each turned so that its bounding box is smallest."""

    def __init__(self, charts: Charts) -> None:
        by_chart = np.argsort(charts.chart, kind="stable")
        rim, owner = rim_edges(charts.triangles)
        by_rim = np.argsort(charts.chart[owner], kind="stable")
        edges = np.arange(charts.count + 1)
        self.count = charts.count
        self.triangles = charts.triangles[by_chart]
        self.triangle_start = np.searchsorted(charts.chart[by_chart], edges)
        self.rim = rim[by_rim]
        self.rim_start = np.searchsorted(charts.chart[owner][by_rim], edges)
        self.vertex_chart = charts.vertex_chart
        self.points = _turned(charts.points, -self._box_angles(charts.points)[self.vertex_chart])

    def _box_angles(self, points: Float64[np.ndarray, "corners 2"]) -> Float64[np.ndarray, " charts"]:
        outlines = (points[self.rim[a:b, 0]] for a, b in zip(self.rim_start, self.rim_start[1:], strict=False))
        return np.radians([cv2.minAreaRect((outline / max(np.ptp(outline), 1e-30)).astype(np.float32))[2] for outline in outlines])

    def lowest(self, points: Float64[np.ndarray, "corners 2"]) -> Float64[np.ndarray, "charts 2"]:
        """The lower corner of each chart's bounding box."""
        low = np.full((self.count, 2), np.inf)
        np.minimum.at(low, self.vertex_chart, points)
        return low


def _turned(points: Float64[np.ndarray, "corners 2"], angles: Float64[np.ndarray, " corners"] | float) -> Float64[np.ndarray, "corners 2"]:
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([cos * points[:, 0] - sin * points[:, 1], sin * points[:, 0] + cos * points[:, 1]], axis=1)


def _placed(shapes: _Shapes, scale: float, radius: float, cells: int) -> tuple[Float64[np.ndarray, "corners 2"], float]:
    """Where the chart vertices come to lie at this scale (cells a metre), in cells; and the height that takes, at most twice the width."""
    turned = [_turned(shapes.points * scale, turn) for turn in _TURNS]
    turned = [points - shapes.lowest(points)[shapes.vertex_chart] + radius for points in turned]
    made = [shape_runs(p, shapes.triangles, shapes.triangle_start, shapes.rim, shapes.rim_start, radius) for p in turned]
    offsets = np.cumsum([0] + [len(runs) for runs, _, _ in made])
    start = np.concatenate([s[:-1] + o for (_, s, _), o in zip(made, offsets, strict=False)] + [offsets[-1:]])
    extents = np.concatenate([e for _, _, e in made])
    size = np.bincount(shapes.vertex_chart, minlength=shapes.count) * 0 + extents[: shapes.count].max(axis=1)
    free = np.tile(np.arange(cells, 0, -1, dtype=np.int32), (2 * cells, 1))
    placed = np.zeros((shapes.count, 3), np.int32)
    order = np.argsort(-size, kind="stable")
    height = place_shapes(order, len(_TURNS), np.concatenate([r for r, _, _ in made]), start, extents, free, placed)
    at = placed[shapes.vertex_chart]
    points = np.stack(turned)[at[:, 0], np.arange(len(at))] + at[:, 1:]
    return points, float(height) if height >= 0 else np.inf


def pack(charts: Charts, *, size: int, padding: int) -> Float32[np.ndarray, "corners 2"]:
    """UVs (origin top-left) of the chart vertices in a size x size atlas, all charts at one scale, padding texels apart.

    The gap between charts is at least padding texels, and half of it to the atlas's border.
    """
    cells = min(size, _GRID)
    radius = 0.5 * padding * cells / size
    shapes = _Shapes(charts)
    area = _total_area(shapes)
    fits: tuple[float, Float64[np.ndarray, "corners 2"]] | None = None
    low, high = 0.0, np.inf
    scale = cells * np.sqrt(0.6 / area)
    for _ in range(_TRIES):
        points, height = _placed(shapes, scale, radius, cells)
        if height <= cells:
            low, fits = scale, (scale, points)
        else:
            high = scale
        guess = scale * np.sqrt(cells / height) if np.isfinite(height) else 0.8 * scale
        inside = low < guess < high
        scale = guess if inside else 0.5 * (low + high) if np.isfinite(high) else 1.02 * low
    while fits is None:
        scale *= 0.9
        points, height = _placed(shapes, scale, radius, cells)
        fits = (scale, points) if height <= cells else None
    uvs = fits[1] / cells
    return np.stack([uvs[:, 0], 1 - uvs[:, 1]], axis=1).astype(np.float32)


def _total_area(shapes: _Shapes) -> float:
    a, b, c = (shapes.points[shapes.triangles[:, k]] for k in range(3))
    return float(0.5 * np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])).sum())

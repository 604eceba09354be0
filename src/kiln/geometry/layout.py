"""Charts while they are being cut, joined and laid flat, and what can be wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt32

from kiln.asset import Mesh
from kiln.geometry.flatten import as_rigid_as_possible, lying_triangles, stretches
from kiln.geometry.seams import InnerEdges
from kiln.geometry.vectors import face_vectors, unit_vectors
from kiln.kernels.overlap import mark_doubled

_CELLS = 350_000
"""Cells over all charts, for finding overlaps: an eighth of the texels an atlas of 2048 has on them. The finished atlas is checked
whole."""


@dataclass(eq=False)
class Layout:
    """A workbench: edges are joined and cut, corners move. Everything else follows from these two."""

    edges: InnerEdges
    lying: Float64[np.ndarray, "triangles 3 2"]
    """Each triangle undeformed in a plane of its own."""

    areas: Float64[np.ndarray, " triangles"]
    """In space, square metres."""

    crease_cosines: Float64[np.ndarray, " edges"]
    """Of the angle between the normals of the two triangles at each edge."""

    joined: Bool[np.ndarray, " edges"]
    corners: Float64[np.ndarray, "triangles 3 2"]
    """Where each triangle's corners lie, metres, y up."""

    def charts(self) -> Int64[np.ndarray, " triangles"]:
        """The chart of each triangle, 0 to count - 1."""
        return self.edges.charts(self.joined)

    def everything(self) -> Selection:
        """All triangles, grouped by chart."""
        chart = self.charts()
        return Selection(self, np.arange(len(chart)), chart, int(chart.max(initial=-1)) + 1)

    def relax(self, triangles: Int64[np.ndarray, " some"]) -> None:
        """Lay these triangles, whole charts of them, flat anew, from where their corners lie."""
        vertex = self.edges.chart_vertices(self.joined).reshape(-1, 3)[triangles]
        used, local = np.unique(vertex, return_inverse=True)
        local = local.reshape(-1, 3)
        uses = np.bincount(local.ravel(), minlength=len(used))
        start = np.stack([np.bincount(local.ravel(), self.corners[triangles, :, k].ravel(), len(used)) / uses for k in range(2)], axis=1)
        self.corners[triangles] = as_rigid_as_possible(self.lying[triangles], local.astype(np.uint32), start)[local]


def new_layout(mesh: Mesh, edges: InnerEdges, joined: Bool[np.ndarray, " edges"], corners: Float64[np.ndarray, "triangles 3 2"]) -> Layout:
    """The layout of charts that are given by their joined edges and a first flat place of every corner, relaxed."""
    lying = lying_triangles(mesh.positions.astype(np.float64), mesh.triangles)
    areas = lying[:, 1, 0] * lying[:, 2, 1] / 2
    normals = unit_vectors(face_vectors(mesh))[edges.triangles]
    cosines = np.einsum("ek,ek->e", normals[:, 0], normals[:, 1])
    layout = Layout(edges=edges, lying=lying, areas=areas, crease_cosines=cosines, joined=joined.copy(), corners=corners.copy())
    layout.relax(np.arange(len(areas)))
    return layout


@dataclass(frozen=True, eq=False)
class Selection:
    """Some triangles of a layout, in groups numbered from 0; a group is a chart, or two that are being joined."""

    layout: Layout
    triangles: Int64[np.ndarray, " some"]
    group: Int64[np.ndarray, " some"]
    count: int

    def sums(self, values: Float64[np.ndarray, " some"] | Bool[np.ndarray, " some"]) -> Float64[np.ndarray, " groups"]:
        """Sum of a value over each group's triangles."""
        return np.bincount(self.group, values, self.count)

    @property
    def area(self) -> Float64[np.ndarray, " some"]:
        """Each triangle's area in space, square metres."""
        return self.layout.areas[self.triangles]

    @property
    def stretch(self) -> Float64[np.ndarray, "some 2"]:
        """Each triangle's largest and smallest stretch; the latter negative when it lies flipped."""
        return stretches(self.layout.lying[self.triangles], self.layout.corners[self.triangles])

    def sorted(
        self, chosen: Bool[np.ndarray, "some 3"] | None = None
    ) -> tuple[Float64[np.ndarray, "points 2"], Int64[np.ndarray, " ends"]]:
        """The triangles' corners, or those of them that are chosen, sorted by group, and where each group starts."""
        group, points = np.repeat(self.group, 3), self.layout.corners[self.triangles].reshape(-1, 2)
        if chosen is not None:
            group, points = group[chosen.ravel()], points[chosen.ravel()]
        order = np.argsort(group, kind="stable")
        return points[order], np.searchsorted(group[order], np.arange(self.count + 1))

    def on_rim(self) -> Bool[np.ndarray, "some 3"]:
        """Which of the triangles' corners end an edge where their group ends; each vertex there has such a corner."""
        edges, group = self.layout.edges, np.full(self.layout.edges.triangle_count, -1)
        group[self.triangles] = self.group
        sides = group[edges.triangles]
        inner = self.layout.joined & (sides[:, 0] == sides[:, 1])
        rim = np.ones((edges.triangle_count, 3), bool)
        for side in range(2):
            rim.reshape(-1)[edges.corners[inner, side, side]] = False
        rim = rim[self.triangles]
        return rim | np.roll(rim, 1, axis=1)


def flipped(some: Selection) -> Bool[np.ndarray, " groups"]:
    """Which groups hold a triangle that lies face down or has no area."""
    return some.sums(some.stretch[:, 1] <= 1e-6) > 0


def overlapping(some: Selection) -> Bool[np.ndarray, " groups"]:
    """Which groups lie over themselves somewhere."""
    return some.sums(doubled(some, cells=_CELLS)) > 0


def doubled(some: Selection, *, cells: int) -> Bool[np.ndarray, " some"]:
    """Which triangles lie over an earlier one of their group, seen with so many cells to the whole surface."""
    scale = np.sqrt(cells / max(some.layout.areas.sum(), 1e-300))
    return doubled_triangles(some.layout.corners[some.triangles] * scale, some.group)


def doubled_triangles(corners: Float64[np.ndarray, "some 3 2"], group: Int64[np.ndarray, " some"]) -> Bool[np.ndarray, " some"]:
    """Which triangles have a cell's centre strictly inside them that lies inside an earlier one of the same group too; corners in cells."""
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group[order], np.arange(int(group.max(initial=-1)) + 2))
    found = np.zeros(len(order), np.uint8)
    mark_doubled(np.ascontiguousarray(corners[order]), start, found)
    result = np.zeros(len(order), bool)
    result[order] = found > 0
    return result


def covered_share(uvs: Float32[np.ndarray, "vertices 2"], triangles: UInt32[np.ndarray, "triangles 3"], *, size: int) -> float:
    """The share of an atlas's texels whose centre lies strictly inside a triangle."""
    corners = uvs.astype(np.float64)[triangles] * size
    return mark_doubled(corners, np.array([0, len(corners)]), np.zeros(len(corners), np.uint8)) / size**2


def density_variation(some: Selection) -> Float64[np.ndarray, " groups"]:
    """Standard deviation of texel density over its mean, by area, in each group."""
    stretch, area = some.stretch, some.area
    density = np.sqrt(np.maximum(stretch[:, 0] * stretch[:, 1], 0))
    total = np.maximum(some.sums(area), 1e-300)
    mean = some.sums(area * density) / total
    return np.sqrt(np.maximum(some.sums(area * density**2) / total - mean**2, 0)) / np.maximum(mean, 1e-300)


def sheared_share(some: Selection, ratio: float) -> Float64[np.ndarray, " groups"]:
    """Share of each group's area where the largest stretch is more than ratio times the smallest."""
    stretch, area = some.stretch, some.area
    return some.sums(area * (stretch[:, 0] > ratio * stretch[:, 1])) / np.maximum(some.sums(area), 1e-300)


def boxes(some: Selection) -> Float64[np.ndarray, "groups 2"]:
    """Longer and shorter side of each group's smallest bounding rectangle, turned any way, metres; 0 for a group without a border."""
    points, starts = some.sorted(some.on_rim())
    full = np.diff(starts) > 0
    first, each = starts[:-1][full], np.diff(starts)[full]
    sides = np.zeros((some.count, 2))
    if len(first):
        low, high = np.minimum.reduceat(points, first), np.maximum.reduceat(points, first)
        extent = np.maximum((high - low).max(axis=1), 1e-30)
        scaled = ((points - np.repeat(low, each, axis=0)) / np.repeat(extent, each)[:, None]).astype(np.float32)
        sides[full] = [cv2.minAreaRect(scaled[a:b])[1] for a, b in zip(first.tolist(), (first + each).tolist(), strict=True)]
        sides[full] *= extent[:, None]
    return np.sort(sides, axis=1)[:, ::-1]


def widths(some: Selection) -> Float64[np.ndarray, " groups"]:
    """How wide each group is, metres: its area over the longer side of its bounding rectangle, so that a bent strip is thin, too."""
    return some.sums(some.area) / np.maximum(boxes(some)[:, 0], 1e-300)


def box_fill(some: Selection) -> Float64[np.ndarray, " groups"]:
    """Share of its smallest bounding rectangle, turned any way, that each group fills."""
    return some.sums(some.area) / np.maximum(boxes(some).prod(axis=1), 1e-300)


def lengths(some: Selection) -> Float64[np.ndarray, " groups"]:
    """How far each group reaches along its main direction, metres."""
    corners, starts = some.sorted()
    points = corners @ (1, 1j)
    first, each = starts[:-1], np.diff(starts)
    points -= np.repeat(np.add.reduceat(points, first) / each, each)
    along = (points * np.repeat(np.exp(-0.5j * np.angle(np.add.reduceat(points**2, first))), each)).real
    return np.asarray(np.maximum.reduceat(along, first) - np.minimum.reduceat(along, first))

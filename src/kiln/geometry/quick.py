"""A preview of a simplified mesh, fast enough for a slider: vertices clustered on a grid, and the clusters collapsed to the budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64, Int64, Shaped, UInt8
from scipy.spatial import cKDTree

from kiln.asset import Mesh
from kiln.geometry.reduce import reduced, without_fins
from kiln.geometry.topology import has_repeated_corner
from kiln.kernels.cluster import AREA, COLUMNS, NORMAL, add_cluster_sums
from kiln.kernels.weld import equal_rows

_SPARED = (20_000, 30_000)
"""Triangles that collapsing one by one spares beyond the budget, in 0.1 s, least and most; the grid does the rest."""

_MORE = 2.0
"""Times the budget that it spares, between those."""

_TRIES = 3
"""Of finding the grid, 10 ms each at 500k triangles; the last one is usually within 2 % of what was wanted."""

_TWO_SIDED = 0.5
"""A cluster whose normals add up to less than this share of their lengths holds both sides of a thin part, and is cut in two."""

_ANCHOR = 1e-3
"""Pull of a cluster's point to its middle, relative to its planes (Lindstrom 2000 cuts singular values off at the same share)."""


_SPECK = 12
"""Triangles of a part that only clustering made: bubbles of two to six cells, where sheets that met came apart."""


def preview(mesh: Mesh, *, triangles: int) -> Mesh:
    """About the mesh's shape in at most this many triangles, with its colours: 500k triangles to 10k in 0.25 s.

    One vertex a point, manifold, nothing degenerate. Vertices in one cell of a grid become one, where the planes around them meet best
    (Rossignac and Borrel 1993, Lindstrom 2000), and about twice the budget that way; edge collapse does the rest. Parts thinner than a
    cell keep both sides, though not always their holes.
    """
    if mesh.triangle_count <= triangles:
        return mesh
    clusters, count = _cells(mesh, wanted=_wanted(triangles))
    middles, sums = _sums(mesh, clusters, count)
    clusters, count = equal_rows(np.stack([clusters, _sides(mesh, clusters, middles, sums)], axis=1))
    middles, sums = _sums(mesh, clusters, count)
    faces = without_fins(clusters.astype(np.int32)[mesh.triangles])
    made = reduced(_places(middles, sums), faces, triangles=triangles, specks=_SPECK)
    if mesh.colors is None or made.triangle_count == 0:
        return made
    nearest = cKDTree(middles, balanced_tree=False, compact_nodes=False).query(made.positions)[1]
    return replace(made, colors=_colors(mesh.colors, clusters, count)[nearest])


def _wanted(budget: int) -> int:
    """How many triangles the grid should leave for this budget."""
    return budget + int(np.clip(_MORE * budget, *_SPARED))


def _cells(mesh: Mesh, *, wanted: int) -> tuple[Int64[np.ndarray, " vertices"], int]:
    """The grid's cell that each vertex lies in, cells numbered in order of appearance, and how many there are: as fine as needed to
    leave about the wanted number of triangles.
    """
    low = mesh.bounds[0]
    cells = np.sqrt(wanted) / 2  # on the diagonal; a sphere would need a third more
    for _ in range(_TRIES):
        scale = np.float32(cells / max(mesh.diagonal, 1e-30))
        clusters, count = equal_rows(((mesh.positions - low) * scale).astype(np.int32))
        left = int((~has_repeated_corner(clusters.astype(np.int32)[mesh.triangles])).sum())
        cells *= np.sqrt(wanted / max(left, 1))
    return clusters, count


def _sums(
    mesh: Mesh, clusters: Int64[np.ndarray, " vertices"], count: int
) -> tuple[Float64[np.ndarray, "count 3"], Float64[np.ndarray, "count sums"]]:
    """The middle of each cluster's vertices, and the sums over the triangles at them."""
    middles = _means(clusters, count, mesh.positions)
    sums = np.zeros((count, COLUMNS))
    add_cluster_sums(mesh.positions, mesh.triangles, clusters, middles, sums)
    return middles, sums


def _means(clusters: Int64[np.ndarray, " n"], count: int, values: Shaped[np.ndarray, "n k"]) -> Float64[np.ndarray, "count k"]:
    """The mean of each cluster's rows of values."""
    sizes = np.bincount(clusters, minlength=count)
    return np.stack([np.bincount(clusters, column, minlength=count) / sizes for column in values.T], axis=1)


def _sides(
    mesh: Mesh, clusters: Int64[np.ndarray, " vertices"], middles: Float64[np.ndarray, "count 3"], sums: Float64[np.ndarray, "count sums"]
) -> Int64[np.ndarray, " vertices"]:
    """1 for vertices on the upper side of a cluster that holds both sides of a thin part, 0 for all others.

    The sides lie apart along the direction that most of the cluster's triangles face, forwards or backwards.
    """
    facing = np.linalg.norm(sums[:, NORMAL:AREA], axis=1)
    thin = np.flatnonzero(facing < _TWO_SIDED * sums[:, AREA])
    across = np.zeros_like(middles)
    across[thin] = np.linalg.eigh(_matrices(sums[thin]))[1][:, :, 2]
    heights = np.einsum("nk,nk->n", mesh.positions - middles[clusters], across[clusters])
    return (heights > 0).astype(np.int64)


def _places(middles: Float64[np.ndarray, "count 3"], sums: Float64[np.ndarray, "count sums"]) -> Float32[np.ndarray, "count 3"]:
    """Where the planes of each cluster meet best, no farther from its middle than its own size; where that is, the middle."""
    matrices = _matrices(sums)
    trace = np.einsum("nkk->n", matrices)
    anchored = matrices + (_ANCHOR * trace + 1e-300)[:, None, None] * np.eye(3)
    moves = np.linalg.solve(anchored, -sums[:, 6:9, None])[:, :, 0]
    return (middles + moves).astype(np.float32)


def _matrices(sums: Float64[np.ndarray, "n sums"]) -> Float64[np.ndarray, "n 3 3"]:
    """The symmetric matrices of quadrics."""
    return sums[:, [[0, 1, 2], [1, 3, 4], [2, 4, 5]]]


def _colors(colors: UInt8[np.ndarray, "vertices 4"], clusters: Int64[np.ndarray, " vertices"], count: int) -> UInt8[np.ndarray, "count 4"]:
    """The mean of each cluster's colours, encoded as they are: for a preview, linear light is not worth its 20 ms."""
    return (_means(clusters, count, colors) + 0.5).astype(np.uint8)

"""Taking surfaces apart where more than two triangles meet at an edge."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from kiln.geometry.topology import Edges, find_edges, next_corners
from kiln.kernels.topology import NON_MANIFOLD, join_pairs, number_sets, pair_crowded
from kiln.kernels.weld import equal_rows

_APART = 1e-5
"""How far sheets that touched along an edge are moved apart, as a share of the diagonal: a hundred times float32's rounding, and far less
than a texel."""


_ROUNDS = 4
"""Of cutting doubled edges: a triangle is cut once a round, and has three edges."""


def split_non_manifold(
    edges: Edges, positions: Float32[np.ndarray, "points 3"]
) -> tuple[Int32[np.ndarray, "triangles 3"], Int32[np.ndarray, " split"]]:
    """The same triangles over more points, so that sheets which merely touch come apart; and each new point's old one.

    At an edge of more than two triangles those that enclose the narrowest solid stay together; a triangle without a partner gets an open
    edge (cutting, then stitching: Guéziec et al. 2001). New points lie where the old ones lay.
    """
    return _split(edges, *_partners(edges, positions))


def split_inconsistent(edges: Edges) -> tuple[Int32[np.ndarray, "triangles 3"], Int32[np.ndarray, " split"]]:
    """The same triangles over more points, cut open along edges whose two triangles run the same way; and each new point's old one."""
    first = np.flatnonzero(edges.twins > np.arange(len(edges.twins))).astype(np.int32)
    second = edges.twins[first]
    agree = edges.starts[first] == edges.stops[second]
    return _split(edges, first[agree], second[agree])


def _split(
    edges: Edges, first: Int32[np.ndarray, " pairs"], second: Int32[np.ndarray, " pairs"]
) -> tuple[Int32[np.ndarray, "triangles 3"], Int32[np.ndarray, " split"]]:
    """The triangles over as many points as there are sets of corners that pairs of half-edges hold together, and each one's old point."""
    opposite = edges.starts[first] == edges.stops[second]
    parents = np.arange(edges.triangles.size, dtype=np.int32)
    join_pairs(parents, first, np.where(opposite, next_corners(second), second))
    join_pairs(parents, next_corners(first), np.where(opposite, second, next_corners(second)))
    labels = np.empty(len(parents), np.int32)
    origin = np.empty(number_sets(parents, labels), np.int32)
    origin[labels] = edges.starts
    return labels.reshape(-1, 3), origin


def _partners(edges: Edges, positions: Float32[np.ndarray, "points 3"]) -> tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]]:
    """Pairs of half-edges that belong together across an edge: twins, and at crowded edges the narrowest solids."""
    twinned = np.flatnonzero(edges.twins > np.arange(len(edges.twins))).astype(np.int32)
    pairs = np.stack([twinned, edges.twins[twinned]], axis=1)
    if edges.non_manifold_count:
        pairs = np.concatenate([pairs, _pair_crowded(edges, positions.astype(np.float64))])
    return pairs[:, 0], pairs[:, 1]


def _pair_crowded(edges: Edges, positions: Float64[np.ndarray, "points 3"]) -> Int32[np.ndarray, "pairs 2"]:
    """Pairs of opposite half-edges at edges of more than two triangles."""
    crowded = edges.order[edges.twins[edges.order] == NON_MANIFOLD]
    low = np.minimum(edges.starts[crowded], edges.stops[crowded])
    high = np.maximum(edges.starts[crowded], edges.stops[crowded])
    begins = np.flatnonzero((np.diff(low, prepend=-1) != 0) | (np.diff(high, prepend=-1) != 0))
    pairs = np.empty((len(crowded), 2), np.int32)
    return pairs[: pair_crowded(positions, edges.triangles, crowded, np.append(begins, len(crowded)), pairs)]


def part_doubled_edges(
    points: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"]
) -> tuple[Float32[np.ndarray, "more 3"], Int32[np.ndarray, "more_triangles 3"]]:
    """The surface with a middle point on every further edge between two points that an edge joins already.

    Such edges are left when sheets meet at an edge and go on together at both its ends, so that no point can be split; decimation makes
    them of thin bridges. Triangles given first stay in place, new ones follow.
    """
    for _ in range(_ROUNDS):
        edges = find_edges(faces, point_count=len(points))
        if not edges.non_manifold_count:
            break
        points, faces = _with_middles(edges, points, faces)
    return points, faces


def _with_middles(
    edges: Edges, points: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"]
) -> tuple[Float32[np.ndarray, "more 3"], Int32[np.ndarray, "more_triangles 3"]]:
    """One round: of the edges between the same points all but the first are cut, each triangle at most once."""
    cut = faces.copy()
    added: list[tuple[int, int, int]] = []
    middles: list[np.ndarray] = []
    joined: set[tuple[int, int]] = set()
    touched: set[int] = set()
    pairs = _pair_crowded(edges, points.astype(np.float64))
    alone = np.setdiff1d(np.flatnonzero(edges.twins == NON_MANIFOLD), pairs)
    for pair in (*pairs.tolist(), *([half] for half in alone.tolist())):
        a, b = int(edges.starts[pair[0]]), int(edges.stops[pair[0]])
        edge, sides = (min(a, b), max(a, b)), {half // 3 for half in pair}
        if edge not in joined or touched & sides:
            joined.add(edge)
            continue
        touched |= sides
        middle = len(points) + len(middles)
        middles.append((points[a] + points[b]) / 2)
        for triangle, corner in (divmod(half, 3) for half in pair):
            start, stop, tip = np.roll(faces[triangle], -corner).tolist()
            cut[triangle] = start, middle, tip
            added.append((middle, stop, tip))
    if not added:
        return points, faces
    return np.concatenate([points, np.array(middles, np.float32)]), np.concatenate([cut, np.array(added, np.int32)])


def crowded_points(edges: Edges) -> Bool[np.ndarray, " points"]:
    """Which points lie on an edge of more than two triangles."""
    crowded = np.zeros(edges.point_count, bool)
    meeting = edges.twins == NON_MANIFOLD
    crowded[edges.starts[meeting]] = crowded[edges.stops[meeting]] = True
    return crowded


def moved_apart(
    positions: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"], move: Bool[np.ndarray, " points"]
) -> Float32[np.ndarray, "points 3"]:
    """Positions with the points to move brought a tiny step nearer to the middle of the triangles around them.

    Sheets whose points are different ones at the same place then no longer share edges, however they are welded by position. Of points
    at one place each goes a step farther than the one before: sheets that lie on each other have the same middles.
    """
    exact = positions.astype(np.float64)
    step = _APART * float(np.linalg.norm(np.ptp(exact, axis=0)))
    middles = exact[faces].mean(axis=1)
    corners = faces.reshape(-1)
    counts = np.maximum(np.bincount(corners, minlength=len(exact)), 1)
    towards = [np.bincount(corners, np.repeat(middles[:, axis], 3), minlength=len(exact)) / counts for axis in range(3)]
    way = np.stack(towards, axis=1) - exact
    length = np.linalg.norm(way, axis=1, keepdims=True)
    steps = step * (1 + _ranks(positions))[:, None]
    shift = way / np.maximum(length, 1e-300) * np.minimum(steps, length / 4)
    return np.where(move[:, None], exact + shift, exact).astype(np.float32)


def _ranks(positions: Float32[np.ndarray, "points 3"]) -> Int64[np.ndarray, " points"]:
    """How many earlier points lie at the place of each one."""
    places, _ = equal_rows(positions)
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[order], prepend=-1))
    ranks = np.empty(len(places), np.int64)
    ranks[order] = np.arange(len(places)) - np.repeat(starts, np.diff(starts, append=len(places)))
    return ranks

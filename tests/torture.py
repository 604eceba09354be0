"""Meshes as broken as generators, scanners and editors make them, each made on the spot: the set that repair and simplify are held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kiln.asset import Mesh
from shapes import cube, mesh, sphere, tetrahedron

Broken = Callable[[], Mesh]


def together(*parts: Mesh) -> Mesh:
    offsets = np.cumsum([0, *(part.vertex_count for part in parts)])
    triangles = [part.triangles + np.uint32(offset) for part, offset in zip(parts, offsets, strict=False)]
    return mesh(np.concatenate([part.positions for part in parts]), np.concatenate(triangles))


def shifted(solid: Mesh, *offset: float) -> Mesh:
    return solid.moved(offset=np.array(offset, np.float32))


def inside_out(solid: Mesh) -> Mesh:
    return replace(solid, triangles=solid.triangles[:, ::-1])


def grid(columns: int, rows: int, *, width: float = 1.0, height: float = 1.0) -> Mesh:
    """A sheet in the plane z = 0, looking to +Z."""
    x, y = np.meshgrid(np.linspace(0, width, columns + 1), np.linspace(0, height, rows + 1), indexing="ij")
    at = lambda i, j: i * (rows + 1) + j  # noqa: E731
    quads = [(at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)) for i in range(columns) for j in range(rows)]
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    return mesh(points, [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def soup_of(solid: Mesh) -> Mesh:
    """Every triangle with vertices of its own."""
    return mesh(solid.positions[solid.triangles].reshape(-1, 3), np.arange(solid.triangles.size).reshape(-1, 3))


def pierced(share: float, solid: Mesh | None = None) -> Mesh:
    solid = solid or sphere(32, 64)
    return solid.take_triangles(np.random.default_rng(0).random(solid.triangle_count) >= share)


def with_triangles(solid: Mesh, *more: tuple[int, int, int]) -> Mesh:
    return replace(solid, triangles=np.concatenate([solid.triangles, np.array(more, np.uint32)]))


def fins() -> Mesh:
    """Triangles that stand on edges of a ball: edges of three triangles."""
    ball = sphere(12, 24)
    rows = np.arange(0, ball.triangle_count, 11)
    tips = ball.positions[ball.triangles[rows]].mean(axis=1) * 1.4
    points = np.concatenate([ball.positions, tips])
    more = [(*ball.triangles[row, :2].tolist(), ball.vertex_count + i) for i, row in enumerate(rows)]
    return with_triangles(mesh(points, ball.triangles), *more)


def half_inverted() -> Mesh:
    ball = sphere()
    triangles = ball.triangles.copy()
    triangles[::3] = triangles[::3, ::-1]
    return replace(ball, triangles=triangles)


def one_inverted() -> Mesh:
    ball = cube()
    triangles = ball.triangles.copy()
    triangles[5] = triangles[5, ::-1]
    return replace(ball, triangles=triangles)


def inverted_part() -> Mesh:
    return together(sphere(), inside_out(shifted(sphere(), 3, 0, 0)), inside_out(shifted(cube(), 0, 3, 0)))


def slivers() -> Mesh:
    """A cube whose faces are fans about points on an edge: needles, and triangles without any area."""
    solid = cube()
    a, b, c = solid.triangles[0]
    line = np.linspace(solid.positions[a], solid.positions[b], 12)[1:-1]
    points = np.concatenate([solid.positions, line, line + np.array([0, 0, 1e-9], np.float32)])
    chain = [int(a), *range(8, 18), int(b)]
    fan = [(chain[i], chain[i + 1], int(c)) for i in range(11)]
    flat = [(chain[i], chain[i + 1], 18 + i) for i in range(9)]
    return mesh(points, [*solid.triangles[1:].tolist(), *fan, *flat])


def specks() -> Mesh:
    rng = np.random.default_rng(3)
    return together(sphere(), *(shifted(tetrahedron().moved(scale=0.002), *place) for place in rng.uniform(-2, 2, (40, 3))))


def crossing(count: int = 2) -> Mesh:
    return together(*(shifted(sphere(24, 48), 0.7 * i, 0.1 * i, 0) for i in range(count)))


def crossing_soup() -> Mesh:
    """Triangles of the same solid, each wound at random, jittered and crossing its neighbours."""
    ball = sphere(24, 48)
    rng = np.random.default_rng(5)
    corners = ball.positions[ball.triangles] + rng.normal(scale=0.01, size=(ball.triangle_count, 3, 3))
    turned = rng.random(ball.triangle_count) < 0.5
    corners[turned] = corners[turned, ::-1]
    return mesh(corners.reshape(-1, 3), np.arange(ball.triangles.size).reshape(-1, 3))


def nested_shells() -> Mesh:
    return together(sphere(), *(sphere(radius=r) for r in (0.9, 0.7, 0.5)), inside_out(sphere(radius=0.3)))


def many_parts(side: int = 22, *, count: int = 10_000) -> Mesh:
    """Loose cubes on a grid."""
    spots = np.stack(np.meshgrid(*(np.arange(side),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:count]
    solid = cube(0.5)
    points = (solid.positions + spots[:, None]).reshape(-1, 3)
    return mesh(points, (solid.triangles + 8 * np.arange(len(spots), dtype=np.uint32)[:, None, None]).reshape(-1, 3))


def doubled() -> Mesh:
    ball = sphere()
    return replace(ball, triangles=np.concatenate([ball.triangles, ball.triangles, ball.triangles[::2, ::-1]]))


def t_junctions() -> Mesh:
    """A box whose front has four times as many squares as its sides: vertices in the middle of others' edges."""
    side = lambda n: grid(n, n)  # noqa: E731
    turn = lambda sheet, matrix, *offset: shifted(  # noqa: E731
        replace(sheet, positions=(sheet.positions @ np.array(matrix, np.float32).T)), *offset
    )
    back = ((-1, 0, 0), (0, 1, 0), (0, 0, -1))
    left, right = ((0, 0, -1), (0, 1, 0), (1, 0, 0)), ((0, 0, 1), (0, 1, 0), (-1, 0, 0))
    top, bottom = ((1, 0, 0), (0, 0, 1), (0, -1, 0)), ((1, 0, 0), (0, 0, -1), (0, 1, 0))
    return together(
        shifted(side(8), 0, 0, 1),
        turn(side(2), back, 1, 0, 0),
        turn(side(2), left, 0, 0, 0),
        turn(side(2), right, 1, 0, 1),
        turn(side(1), top, 0, 1, 1),
        turn(side(4), bottom, 0, 0, 0),
    )


def repeated_corners() -> Mesh:
    return with_triangles(cube(), (0, 0, 1), (2, 3, 3), (4, 4, 4))


def stray_vertices() -> Mesh:
    solid = cube()
    return mesh(np.concatenate([[(9, 9, 9)], solid.positions, [(-7, 0, 0)]]), solid.triangles + 1)


def zero_area() -> Mesh:
    solid = cube()
    points = np.concatenate([solid.positions, [solid.positions[0]], [(solid.positions[0] + solid.positions[1]) / 2]])
    return with_triangles(mesh(points, solid.triangles), (0, 8, 1), (0, 9, 1))


def moebius(segments: int = 48) -> Mesh:
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    points = []
    for s in (-0.3, 0.0, 0.3):
        r = 1 + s * np.cos(turn / 2)
        points.append(np.stack([r * np.cos(turn), s * np.sin(turn / 2), r * np.sin(turn)], axis=1))
    at = lambda i, k: (k if i < segments else 2 - k) * segments + i % segments  # noqa: E731
    quads = [(at(i, k), at(i + 1, k), at(i + 1, k + 1), at(i, k + 1)) for i in range(segments) for k in range(2)]
    return mesh(np.concatenate(points), [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def klein_bottle(n: int = 24, m: int = 12) -> Mesh:
    """The figure-8 immersion: closed, one-sided, crosses itself."""
    u, v = np.meshgrid(2 * np.pi * np.arange(n) / n, 2 * np.pi * np.arange(m) / m, indexing="ij")
    r = 2 + np.cos(u / 2) * np.sin(v + 0.1) - np.sin(u / 2) * np.sin(2 * (v + 0.1))
    h = np.sin(u / 2) * np.sin(v + 0.1) + np.cos(u / 2) * np.sin(2 * (v + 0.1))
    points = np.stack([r * np.cos(u), h, r * np.sin(u)], axis=-1).reshape(-1, 3)
    at = lambda i, j: (i * m + j % m) if i < n else (-j) % m  # noqa: E731
    quads = [(at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)) for i in range(n) for j in range(m)]
    return mesh(points, [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def hairball() -> Mesh:
    """2,000 large triangles through each other: no surface of anything."""
    corners = np.random.default_rng(9).normal(size=(2_000, 3, 3))
    return mesh(corners.reshape(-1, 3), np.arange(6_000).reshape(-1, 3))


def bowl() -> Mesh:
    ball = sphere(24, 48)
    return ball.take_triangles(ball.positions[ball.triangles].mean(axis=1)[:, 1] < 0)


def leaves() -> Mesh:
    """A hundred loose cards."""
    rng = np.random.default_rng(11)
    card = grid(1, 1, width=0.1, height=0.2)
    turned = [replace(card, positions=(card.positions @ np.linalg.qr(rng.normal(size=(3, 3)))[0].T).astype(np.float32)) for _ in range(100)]
    return together(*(shifted(each, *rng.uniform(-1, 1, 3)) for each in turned))


def rubble() -> Mesh:
    """Everything at once."""
    return together(fins(), shifted(pierced(0.1), 1.2, 0, 0), shifted(doubled(), 0, 1.3, 0), shifted(t_junctions(), -1.5, 0, 0), specks())


def dual_grid_like(segments: int) -> Mesh:
    """What a generator's dual grid leaves behind: a dense tube in a ring with faces missing and doubled, and a second wall inside."""
    ring, tube = 4 * segments, segments
    rng = np.random.default_rng(13)
    outer, inner = torus(ring, tube, 0.3), torus(ring, tube, 0.27)
    walls = together(outer.take_triangles(rng.random(outer.triangle_count) > 0.005), inside_out(inner))
    twice = walls.triangles[rng.random(walls.triangle_count) < 0.002]
    return replace(walls, triangles=np.concatenate([walls.triangles, twice]))


def torus(ring: int, tube: int, radius: float) -> Mesh:
    """A ring of radius 1 about the Y axis, `ring` segments around it, `tube` around its tube."""
    u, v = np.meshgrid(2 * np.pi * np.arange(ring) / ring, 2 * np.pi * np.arange(tube) / tube, indexing="ij")
    r = 1 + radius * np.cos(v)
    points = np.stack([r * np.sin(u), radius * np.sin(v), r * np.cos(u)], axis=-1).reshape(-1, 3)
    i, j = (each.reshape(-1) for each in np.meshgrid(np.arange(ring), np.arange(tube), indexing="ij"))
    at = lambda a, b: (a % ring) * tube + b % tube  # noqa: E731
    a, b, c, d = at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)
    return mesh(points, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]))


TORTURE: dict[str, Broken] = {
    "fins": fins,
    "two cubes share an edge": lambda: together(cube(), shifted(cube(), 1, 1, 0)),
    "two cubes share a vertex": lambda: together(cube(), shifted(cube(), 1, 1, 1)),
    "two cubes share a face": lambda: together(cube(), shifted(cube(), 1, 0, 0)),
    "a small hole": lambda: sphere().take_triangles(np.arange(960) != 500),
    "swiss cheese": lambda: pierced(0.05),
    "three tenths missing": lambda: pierced(0.3),
    "half missing": lambda: pierced(0.5),
    "half the triangles inverted": half_inverted,
    "one triangle inverted": one_inverted,
    "inverted parts": inverted_part,
    "inside out": lambda: inside_out(sphere()),
    "inner shells": nested_shells,
    "slivers": slivers,
    "specks": specks,
    "two balls cross": crossing,
    "eight balls cross": lambda: crossing(8),
    "jittered soup": crossing_soup,
    "soup": lambda: soup_of(sphere()),
    "half a soup": lambda: soup_of(pierced(0.3)),
    "a plane": lambda: grid(6, 6),
    "a single triangle": lambda: mesh([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1, 2)]),
    "a bowl": bowl,
    "a bowl inside out": lambda: inside_out(bowl()),
    "leaves": leaves,
    "10,000 parts": many_parts,
    "doubled faces": doubled,
    "T-junctions": t_junctions,
    "corners named twice": repeated_corners,
    "stray vertices": stray_vertices,
    "zero area": zero_area,
    "Moebius strip": moebius,
    "Klein bottle": klein_bottle,
    "hairball": hairball,
    "rubble": rubble,
    "a million metres wide": lambda: pierced(0.3).moved(scale=1e6, offset=np.array([1e6, 0, 0], np.float32)),
    "a micron wide": lambda: pierced(0.3).moved(scale=1e-6),
    "far from the origin": lambda: pierced(0.1).moved(offset=np.array([1e4, -1e4, 0], np.float32)),
    "a dual grid's leavings": lambda: dual_grid_like(24),
}
"""By name, for every kind of damage one small mesh."""


def colored(solid: Mesh) -> Mesh:
    """The mesh with vertex colours that follow position, so that they can be checked anywhere on it."""
    low, high = solid.bounds
    shade = 255 * (solid.positions - low) / np.maximum(high - low, 1e-9)
    return replace(solid, colors=np.concatenate([np.round(shade), np.full((len(shade), 1), 255)], axis=1).astype(np.uint8))


def textured(solid: Mesh) -> Mesh:
    """The mesh cut into one chart for each of three directions, UVs following position; a texture is `position_texture`'s."""
    corners = solid.positions[solid.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(normal).argmax(axis=1)
    low, high = solid.bounds
    unit = (corners - low) / np.maximum(high - low, 1e-9)
    u = np.take_along_axis(unit, ((axis + 1) % 3)[:, None, None], axis=2)[:, :, 0]
    v = np.take_along_axis(unit, ((axis + 2) % 3)[:, None, None], axis=2)[:, :, 0]
    uvs = np.stack([(axis[:, None] + 0.1 + 0.8 * u) / 3, 0.1 + 0.8 * v], axis=2).reshape(-1, 2)
    keys, index = np.unique(np.concatenate([solid.triangles.reshape(-1, 1), uvs], axis=1), axis=0, return_inverse=True)
    source = keys[:, 0].astype(np.int64)
    return mesh(solid.positions[source], index.reshape(-1, 3), uvs=keys[:, 1:].astype(np.float32))

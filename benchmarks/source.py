"""A dense source to process: a torus knot displaced with fine waves, in vertex colours, of an exact number of triangles.

usage: source.py OUT.ply TRIANGLES
"""

from __future__ import annotations

import sys
from pathlib import Path

import fast_simplification
import numpy as np
import trimesh


def write_source(path: Path, *, triangles: int, seed: int = 0) -> None:
    """Write a closed, bumpy, coloured torus knot of this many triangles as PLY."""
    rng = np.random.default_rng(seed)
    mesh = _knot()
    while len(mesh.faces) < 2 * triangles:
        mesh = mesh.subdivide()
    points = mesh.vertices - mesh.vertices.mean(axis=0)
    points /= np.ptp(points, axis=0).max()
    waves, phases = rng.normal(size=(40, 3)) * 60, rng.uniform(0, 2 * np.pi, 40)
    height = np.mean([np.sin(points @ wave + phase) for wave, phase in zip(waves, phases, strict=True)], axis=0)
    points = points + mesh.vertex_normals * (height * 0.006)[:, None]
    points, faces = fast_simplification.simplify(points.astype(np.float32), mesh.faces.astype(np.int32), target_count=triangles, agg=3)
    colors = 127 + 120 * np.stack([np.sin(points @ (rng.normal(size=3) * 12)) for _ in range(3)], axis=1)
    trimesh.Trimesh(points, faces, vertex_colors=colors.astype(np.uint8), process=False).export(path)


def _knot(around: int = 256, across: int = 48) -> trimesh.Trimesh:
    """A (2, 3) torus knot as a tube: one closed surface with concave and convex parts."""
    t = np.linspace(0, 2 * np.pi, around, endpoint=False)
    radius = 2 + np.cos(3 * t)
    centre = np.stack([radius * np.cos(2 * t), np.sin(3 * t) * 1.2, radius * np.sin(2 * t)], axis=1)
    along = np.roll(centre, -1, axis=0) - np.roll(centre, 1, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, (0, 1, 0))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, along)
    angle = np.linspace(0, 2 * np.pi, across, endpoint=False)[None, :, None]
    points = centre[:, None] + 0.45 * (np.cos(angle) * side[:, None] + np.sin(angle) * up[:, None])
    i, j = np.meshgrid(np.arange(around), np.arange(across), indexing="ij")
    at = lambda a, b: (a % around) * across + b % across  # noqa: E731
    quads = np.stack([at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)], axis=-1).reshape(-1, 4)
    mesh = trimesh.Trimesh(points.reshape(-1, 3), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), process=False)
    if mesh.volume < 0:
        mesh.invert()
    return mesh


if __name__ == "__main__":
    write_source(Path(sys.argv[1]), triangles=int(sys.argv[2]))

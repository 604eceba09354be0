"""Fakes: one deterministic backend a role, for tests and as the shortest example of a plugin."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from kiln.asset import Material, Mesh, Picture, Projection
from kiln.backends.card import Card, Options
from kiln.backends.roles import Generation, Hints, Matte, Progress


class FakeGeneratorOptions(Options):
    """What the fake generator lets one choose."""

    subdivisions: int = Field(8, ge=1, le=400, description="squares along each edge of the block")


class FakeCutter:
    """Takes the ellipse inscribed in the picture, or in the box it is given, for the subject."""

    def cut(self, picture: Picture, hints: Hints, options: Options, progress: Progress) -> Matte:  # noqa: ARG002 - the role's signature
        """An elliptic matte."""
        left, top, right, bottom = hints.box or (0.0, 0.0, float(picture.width), float(picture.height))
        x = (np.arange(picture.width) + 0.5 - (left + right) / 2) / max(right - left, 1e-6) * 2
        y = (np.arange(picture.height) + 0.5 - (top + bottom) / 2) / max(bottom - top, 1e-6) * 2
        inside = x[None, :] ** 2 + y[:, None] ** 2 < 1
        progress(1.0, "ellipse")
        return Matte(alpha=np.where(inside, 255, 0).astype(np.uint8), notes=("took the inscribed ellipse",))


class FakeGenerator:
    """Makes a block one metre tall, as wide as the picture, with the picture projected through it."""

    def generate(self, pictures: tuple[Picture, ...], options: FakeGeneratorOptions, progress: Progress) -> Generation:
        """A closed block: `12 * subdivisions**2` triangles."""
        front = pictures[0]
        positions, triangles = _block(options.subdivisions)
        uvs = np.stack([positions[:, 0] + 0.5, 0.5 - positions[:, 1]], axis=1).astype(np.float32)
        placed = (positions + np.array([0, 0.5, 0])) * (front.width / front.height, 1, 0.5)
        progress(1.0, "block")
        mesh = Mesh(
            positions=placed.astype(np.float32),
            triangles=triangles,
            projections=(Projection(pixels=front.pixels, uvs=uvs, weights=np.ones(len(uvs), np.float32)),),
        )
        return Generation(mesh=mesh, materials=(Material(roughness_factor=0.8, metallic_factor=0.0),), notes=("made a block",))


def _block(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """A unit cube about the origin whose faces are grids of cells x cells squares, welded: positions (V, 3) and triangles (F, 3)."""
    steps = np.linspace(-0.5, 0.5, cells + 1)
    u, v = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    squares = np.stack([corner, corner + cells + 1, corner + cells + 2, corner, corner + cells + 2, corner + 1], axis=1)
    points: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    for axis in range(3):
        for side in (-0.5, 0.5):
            sheet = np.insert(np.stack([u, v], axis=1), axis, side, axis=1)
            # (u, v, axis) is right-handed for axes 0 and 2, left-handed for 1: turn the squares that would look inward.
            outward = (side > 0) == (axis != 1)
            faces.append((squares if outward else squares[:, ::-1]).reshape(-1, 3) + len(points) * len(u))
            points.append(sheet)
    positions, index = np.unique(np.concatenate(points), axis=0, return_inverse=True)
    return positions, index.ravel()[np.concatenate(faces)].astype(np.uint32)


CUTTER_CARD = Card(
    name="fake",
    role="cutter",
    summary="Takes the inscribed ellipse; for tests and as an example of a plugin.",
    version="1",
    code_licence="Apache-2.0",
    implementation="kiln.backends.fake:FakeCutter",
)

GENERATOR_CARD = Card(
    name="fake",
    role="generator",
    summary="Makes a block with the picture on it; for tests and as an example of a plugin.",
    version="1",
    code_licence="Apache-2.0",
    options=FakeGeneratorOptions,
    implementation="kiln.backends.fake:FakeGenerator",
)

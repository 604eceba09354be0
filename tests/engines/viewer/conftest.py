from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Asset, Material, Mesh
from kiln.engines.handover import Handover
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents
from shapes import cube, sphere


def pear(rings: int) -> Mesh:
    """A lump that looks different from every side, with UVs."""
    ball = sphere(rings, 2 * rings)
    points = ball.positions * np.float32([0.3, 0.5, 0.35])
    points[:, 0] *= 1.4 - points[:, 1]
    points[:, 1] += 0.5
    uvs = (points[:, :2] * [0.8, -0.8] + [0.5, 0.9]).astype(np.float32)
    mesh = replace(ball, positions=points, uvs=uvs)
    return add_tangents(replace(mesh, normals=smooth_normals(mesh)))


def painted(size: int = 64) -> Material:
    row, column = np.mgrid[0:size, 0:size]
    color = np.dstack([2 * row, 255 - 2 * column, (row * column) % 256, np.full_like(row, 255)]).astype(np.uint8)
    waves = 128 + 40 * np.sin(column / 4)
    normal = np.dstack([waves, np.full_like(waves, 128), np.full_like(waves, 240)]).astype(np.uint8)
    orm = np.dstack([np.full_like(row, 230), 90 + row, 255 * (column > size // 2)]).astype(np.uint8)
    return Material(name="paint", base_color=color, normal=normal, orm=orm)


@pytest.fixture
def handover() -> Handover:
    mesh, lods, hull = pear(40), (pear(30), pear(24)), cube(0.9).moved(offset=np.float32([0, 0.5, 0]))
    return Handover(asset=Asset(name="pear", source=mesh, mesh=mesh, lods=lods, hulls=(hull,), material=painted()), textures={})

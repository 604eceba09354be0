from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Asset, Mesh, Voxels
from kiln.errors import PostconditionError
from kiln.geometry.topology import measure_topology
from kiln.stages import Context, find
from shapes import cube, mesh, sphere

symmetrize = find("symmetrize")


def lopsided() -> Mesh:
    """A ball with a dent on its -X side, coloured by x."""
    ball = sphere(24, 48)
    x, y, z = ball.positions.T
    dent = 1 - 0.5 * np.exp(-8 * ((x + 1) ** 2 + y**2 + z**2))
    red = np.round(127.5 + 127.5 * x).astype(np.uint8)
    colors = np.stack([red, red * 0, red * 0, red * 0 + 255], axis=1)
    return replace(ball, positions=(ball.positions * dent[:, None]).astype(np.float32), colors=colors)


def asset_of(solid: Mesh, **fields: object) -> Asset:
    return Asset(name="thing", source=solid, mesh=Mesh(positions=solid.positions, triangles=solid.triangles), **fields)


def blocks(cells: set[tuple[int, int, int]]) -> Mesh:
    """The surface of a union of unit cubes, closed where cubes meet in faces alone."""
    quads = []
    for cell in sorted(cells):
        for axis in range(3):
            for side in (0, 1):
                step = np.eye(3, dtype=int)[axis] * (2 * side - 1)
                if tuple((np.array(cell) + step).tolist()) not in cells:
                    u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
                    start = np.array(cell) + side * np.eye(3)[axis]
                    quads.append([start, start + u, start + u + v, start + v] if side else [start, start + v, start + u + v, start + u])
    points, index = np.unique(np.array(quads).reshape(-1, 3), axis=0, return_inverse=True)
    corners = index.reshape(-1, 4)
    return mesh(points, np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]))


def test_off_touches_nothing():
    asset = asset_of(lopsided())
    assert symmetrize(asset) is asset


@pytest.mark.parametrize("keep", ["positive", "negative"])
def test_both_meshes_become_symmetric_about_one_plane(keep):
    context = Context()
    asset = asset_of(lopsided())
    made = symmetrize(asset, context=context, symmetry="x", keep=keep, plane="center")
    for solid in (made.source, made.mesh):
        assert measure_topology(solid).is_sound
        low, high = solid.bounds
        middle = (asset.mesh.bounds[0][0] + asset.mesh.bounds[1][0]) / 2
        assert low[0] + high[0] == pytest.approx(2 * middle, abs=1e-6)
    assert made.mesh.triangle_count <= asset.mesh.triangle_count
    red = made.source.colors[:, 0]
    assert red.min() > 100 if keep == "positive" else red.max() < 160
    assert 0 < context.measures["asymmetry"] < 0.1 and f"the {keep} half kept" in context.notes[-1]


def test_auto_mirrors_what_nearly_is_and_leaves_the_rest_alone():
    context = Context()
    assert symmetrize(asset_of(sphere()), context=context, symmetry="auto").mesh is not None
    assert context.notes[0].startswith("mirrored at x = ")
    context = Context()
    odd = sphere(24, 48)
    x, y, z = odd.positions.T
    odd = replace(odd, positions=(odd.positions * (1 + 0.5 * np.sin(2 * x + y) * np.cos(3 * z + 2 * x))[:, None]).astype(np.float32))
    asset = asset_of(odd)
    assert symmetrize(asset, context=context, symmetry="auto") is asset
    assert context.notes[0].startswith("left as it is")


def test_radial_makes_sectors_alike():
    context = Context()
    made = symmetrize(asset_of(lopsided()), context=context, symmetry="radial", sectors=5)
    assert measure_topology(made.mesh).is_sound and made.mesh.triangle_count % 10 == 0
    assert "5 like sectors, each a mirror image of itself" in context.notes[-1]


def test_voxels_follow_and_a_source_alone_will_do():
    voxels = Voxels(
        cells=np.array([(3, 0, 0), (-9, 0, 0)], np.int32), values=np.eye(2, 3, dtype=np.float32), layout=("red", "green", "blue"), size=0.1
    )
    asset = replace(asset_of(cube()), mesh=None, source_voxels=voxels)
    made = symmetrize(asset, symmetry="x", keep="positive", plane="center")
    assert sorted(made.source_voxels.cells[:, 0].tolist()) == [-4, 3] and (made.source_voxels.values[:, 0] == 1).all()
    assert made.mesh is None


def test_a_mesh_with_uvs_is_not_simplified_again_and_says_so():
    ball = lopsided()
    fine = replace(ball, uvs=ball.positions[:, :2] / 2 + 0.5)
    rich = fine.take_triangles(fine.positions[fine.triangles].mean(axis=1)[:, 0] > -0.8)
    context = Context()
    made = symmetrize(Asset(name="thing", source=rich, mesh=rich), context=context, symmetry="x", plane="center", keep="positive")
    assert made.mesh.uvs is not None
    if made.mesh.triangle_count > rich.triangle_count:
        assert any("more than its share" in note for note in context.notes)


def test_a_side_with_nothing_on_it_cannot_be_kept():
    beside = cube().moved(offset=np.array([5, 0, 0], np.float32))
    asset = asset_of(beside)
    far = replace(asset, mesh=asset.mesh.moved(offset=np.array([-10, 0, 0], np.float32)))
    with pytest.raises(PostconditionError, match="nothing on the side"):
        symmetrize(far, symmetry="x", plane="center", keep="negative")


def test_halves_that_do_not_join_are_an_error(monkeypatch: pytest.MonkeyPatch):
    torn = sphere().take_triangles(np.arange(900))
    monkeypatch.setattr("kiln.geometry.symmetry.symmetrized", lambda *_, **__: (torn, np.arange(900)))
    with pytest.raises(PostconditionError, match="halves do not join"):
        symmetrize(asset_of(sphere()), symmetry="x")


def test_auto_tries_front_and_back_where_the_sides_differ():
    context = Context()
    bent = sphere(24, 48)
    x, y, z = bent.positions.T
    bent = replace(bent, positions=np.stack([2 * x, y + x**3, z], axis=1).astype(np.float32))
    symmetrize(asset_of(bent), context=context, symmetry="auto")
    assert context.notes[-1].startswith("mirrored at z = ")


def test_parts_that_are_cut_loose_are_named():
    """Two bars that only a bridge on the far side joins: once that is gone, the shorter bar hangs on nothing."""
    hook = blocks({(x, 0, 0) for x in range(-3, 4)} | {(x, 2, 0) for x in range(-3, 3)} | {(-3, 1, 0)})
    context = Context()
    made = symmetrize(replace(asset_of(hook), mesh=None), context=context, symmetry="x", plane="center", keep="positive")
    assert measure_topology(made.source).is_sound and measure_topology(made.source).components == 1
    assert context.notes[0].startswith("1 part that hung on what was cut away left out") and context.measures["cut_loose"] == 1

"""Whatever comes in: a surface that is manifold, wound one way and free of flat triangles comes out, or a reason why not. Never a hang."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trimesh

import kiln
from kiln.asset import Asset, Mesh
from kiln.errors import KilnError
from kiln.formats.model import read_model
from kiln.geometry.topology import measure_topology
from kiln.stages import Context, find
from shapes import sphere
from torture import TORTURE, bowl, colored, dual_grid_like, grid, inside_out, leaves, many_parts, pierced, textured

HARD_LIMIT_S = 120
VOXELS = 40
"""So coarse a rebuild takes 0.2 s."""

repair, simplify = find("repair"), find("simplify")


@pytest.fixture(autouse=True)
def hard_limit() -> Iterator[None]:
    """A hang ends the whole run, with a trace of where it hung."""
    faulthandler.dump_traceback_later(HARD_LIMIT_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def mended(broken: Mesh, **params: object) -> Mesh:
    return repair(Asset(name="thing", source=broken), rebuild_voxels=VOXELS, **params).source


def defects(made: Mesh) -> tuple[int, int, int, int]:
    topology = measure_topology(made)
    return topology.non_manifold_edges, topology.inconsistent_edges, topology.degenerate_triangles, topology.duplicate_triangles


def defects_by_trimesh(made: Mesh) -> tuple[int, bool]:
    """Crowded edges, and whether winding is consistent, as another library sees them."""
    solid = trimesh.Trimesh(made.positions / made.diagonal, made.triangles, process=False)
    solid.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=8)
    _, counts = np.unique(np.sort(solid.edges, axis=1), axis=0, return_counts=True)
    return int((counts > 2).sum()), bool(solid.is_winding_consistent)


SLOW = ("hairball", "10,000 parts")


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long if name in SLOW else ()) for name in TORTURE])
def test_it_comes_out_sound_or_with_a_reason(name: str) -> None:
    try:
        source = mended(colored(TORTURE[name]()))
        game = simplify(Asset(name="thing", source=source), triangles=400).mesh
    except KilnError as error:
        assert len(str(error)) > 20
        return
    for made in (source, game):
        assert defects(made) == (0, 0, 0, 0)
        assert defects_by_trimesh(made) == (0, True)
        assert made.triangle_count > 0
    assert source.colors is not None and np.abs(source.colors - expected_colors(source, TORTURE[name]())).max() <= COLOR_TOLERANCE


COLOR_TOLERANCE = 255 * 3 / VOXELS
"""A rebuilt vertex may lie most of a voxel from the place whose colour it took, and another one's colour is its neighbours' mean."""


def expected_colors(made: Mesh, broken: Mesh) -> np.ndarray:
    low, high = broken.bounds
    shade = 255 * (made.positions - low) / np.maximum(high - low, 1e-9)
    return np.concatenate([shade, np.full((len(shade), 1), 255)], axis=1)


@pytest.mark.parametrize("name", ["three tenths missing", "swiss cheese", "T-junctions", "inside out", "two balls cross"])
@pytest.mark.parametrize("rebuild", ["auto", "always"])
def test_uvs_still_show_the_same_texels(name: str, rebuild: str) -> None:
    source = textured(TORTURE[name]())
    made = mended(source, rebuild=rebuild)
    uv = made.uvs[made.triangles].mean(axis=1)
    axis = np.floor(uv[:, 0] * 3).astype(int)
    shown = np.stack([(uv[:, 0] * 3 - axis - 0.1) / 0.8, (uv[:, 1] - 0.1) / 0.8], axis=1)
    low, high = source.bounds
    unit = (made.positions[made.triangles].mean(axis=1) - low) / (high - low)
    there = np.stack([unit[np.arange(len(unit)), (axis + 1) % 3], unit[np.arange(len(unit)), (axis + 2) % 3]], axis=1)
    off = np.abs(shown - there).max(axis=1)
    assert np.quantile(off, 0.99) < 1.5 / VOXELS and (off < 4 / VOXELS).mean() > 0.999


def test_what_is_missing_is_rebuilt_closed_and_where_it_was() -> None:
    made = mended(pierced(0.3))
    topology = measure_topology(made)
    assert topology.is_sound and topology.components == 1 and topology.euler == 2
    assert abs(np.linalg.norm(made.positions, axis=1) - 1).max() < 2 / VOXELS


@pytest.mark.parametrize("sheet", [lambda: grid(6, 6), bowl, leaves], ids=["plane", "bowl", "leaves"])
@pytest.mark.parametrize("rebuild", ["auto", "always"])
def test_sheets_are_kept_open(sheet, rebuild: str) -> None:
    broken = sheet()
    assert mended(broken, rebuild=rebuild).triangle_count == broken.triangle_count


def test_a_bowl_faces_out_whichever_way_it_came() -> None:
    for broken in (bowl(), inside_out(bowl())):
        made = mended(broken)
        corners = made.positions[made.triangles]
        outward = np.einsum("ij,ij->i", np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), corners.mean(axis=1))
        assert (outward > 0).all()


def test_no_time_leaves_out_what_is_optional_and_says_so() -> None:
    context = Context()
    made = repair(Asset(name="thing", source=pierced(0.3)), context=context, time_limit_s=1e-9)
    assert defects(made.source) == (0, 0, 0, 0)
    assert any("out of time" in note and "rebuild" in note for note in context.notes)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_a_file_with_vertices_nowhere_is_read_or_refused(bad: float, tmp_path: Path) -> None:
    ball = sphere()
    points = ball.positions.copy()
    points[7] = bad
    path = tmp_path / "nowhere.ply"
    trimesh.Trimesh(points, ball.triangles, process=False).export(path)
    try:
        made = mended(read_model(path).mesh)
    except KilnError as error:
        assert len(str(error)) > 20
        return
    assert defects(made) == (0, 0, 0, 0) and np.isfinite(made.positions).all()


@pytest.mark.long
def test_more_parts_than_16_bits_count_come_through() -> None:
    made = mended(many_parts(42, count=70_000))
    assert measure_topology(made).components == 70_000


@pytest.mark.long
def test_half_a_million_triangles_of_a_dual_grid_take_seconds() -> None:
    broken = dual_grid_like(177)
    assert broken.triangle_count > 500_000
    started = time.process_time()
    made = repair(Asset(name="grid", source=broken)).source
    assert time.process_time() - started < 20
    topology = measure_topology(made)
    assert topology.is_sound and topology.components == 1 and topology.euler == 0


@pytest.mark.long
@pytest.mark.parametrize("name", ["rubble", "three tenths missing", "10,000 parts", "Klein bottle", "a plane", "hairball", "inner shells"])
def test_the_whole_way_to_a_package(name: str, tmp_path: Path) -> None:
    broken = TORTURE[name]()
    path = tmp_path / "broken.ply"
    trimesh.Trimesh(broken.positions, broken.triangles, process=False).export(path)
    stages = {"unwrap": {"size": 256}, "simplify": {"triangles": 2000}, "export": {"previews": False}, "repair": {"rebuild_voxels": VOXELS}}
    try:
        package = kiln.process(path, out=tmp_path / "out", **stages)
    except KilnError as error:
        assert len(str(error)) > 20
        return
    assert package is not None

"""Laws of an atlas: inside, upright, nowhere twice, far enough apart, evenly dense; and the mesh is still the mesh."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.errors import PostconditionError, TimeLimitError
from kiln.geometry import unwrap as module
from kiln.geometry.lightmap import Lightmap
from kiln.geometry.rasterize import rasterize
from kiln.geometry.unwrap import unwrap
from shapes import cube, grid, mesh, sphere


def signed_areas(unwrapped: Mesh) -> np.ndarray:
    a, b, c = (unwrapped.uvs.astype(float)[unwrapped.triangles[:, k]] for k in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def writers(unwrapped: Mesh, size: int) -> np.ndarray:
    """How many triangles strictly cover each texel's centre, one triangle at a time."""
    count = np.zeros((size, size), int)
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    for a, b, c in unwrapped.uvs.astype(float)[unwrapped.triangles] * size:
        sides = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))]
        count += np.all([side < -1e-9 for side in sides], axis=0)
    return count


def islands(unwrapped: Mesh) -> np.ndarray:
    """The island of each triangle, by shared vertices."""
    label = np.arange(unwrapped.vertex_count)
    while True:
        lowest = label.copy()
        np.minimum.at(lowest, unwrapped.triangles.ravel(), label[unwrapped.triangles].min(axis=1).repeat(3))
        if (lowest == label).all():
            return label[unwrapped.triangles[:, 0]]
        label = lowest


def least_gap(unwrapped: Mesh, size: int, finer: int) -> float:
    """Texels between the two nearest islands, to within 1.5 / finer, measured on a finer raster."""
    fine = size * finer
    owner = rasterize(unwrapped.uvs.astype(float) * fine, unwrapped.triangles, width=fine, height=fine).triangle
    island = np.where(owner >= 0, islands(unwrapped)[owner], -1)
    gap = np.inf
    for number in np.unique(island[island >= 0]):
        away = cv2.distanceTransform((island != number).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        others = (island >= 0) & (island != number)
        gap = min(gap, away[others].min(initial=np.inf) / finer)
    return gap


def bumpy() -> Mesh:
    ball = sphere(14, 28)
    r = 1 + 0.25 * np.sin(5 * ball.positions[:, :1]) * np.cos(4 * ball.positions[:, 1:2])
    return mesh(ball.positions * r * (1, 1.6, 0.7), ball.triangles)


@pytest.mark.parametrize("shape", [cube(), sphere(12, 24), bumpy()], ids=["cube", "sphere", "bumpy"])
@pytest.mark.parametrize("method", ["auto", "box"])
def test_an_atlas_keeps_its_laws(shape: Mesh, method: str) -> None:
    made = unwrap(shape, size=256, padding=4, method=method)
    out = made.mesh
    assert out.uvs.min() >= 0
    assert out.uvs.max() <= 1
    assert (signed_areas(out) < 0).all(), "v points down: seen from outside, triangles run clockwise in (u, v)"
    assert writers(out, 256).max() == 1
    assert np.array_equal(out.positions[out.triangles], shape.positions[shape.triangles])
    assert out.normals is not None
    assert out.tangents is not None
    assert made.measures["utilization"] == pytest.approx((writers(out, 256) > 0).mean(), abs=0.01)
    assert made.measures["utilization"] > 0.4
    assert made.measures["texel_density_cv"] < 0.08
    assert made.measures["charts"] == len(np.unique(islands(out)))


def test_islands_keep_their_distance() -> None:
    out = unwrap(bumpy(), size=256, padding=8).mesh
    assert least_gap(out, 256, 4) >= 8 - 1.5 / 4
    assert out.uvs.min() * 256 >= 4 - 1e-3
    assert (1 - out.uvs.max()) * 256 >= 4 - 1e-3


def test_joining_leaves_fewer_charts() -> None:
    shape = sphere(24, 48)
    assert unwrap(shape, size=256, padding=2).measures["charts"] <= unwrap(shape, size=256, padding=2, method="box").measures["charts"]


def test_the_same_mesh_gets_the_same_atlas() -> None:
    one, other = (unwrap(bumpy(), size=256, padding=4).mesh for _ in range(2))
    assert one.uvs.tobytes() == other.uvs.tobytes()


def test_seams_that_the_mesh_came_with_do_not_cut_charts() -> None:
    whole = cube()
    torn = mesh(whole.positions[whole.triangles].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    assert unwrap(torn, size=256, padding=4).measures["charts"] == unwrap(whole, size=256, padding=4).measures["charts"] == 6


def test_materials_and_colours_travel_along() -> None:
    shape = cube()
    colors = np.random.default_rng(0).integers(0, 256, (8, 4)).astype(np.uint8)
    painted = mesh(shape.positions, shape.triangles, colors=colors, material_ids=np.arange(12, dtype=np.uint32))
    out = unwrap(painted, size=256, padding=4).mesh
    assert np.array_equal(out.material_ids, np.arange(12))
    assert np.array_equal(out.colors[out.triangles], colors[shape.triangles])


def test_xatlas_charts_keep_the_laws_too() -> None:
    made = unwrap(bumpy(), size=256, padding=4, method="xatlas", time_limit_s=60.0)
    assert made.notes == ()
    assert (signed_areas(made.mesh) < 0).all()
    assert writers(made.mesh, 256).max() == 1


def test_xatlas_that_hangs_is_replaced_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*args: object, **kwargs: object) -> None:
        raise TimeLimitError("cut was still busy after 1 s and was stopped")

    monkeypatch.setattr(module, "run_isolated", hang)
    made = unwrap(cube(), size=256, padding=4, method="xatlas", time_limit_s=1.0)
    assert made.measures["charts"] == 6
    assert "box projection instead of xatlas" in made.notes[0]


def test_loose_triangles_and_open_sheets_unwrap() -> None:
    sheet = mesh([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (3, 0, 0), (4, 0, 1), (3, 1, 0)], [(0, 1, 2), (0, 2, 3), (4, 5, 6)])
    made = unwrap(sheet, size=256, padding=4)
    assert made.measures["charts"] == 2
    assert made.measures["texel_density_cv"] < 0.01


def test_creases_along_seams_are_hard() -> None:
    box = unwrap(cube(), size=256, padding=4).mesh
    assert np.allclose(np.abs(box.normals).max(axis=1), 1), "each side's corners look straight out of it"


def test_a_texel_density_is_met_in_the_least_atlas_that_holds_it() -> None:
    for density in (40.0, 150.0):
        made = unwrap(bumpy(), size=256, padding=4, density=density)
        assert made.measures["texel_density_px_per_m"] == pytest.approx(density, rel=0.01)
        assert least_gap(made.mesh, made.size, 1) >= 4 - 1.5
    assert made.size == 1024
    assert made.measures["utilization"] > 0.15, "half the size would not have held it"


def test_charts_are_at_most_as_many_as_asked_for_where_that_can_be() -> None:
    free = unwrap(bumpy(), size=256, padding=4).measures["charts"]
    made = unwrap(bumpy(), size=256, padding=4, max_charts=int(free) - 1)
    assert made.measures["charts"] < free
    assert (signed_areas(made.mesh) < 0).all()
    assert writers(made.mesh, 256).max() == 1
    two = unwrap(mesh(*apart(cube(), 3)), size=256, padding=4, max_charts=1)
    assert two.measures["charts"] >= 3
    sheets = unwrap(mesh(*apart(grid(2, 2), 3)), size=256, padding=4, max_charts=1)
    assert sheets.notes[-1] == "3 charts, not 1: the mesh has that many separate parts"
    one = unwrap(sphere(), size=256, padding=4, max_charts=1)
    assert one.measures["charts"] > 1
    assert "lie over themselves or vary" in one.notes[-1], "a closed surface cannot be one chart"


def apart(solid: Mesh, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and triangles of copies that do not touch."""
    shifts = np.arange(count)[:, None, None] * (3.0, 0, 0)
    triangles = solid.triangles[None] + (np.arange(count) * solid.vertex_count)[:, None, None]
    return (solid.positions[None] + shifts).reshape(-1, 3), triangles.reshape(-1, 3)


def test_lightmap_uvs_are_a_second_layout_of_the_same_charts() -> None:
    made = unwrap(bumpy(), size=256, padding=4, lightmap=Lightmap(size=128, padding=3), front_weight=2.0)
    second = replace(made.mesh, uvs=made.mesh.lightmap_uvs)
    assert writers(second, 128).max() == 1
    assert least_gap(second, 128, 4) >= 3 - 1.5 / 4
    assert made.measures["lightmap_utilization"] == pytest.approx((writers(second, 128) > 0).mean(), abs=0.02)
    assert np.array_equal(islands(second), islands(made.mesh))


def test_a_lightmap_too_small_is_left_out_and_said_so() -> None:
    made = unwrap(mesh(*apart(cube(), 60)), size=512, padding=1, lightmap=Lightmap(size=32, padding=4))
    assert made.mesh.lightmap_uvs is None
    assert "no lightmap UVs" in made.notes[-1]


def test_what_gives_no_sound_atlas_is_tried_another_way_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real, refused = module.lay_out, []

    def refuse_twice(*args: object, **kwargs: object) -> object:
        if len(refused) < 2:
            refused.append(1)
            raise PostconditionError("triangles lie over others")
        return real(*args, **kwargs)

    monkeypatch.setattr(module, "lay_out", refuse_twice)
    made = unwrap(cube(), size=256, padding=2)
    assert made.measures["charts"] == 12
    assert [note.split()[1] for note in made.notes] == ["auto", "box", "triangle"]
    assert writers(made.mesh, 256).max() == 1


def test_thousands_of_parts_are_packed_too() -> None:
    made = unwrap(mesh(*apart(cube(), 800)), size=1024, padding=1)
    assert made.measures["charts"] >= 1500
    assert writers_anywhere(made.mesh, 1024) == 1


def writers_anywhere(unwrapped: Mesh, size: int) -> int:
    """Most triangles over one texel, found by drawing them first to last and last to first."""
    points = unwrapped.uvs.astype(float) * size
    first = rasterize(points, unwrapped.triangles, width=size, height=size).triangle
    last = rasterize(points, unwrapped.triangles[::-1].copy(), width=size, height=size).triangle
    return 1 if np.array_equal(first, np.where(last < 0, -1, unwrapped.triangle_count - 1 - last)) else 2


def test_a_mesh_without_area_is_refused_and_triangles_without_neighbours_are_not() -> None:
    with pytest.raises(PostconditionError, match="next to no area"):
        unwrap(mesh(sphere().positions * (1, 1e-9, 1e-9), sphere().triangles), size=256, padding=2)
    soup = mesh(np.random.default_rng(0).random((30, 3)), np.arange(30).reshape(-1, 3))
    assert unwrap(soup, size=256, padding=2).measures["charts"] == 10

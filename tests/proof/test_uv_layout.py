from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.rasterize import rasterize_uvs
from kiln.proof.uv_layout import measure_layout, measure_uvs
from shapes import mesh


def squares(*corners: tuple[float, float], side: float = 16, size: int = 64) -> Mesh:
    """Squares of one metre apart from each other in space, laid out with their upper left corner at these texels."""
    positions, uvs, triangles = [], [], []
    for number, (x, y) in enumerate(corners):
        positions += [(2 * number, 0, 0), (2 * number + 1, 0, 0), (2 * number + 1, 1, 0), (2 * number, 1, 0)]
        uvs += [(x, y + side), (x + side, y + side), (x + side, y), (x, y)]
        triangles += [(4 * number, 4 * number + 1, 4 * number + 2), (4 * number, 4 * number + 2, 4 * number + 3)]
    return mesh(positions, triangles, uvs=np.array(uvs, np.float32) / size)


def test_two_charts_side_by_side() -> None:
    layout = measure_layout(squares((0, 0), (24, 0)), width=64, height=64)
    assert layout.utilization == 2 * 16 * 16 / 64**2
    assert layout.charts == 2
    assert layout.gutter_px == 8
    assert layout.density_mean == pytest.approx(16)
    assert layout.density_cv == pytest.approx(0, abs=1e-6)
    assert (layout.overlap_texels, layout.flipped, layout.zero_area, layout.outside) == (0, 0, 0, 0)


@pytest.mark.parametrize(("x", "y", "gap"), [(16, 0, 0), (17, 0, 1), (16, 16, 0), (19, 20, 5), (0, 26, 10)])
def test_the_gutter_is_counted_in_empty_texels(x: int, y: int, gap: float) -> None:
    assert measure_layout(squares((0, 0), (x, y)), width=64, height=64).gutter_px == pytest.approx(gap)


def test_the_narrowest_of_several_gutters_counts() -> None:
    assert measure_layout(squares((0, 0), (20, 0), (0, 19), (40, 40)), width=64, height=64).gutter_px == 3


def test_one_chart_has_no_gutter() -> None:
    assert measure_layout(squares((3, 3)), width=64, height=64).gutter_px is None


def test_every_doubly_owned_texel_is_an_overlap() -> None:
    layout = measure_layout(squares((0, 0), (12, 10)), width=64, height=64)
    assert layout.overlap_texels == 4 * 6
    assert measure_layout(squares((5, 5), (5, 5)), width=64, height=64).overlap_texels == 16 * 16


def test_flipped_zero_area_and_outside_triangles_are_counted() -> None:
    flat = squares((0, 0), (24, 0), (48, 50))
    uvs = flat.uvs.copy()
    uvs[4:8, 0] = uvs[4:8, 0][[1, 0, 3, 2]]  # the second square is mirrored
    layout = measure_layout(replace(flat, uvs=uvs), width=64, height=64)
    assert layout.flipped == 2
    assert layout.outside == 2
    uvs[1] = uvs[0]
    assert measure_layout(replace(flat, uvs=uvs), width=64, height=64).zero_area == 1


def test_seams_in_normals_or_tangents_do_not_cut_charts() -> None:
    one = squares((0, 0))
    apart = one.take_vertices(one.triangles.reshape(-1).astype(np.int64), np.arange(6, dtype=np.uint32).reshape(2, 3))
    assert measure_layout(apart, width=64, height=64).charts == 1


def test_unequal_density_has_a_spread() -> None:
    flat = squares((0, 0), (24, 0))
    uvs = flat.uvs.copy()
    uvs[4:] = uvs[4] + (uvs[4:] - uvs[4]) / 2
    layout = measure_layout(replace(flat, uvs=uvs), width=64, height=64)
    assert layout.density_mean == pytest.approx(12)  # 16 and 8 px/m over equal areas
    assert layout.density_cv == pytest.approx(4 / 12)
    assert layout.charts == 2


def test_maps_need_not_be_square() -> None:
    layout = measure_layout(squares((0, 0)), width=128, height=64)
    assert layout.utilization == 32 * 16 / (128 * 64)


def test_thin_charts_are_slivers_however_long_or_bent() -> None:
    square = squares((0, 0), (24, 0), (0, 30), (30, 30))
    uvs = square.uvs.copy()
    uvs[4:8, 0] = 24 / 64 + (uvs[4:8, 0] - 24 / 64) * 7 / 16  # 7 texels wide
    assert measure_layout(replace(square, uvs=uvs), width=64, height=64).sliver_share == 0.25
    assert measure_layout(square, width=64, height=64).sliver_share == 0
    assert measure_layout(square, width=16, height=16).sliver_share == 1


def test_density_percentiles_are_by_area() -> None:
    layout = measure_layout(squares(*[(20 * (k % 3), 20 * (k // 3)) for k in range(9)]), width=64, height=64)
    assert (layout.density_p5, layout.density_p95) == pytest.approx((16, 16))
    large = squares((0, 0), (24, 0))
    positions = large.positions.copy()
    positions[4:, :2] = (positions[4:, :2] - (2, 0)) * 10 + (4, 0)  # a hundred times the area, a tenth of the density
    layout = measure_layout(replace(large, positions=positions.astype(np.float32)), width=64, height=64)
    assert (layout.density_p5, layout.density_p95) == pytest.approx((1.6, 1.6))


def test_the_lightmap_is_judged_on_its_own_uvs() -> None:
    both = squares((0, 0), (24, 0))
    moved = np.concatenate([both.uvs[:4], both.uvs[:4] + np.float32([0.125, 0])])
    measures = measure_uvs(replace(both, lightmap_uvs=moved), rasterize_uvs(both, width=64, height=64))
    assert (measures["uv_overlap_texels"], measures["lightmap_uv_outside"]) == (0, 0)
    assert measures["lightmap_uv_overlap_texels"] == 1024**2 * 8 * 16 // 64**2
    assert measures["lightmap_uv_utilization"] == 24 * 16 / 64**2
    assert "lightmap_uv_utilization" not in measure_uvs(both, rasterize_uvs(both, width=64, height=64))

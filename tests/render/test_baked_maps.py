"""Maps band by band: the same whole, whatever the bands; edges, rims, depth, and what lies between islands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Asset, Material, Mesh, Voxels
from kiln.formats.package_layout import texture_pixels
from kiln.render import baked_maps
from kiln.stages.bake import bake
from kiln.stages.unwrap import unwrap
from shapes import mesh, sphere

ALL = ("base_color", "normal", "orm", "emissive", "guessed", "curvature", "thickness", "position")


def ball() -> Mesh:
    fine = sphere(32, 64)
    colors = np.full((fine.vertex_count, 4), 255, np.uint8)
    colors[:, :3] = np.round(127.5 + 127.5 * fine.positions)
    return replace(fine, colors=colors, seen=(fine.positions[:, 2] > 0).astype(np.float32))


@pytest.fixture(scope="module")
def unwrapped() -> Asset:
    lamp = Material(emissive_factor=(0.5, 0.0, 0.0), roughness_factor=0.4)
    return unwrap(Asset(name="ball", source=ball(), source_materials=(lamp,), mesh=sphere(12, 24)), size=256, padding=4)


def every_map(material: Material) -> dict[str, np.ndarray]:
    own = {name: getattr(material, name) for name in ("base_color", "normal", "orm", "emissive", "guessed")}
    return {name: found for name, found in own.items() if found is not None} | dict(material.extras)


def test_bands_and_threads_change_nothing(unwrapped: Asset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = every_map(bake(unwrapped, maps=ALL, bits=16).material)
    monkeypatch.setattr(baked_maps, "_BAND", 1)
    monkeypatch.setattr(baked_maps, "_BAND_ROWS", 40)
    monkeypatch.setenv("KILN_THREADS", "3")
    banded = every_map(bake(unwrapped, maps=ALL, bits=16).material)
    assert set(whole) == {*ALL, "normal_16"}
    for name, texels in whole.items():
        assert np.array_equal(texels, banded[name]), name


def test_depths_and_names_are_as_asked(unwrapped: Asset) -> None:
    deep = bake(unwrapped, maps=ALL, bits=16, ao=False).material
    assert {name: texels.dtype for name, texels in deep.extras.items()} == dict.fromkeys(
        ("normal_16", "curvature", "thickness", "position"), np.dtype(np.uint16)
    )
    assert abs(deep.extras["normal_16"] / 257 - deep.normal).max() <= 0.5 + 1e-6
    few = bake(unwrapped, maps=("base_color", "thickness"), ao=False).material
    assert (few.normal, few.orm, few.emissive, few.guessed) == (None, None, None, None)
    assert few.roughness_factor == 0.4
    assert few.extras["thickness"].dtype == np.uint8
    assert {Path(path).name for path in texture_pixels("ball", (few,))} == {"ball_base_color.png", "ball_thickness.png"}


def test_no_map_has_a_rim_between_its_islands(unwrapped: Asset) -> None:
    """On a ball no map is near zero anywhere, so that a texel nobody wrote would show."""
    maps = every_map(bake(replace(unwrapped, source_materials=()), maps=("base_color", "normal", "orm", "curvature", "thickness")).material)
    assert maps["base_color"][..., :3].max(axis=2).min() > 50
    assert maps["normal"][..., 2].min() > 100
    assert maps["orm"][..., :2].min() > 200
    flat, bulge = 128, 127 * np.sqrt(12) / baked_maps.SHARPEST
    assert abs(maps["curvature"].astype(float) - flat - bulge).max() <= 1.1
    assert maps["thickness"].min() > 255 * 0.9 / np.sqrt(12) / baked_maps.DEEPEST


def test_position_is_where_the_texel_lies(unwrapped: Asset) -> None:
    position = bake(unwrapped, maps=("position",), ao=False).material.extras["position"] / 65535 * 2 - 1
    assert np.linalg.norm(position, axis=2) == pytest.approx(1, abs=0.02)


def square(**attributes: object) -> Mesh:
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    framed = {"normals": np.tile(np.array([0, 0, 1], np.float32), (4, 1)), "tangents": np.tile(np.array([1, 0, 0, 1], np.float32), (4, 1))}
    uvs = np.column_stack([corners[:, 0], 1 - corners[:, 1]])
    return mesh(np.column_stack([corners, np.zeros(4)]), [(0, 1, 2), (0, 2, 3)], uvs=uvs.astype(np.float32), **framed, **attributes)


def painted(pixels: np.ndarray, size: int, **material: object) -> Material:
    paint = Material(base_color=pixels, metallic_factor=0.0, **material)
    return bake(Asset(name="a", source=square(), source_materials=(paint,), mesh=square(), atlas_size=size), ao=False).material


def test_texel_centres_and_bytes_are_kept_exactly() -> None:
    """A texture baked onto the same UVs at its own size comes back byte for byte, all 256 levels of each channel."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[..., :3] = pixels[..., :3] // 2 * 2  # so that no neighbours differ by an edge's step alone
    smooth = np.repeat(np.arange(64, dtype=np.uint8)[:, None] * 4, 64, axis=1)
    gradient = np.dstack([smooth, smooth.T, 255 - smooth, np.full_like(smooth, 255)])
    assert np.array_equal(painted(gradient, 64).base_color, gradient)


def test_a_finer_texture_is_averaged_in_linear_light() -> None:
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    pixels = np.dstack([*[board.astype(np.uint8)] * 3, np.full((256, 256), 255, np.uint8)])
    found = painted(pixels, 32).base_color
    assert (abs(found[..., :3].astype(int) - 188) <= 1).all()


def test_edges_are_soft_and_steps_of_one_texel_stay_where_they_are() -> None:
    pixels = np.zeros((128, 128, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:, 45:, :3] = 255
    row = painted(pixels, 64).base_color[32, :, 0].astype(int)
    assert (row[:21] == 0).all()
    assert (row[24:] == 255).all()
    assert 100 < row[22] < 240


@pytest.mark.parametrize(
    ("alpha", "declared", "mode"),
    [("opaque", "BLEND", "OPAQUE"), ("holes", "BLEND", "MASK"), ("holes", "MASK", "MASK"), ("holes", "OPAQUE", "OPAQUE")],
)
def test_opacity_is_what_the_source_says_and_shows(alpha: str, declared: str, mode: str) -> None:
    pixels = np.full((64, 64, 4), 255, np.uint8)
    if alpha == "holes":
        pixels[:, 32:, 3] = 0
    material = painted(pixels, 64, alpha_mode=declared)
    assert material.alpha_mode == mode
    assert (material.base_color[..., 3].min() < 255) == (mode != "OPAQUE")


def voxel_asset(*, color: float, metallic: float, alpha: np.ndarray) -> Asset:
    cells = np.stack(np.meshgrid(np.arange(8), np.arange(8), [0], indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int32)
    values = np.column_stack([*[np.full(64, color)] * 3, np.full(64, metallic), np.full(64, 0.5), alpha[cells[:, 0]]])
    layout = ("red", "green", "blue", "metallic", "roughness", "alpha")
    grid = Voxels(cells=cells, values=values.astype(np.float32), layout=layout, origin=(0.0, 0.0, -0.0625), size=0.125)
    return Asset(name="v", source=square(), source_voxels=grid, mesh=square(), atlas_size=64)


def test_voxels_are_baked_with_their_overshoot_clipped() -> None:
    material = bake(voxel_asset(color=0.8, metallic=1.2, alpha=np.ones(8)), ao=False).material
    assert (abs(material.base_color[..., :3].astype(int) - 204) <= 1).all()
    assert (material.orm == (255, 128, 255)).all()
    assert material.alpha_mode == "OPAQUE"


def test_black_metal_is_no_metal() -> None:
    assert (bake(voxel_asset(color=0.1, metallic=1.0, alpha=np.ones(8)), ao=False).material.orm[..., 2] == 0).all()


def test_voxels_that_are_clear_in_places_make_a_mask_and_thin_ones_a_blend() -> None:
    half = (np.arange(8) < 4).astype(float)
    assert bake(voxel_asset(color=0.8, metallic=0.0, alpha=half), ao=False).material.alpha_mode == "BLEND"
    assert bake(voxel_asset(color=0.8, metallic=0.0, alpha=np.full(8, 0.5)), ao=False).material.alpha_mode == "BLEND"

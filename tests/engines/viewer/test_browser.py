"""The page in a real browser: does its canvas show the asset?"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from browser import document, screenshot
from kiln.asset import Asset, Material, Mesh
from kiln.engines.handover import Handover
from kiln.engines.viewer import poster, viewer_page
from shapes import cube

pytestmark = pytest.mark.long

STILL = "turn=off&bare"


@pytest.fixture
def page(handover: Handover, tmp_path: Path) -> Path:
    return written(handover, tmp_path)


def written(handover: Handover, folder: Path) -> Path:
    file = folder / "page.html"
    file.write_bytes(viewer_page(handover))
    return file


def decoded(webp: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(webp, np.uint8), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of what is solid."""
    first, second = a[..., 3] > 200, b[..., 3] > 200
    return float((first & second).sum() / (first | second).sum())


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance of colours, in 8-bit levels, inside what is solid in both."""
    solid = cv2.erode(((a[..., 3] > 250) & (b[..., 3] > 250)).astype(np.uint8), np.ones((5, 5))) > 0
    return float(np.abs(a[solid, :3].astype(int) - b[solid, :3]).mean())


def assert_as_the_poster(handover: Handover, folder: Path) -> None:
    shown = screenshot(written(handover, folder), fragment=STILL, size=(1024, 1024))
    meant = decoded(poster(handover).webp)
    assert overlap(shown, meant) >= 0.98
    assert difference(shown, meant) <= 4


def test_the_canvas_shows_what_the_poster_shows(handover: Handover, tmp_path: Path) -> None:
    assert_as_the_poster(handover, tmp_path)
    shown, meant = screenshot(tmp_path / "page.html", fragment=STILL, size=(1024, 1024)), decoded(poster(handover).webp)
    beside = (shown[..., 3] < 200) & (meant[..., 3] < 200)
    assert np.abs(shown[beside, 3].astype(int) - meant[beside, 3]).mean() <= 1.5  # the shadow


def test_vertex_colours_without_uvs_show(tmp_path: Path) -> None:
    points = cube().positions[cube().triangles].reshape(-1, 3)
    facing = np.cross(points[1::3] - points[::3], points[2::3] - points[::3])
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    colors = np.random.default_rng(2).integers(0, 256, (36, 4)).astype(np.uint8)
    colors[:, 3] = 255
    mesh = Mesh(
        positions=points,
        triangles=np.arange(36, dtype=np.uint32).reshape(12, 3),
        normals=np.repeat(facing, 3, axis=0).astype(np.float32),
        colors=colors,
    )
    assert_as_the_poster(Handover(asset=Asset(name="patches", source=mesh), textures={}), tmp_path)


def test_several_materials_show_each_on_its_triangles(handover: Handover, tmp_path: Path) -> None:
    mesh = handover.asset.mesh or handover.asset.source
    materials = (
        Material(name="gold", base_color_factor=(1.0, 0.7, 0.3, 1.0), roughness_factor=0.3),
        Material(name="paint", base_color_factor=(0.1, 0.3, 0.8, 1.0), roughness_factor=0.6, metallic_factor=0.0),
        Material(name="glow", base_color_factor=(0.0, 0.0, 0.0, 1.0), metallic_factor=0.0, emissive_factor=(0.2, 2.0, 0.3)),
    )
    ids = (np.arange(mesh.triangle_count) // 200 % 3).astype(np.uint32)
    asset = Asset(name="three", source=replace(mesh, material_ids=ids), source_materials=materials)
    assert_as_the_poster(Handover(asset=asset, textures={}), tmp_path)


def test_holes_cut_by_alpha_are_holes(handover: Handover, tmp_path: Path) -> None:
    color = np.full((64, 64, 4), (180, 120, 60, 255), np.uint8)
    color[::16, :, 3] = color[1::16, :, 3] = color[2::16, :, 3] = 0
    material = Material(base_color=color, alpha_mode="MASK", roughness_factor=0.9, metallic_factor=0.0)
    assert_as_the_poster(replace(handover, asset=replace(handover.asset, material=material)), tmp_path)


def test_every_way_of_looking_is_another_picture_of_the_same_shape(page: Path) -> None:
    modes = ("shaded", "color", "clay", "normal", "occlusion", "roughness", "metallic", "checker")
    shown = {mode: screenshot(page, fragment=f"{STILL}&mode={mode}") for mode in modes}
    shown["wire"] = screenshot(page, fragment=f"{STILL}&wire")
    shown["exposure"] = screenshot(page, fragment=f"{STILL}&exposure=1.5")
    for number, mode in enumerate(shown):
        assert overlap(shown[mode], shown["shaded"]) >= 0.99
        for other in list(shown)[:number]:
            assert difference(shown[mode], shown[other]) > 4, (mode, other)


def test_levels_of_detail_keep_the_outline_and_hulls_enclose_it(page: Path) -> None:
    fine, hulls = (screenshot(page, fragment=f"{STILL}{more}") for more in ("", "&hulls"))
    for level in (1, 2):
        coarse = screenshot(page, fragment=f"{STILL}&mode=clay&lod={level}")
        assert overlap(fine, coarse) >= 0.98
        assert difference(fine, coarse) > 4
    assert (hulls[..., 3] > 40).sum() > 1.1 * (fine[..., 3] > 40).sum()


@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (844, 390)])
def test_the_asset_is_seen_beside_the_panel_on_any_screen(page: Path, size: tuple[int, int]) -> None:
    shown, clay = (screenshot(page, fragment=f"turn=off&mode={mode}", size=size) for mode in ("color", "occlusion"))
    changed = np.abs(shown.astype(int) - clay).max(axis=2) > 24
    rows, columns = np.nonzero(changed[: size[1] * 3 // 4])
    assert np.ptp(rows) > 0.15 * size[1] and np.ptp(columns) > 0.15 * size[0]


def test_without_webgl_the_poster_stands_in(handover: Handover, page: Path) -> None:
    found = document(page, "--disable-3d-apis")
    assert "shows no 3D" in found and re.search(r'<body class="[^"]*\bflat\b', found)
    shown = screenshot(page, "--disable-3d-apis", fragment="bare", size=(1024, 1024))[:800]
    meant = decoded(poster(handover).webp)[:800]
    assert overlap(shown, meant) >= 0.99 and difference(shown, meant) <= 2


LOSE = """<script>setTimeout(() => {
  const taken = document.getElementById("canvas").getContext("webgl2").getExtension("WEBGL_lose_context");
  taken.loseContext();
  if (%s) setTimeout(() => taken.restoreContext(), 500);
}, 900);</script></body>"""


def losing(page: Path, *, for_good: bool) -> str:
    """What the page's document says after the graphics card was lost, and perhaps given back."""
    free = re.sub("<meta http-equiv=[^>]*>", "", page.read_text(encoding="utf-8"))  # or the policy would not let us
    broken = page.with_name("broken.html")
    broken.write_text(free.replace("</body>", LOSE % ("false" if for_good else "true")), encoding="utf-8")
    return document(broken, fragment=STILL)


def test_a_lost_graphics_card_is_told_of_until_it_is_back(page: Path) -> None:
    gone, back = losing(page, for_good=True), losing(page, for_good=False)
    assert re.search('<p class="notice"[^>]*>The graphics card was taken away', gone)
    assert re.search('<body class="[^"]*flat', gone) and not re.search('<body class="[^"]*flat', back)
    assert re.search('<p class="notice"[^>]* hidden="">', back)

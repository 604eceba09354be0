"""The page in a real browser: does its canvas show the asset?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from browser import Browser, browser
from kiln.asset import Asset, Material, Mesh
from kiln.engines.handover import Handover
from kiln.engines.viewer import Poster, poster, viewer_page
from shapes import cube

pytestmark = pytest.mark.long

STILL = "turn=off&bare"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(handover: Handover, tmp_path: Path) -> Path:
    return written(handover, tmp_path)


def written(handover: Handover, folder: Path) -> Path:
    """The page, with an empty picture for a poster, so that nobody takes that for the canvas."""
    _, nothing = cv2.imencode(".webp", np.zeros((8, 8, 4), np.uint8))
    file = folder / "page.html"
    file.write_bytes(viewer_page(handover, picture=Poster(webp=nothing.tobytes(), camera=poster(handover).camera)))
    return file


def seen(chromium: Browser, page: Path, fragment: str = STILL, **options: Any) -> np.ndarray:
    chromium.show(page, fragment, **options)
    assert chromium.complaints == []
    return chromium.picture()


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


def assert_as_the_poster(chromium: Browser, handover: Handover, folder: Path) -> None:
    shown, meant = seen(chromium, written(handover, folder), size=(1024, 1024)), decoded(poster(handover).webp)
    assert overlap(shown, meant) >= 0.98
    assert difference(shown, meant) <= 4
    middle = slice(102, -102)  # outside, the poster lets the shadow vanish
    shadow, same = (each[middle, middle, 3].astype(int) for each in (shown, meant))
    beside = (shadow < 200) & (same < 200)
    assert np.abs(shadow[beside] - same[beside]).mean() <= 1.5


def test_the_canvas_shows_what_the_poster_shows(chromium: Browser, handover: Handover, tmp_path: Path) -> None:
    assert_as_the_poster(chromium, handover, tmp_path)


def test_vertex_colours_without_uvs_show(chromium: Browser, tmp_path: Path) -> None:
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
    assert_as_the_poster(chromium, Handover(asset=Asset(name="patches", source=mesh), textures={}), tmp_path)


def test_several_materials_show_each_on_its_triangles(chromium: Browser, handover: Handover, tmp_path: Path) -> None:
    mesh = handover.asset.mesh or handover.asset.source
    materials = (
        Material(name="gold", base_color_factor=(1.0, 0.7, 0.3, 1.0), roughness_factor=0.3),
        Material(name="paint", base_color_factor=(0.1, 0.3, 0.8, 1.0), roughness_factor=0.6, metallic_factor=0.0),
        Material(name="glow", base_color_factor=(0.0, 0.0, 0.0, 1.0), metallic_factor=0.0, emissive_factor=(0.2, 2.0, 0.3)),
    )
    ids = (np.arange(mesh.triangle_count) // 200 % 3).astype(np.uint32)
    asset = Asset(name="three", source=replace(mesh, material_ids=ids), source_materials=materials)
    assert_as_the_poster(chromium, Handover(asset=asset, textures={}), tmp_path)


def test_holes_cut_by_alpha_are_holes(chromium: Browser, handover: Handover, tmp_path: Path) -> None:
    color = np.full((64, 64, 4), (180, 120, 60, 255), np.uint8)
    color[::16, :, 3] = color[1::16, :, 3] = color[2::16, :, 3] = 0
    material = Material(base_color=color, alpha_mode="MASK", roughness_factor=0.9, metallic_factor=0.0)
    assert_as_the_poster(chromium, replace(handover, asset=replace(handover.asset, material=material)), tmp_path)


def test_every_way_of_looking_is_another_picture_of_the_same_shape(chromium: Browser, page: Path) -> None:
    modes = ("shaded", "color", "clay", "normal", "occlusion", "roughness", "metallic", "checker")
    shown = {mode: seen(chromium, page, f"{STILL}&mode={mode}") for mode in modes}
    shown["wire"] = seen(chromium, page, f"{STILL}&wire")
    shown["exposure"] = seen(chromium, page, f"{STILL}&exposure=1.5")
    for number, mode in enumerate(shown):
        assert overlap(shown[mode], shown["shaded"]) >= 0.99
        for other in list(shown)[:number]:
            assert difference(shown[mode], shown[other]) > 4, (mode, other)


def test_levels_of_detail_keep_the_outline_and_hulls_enclose_it(chromium: Browser, page: Path) -> None:
    fine, hulls = (seen(chromium, page, f"{STILL}{more}") for more in ("", "&hulls"))
    for level in (1, 2):
        coarse = seen(chromium, page, f"{STILL}&mode=clay&lod={level}")
        assert overlap(fine, coarse) >= 0.98
        assert difference(fine, coarse) > 4
    assert (hulls[..., 3] > 40).sum() > 1.1 * (fine[..., 3] > 40).sum()


@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (844, 390)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_asset_and_all_controls_fit_on_any_screen(chromium: Browser, page: Path, size: tuple[int, int], scheme: str) -> None:
    color, grey = (seen(chromium, page, f"turn=off&mode={mode}", size=size, prefers_color_scheme=scheme) for mode in ("color", "occlusion"))
    rows, columns = np.nonzero(np.abs(color.astype(int) - grey).max(axis=2)[: size[1] * 3 // 4] > 24)
    assert np.ptp(rows) > 0.15 * size[1] and np.ptp(columns) > 0.15 * size[0]
    assert (color[2, size[0] // 2, :3] < 128).all() == (scheme == "dark")
    inside = "[...document.querySelectorAll('button, aside, h1')].every(e => { const b = e.getBoundingClientRect(); "
    inside += "return b.left >= 0 && b.top >= 0 && b.right <= innerWidth && b.bottom <= innerHeight; })"
    assert chromium.ask(inside) and chromium.ask("document.documentElement.scrollWidth <= innerWidth")


def test_mouse_and_keys_turn_it_and_home_brings_it_back(chromium: Browser, page: Path) -> None:
    at_home = seen(chromium, page, size=(400, 400), prefers_reduced_motion="reduce")
    chromium.drag((200, 200), (300, 200))
    turned = chromium.picture()
    assert overlap(at_home, turned) < 0.97
    chromium.ask("document.getElementById('canvas').focus()")
    chromium.press("ArrowRight")
    assert overlap(turned, chromium.picture()) < 0.999
    chromium.press("Home")
    assert overlap(at_home, chromium.picture()) == 1


def test_it_turns_by_itself_until_it_is_touched_unless_people_want_no_motion(chromium: Browser, page: Path) -> None:
    turning = "document.getElementById('turn').getAttribute('aria-pressed')"
    chromium.show(page, size=(300, 300), prefers_reduced_motion="reduce")
    assert chromium.ask(turning) == "false"
    chromium.show(page, size=(300, 300))
    assert chromium.ask(turning) == "true"
    chromium.drag((150, 120), (152, 120))
    assert chromium.ask(turning) == "false"


def test_without_webgl_the_poster_stands_in(handover: Handover, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(viewer_page(handover))
    with browser(tmp_path / "profile", "--disable-3d-apis") as blind:
        shown = seen(blind, page, "bare", size=(1024, 1024))[:800]
        assert "shows no 3D" in blind.ask("document.getElementById('notice').textContent")
    meant = decoded(poster(handover).webp)[:800]
    assert overlap(shown, meant) >= 0.99 and difference(shown, meant) <= 2


def test_a_lost_graphics_card_is_told_of_until_it_is_back(chromium: Browser, page: Path) -> None:
    before = seen(chromium, page)
    chromium.ask("window.card = document.getElementById('canvas').getContext('webgl2').getExtension('WEBGL_lose_context')")
    chromium.ask("card.loseContext()")
    chromium.wait_for("document.body.classList.contains('flat')")
    assert "taken away" in chromium.ask("document.getElementById('notice').textContent")
    assert overlap(before, chromium.picture()) < 0.1  # the sentence
    chromium.ask("card.restoreContext()")
    chromium.wait_for("!document.body.classList.contains('flat')")
    chromium.wait_for("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    assert overlap(before, chromium.picture()) == 1

"""A large map is filled as a small one is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiln.asset import Material, Mesh
from kiln.geometry.unwrap import unwrap
from kiln.render import repaint as module
from kiln.render.atlas import Atlas, lay_out
from kiln.render.repaint import Method, repaint
from shapes import cube, sphere

SIZE = 256


@pytest.fixture(scope="module")
def ball() -> tuple[Mesh, Atlas, Material]:
    """A ball with grain in front and a blur behind."""
    mesh = unwrap(sphere(16, 32), size=SIZE, padding=4)
    mesh = getattr(mesh, "mesh", mesh)
    atlas = lay_out(mesh, size=SIZE)
    behind = atlas.places.take(mesh, mesh.positions)[:, 2] < -0.2
    grain = np.random.default_rng(0).normal(0, 25, (len(behind), 1))
    color = np.column_stack([np.clip(128 + np.where(behind[:, None], 0, grain) + np.zeros(3), 0, 255), np.full(len(behind), 255)])
    guessed = atlas.spread(np.where(behind, 255, 0).astype(np.uint8))
    orm = atlas.spread(np.where(behind[:, None], (9, 0, 255), (9, 100, 30)).astype(np.uint8))
    return mesh, atlas, Material(base_color=atlas.spread(color.astype(np.uint8)), guessed=guessed, orm=orm)


@pytest.mark.parametrize("method", ["auto", "diffuse", "patch"])
def test_smaller_working_maps_find_and_fill_the_same(
    ball: tuple[Mesh, Atlas, Material], method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh, atlas, material = ball
    whole = repaint(mesh, material, method=method)
    for limit, side in (("_LOOKED_AT", SIZE // 2), ("_SMOOTH", SIZE // 2), ("_VIEWED", SIZE // 2)):
        monkeypatch.setattr(module, limit, side)
    reduced = repaint(mesh, material, method=method)
    assert reduced.share == pytest.approx(whole.share, abs=0.05)
    blurred = [cv2.GaussianBlur(done.material.base_color, (0, 0), 8).astype(int) for done in (whole, reduced)]
    assert np.abs(blurred[0] - blurred[1])[..., 0].mean() < 3
    known = atlas.read(material.guessed) == 0
    for name in ("base_color", "orm"):
        kept, was = atlas.read(getattr(reduced.material, name))[known], atlas.read(getattr(material, name))[known]
        assert np.array_equal(kept, was), "what is seen is never touched"


def test_bands_and_threads_change_nothing(ball: tuple[Mesh, Atlas, Material], monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, _, material = ball
    whole = repaint(mesh, material, method="patch").material
    monkeypatch.setattr(module, "_BAND", 40 * SIZE)
    monkeypatch.setenv("KILN_THREADS", "3")
    banded = repaint(mesh, material, method="patch").material
    assert np.array_equal(whole.base_color, banded.base_color)
    assert np.array_equal(whole.orm, banded.orm)


def test_a_material_that_does_not_say_what_was_guessed_is_refused() -> None:
    white = np.full((8, 8, 4), 255, np.uint8)
    with pytest.raises(ValueError, match="guessed"):
        repaint(cube(), Material(base_color=white))
    with pytest.raises(ValueError, match="one size"):
        repaint(cube(), Material(base_color=white, guessed=np.zeros((4, 4), np.uint8)))

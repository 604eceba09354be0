from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kiln.asset import Asset, Material
from kiln.engines.handover import Handover
from kiln.engines.viewer import poster
from kiln.engines.viewer.poster import SIDE, soft_shadow
from kiln.render.view import render_view
from shapes import cube, mesh


def decoded(webp: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(webp, np.uint8), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)


def test_the_poster_shows_the_asset_as_the_renderer_does_within_its_budget(handover: Handover) -> None:
    made = poster(handover)
    assert len(made.webp) <= 150_000 and made.webp[8:12] == b"WEBP"
    shown, asset = decoded(made.webp), handover.asset
    meant = render_view(asset.mesh or asset.source, asset.material, camera=made.camera, width=SIDE, height=SIDE)
    solid = cv2.erode((meant[..., 3] == 255).astype(np.uint8), np.ones((5, 5))) > 0
    assert shown.shape == meant.shape and (shown[solid, 3] == 255).all()
    assert np.abs(shown[solid, :3].astype(int) - meant[solid, :3]).mean() <= 4


def test_around_the_asset_there_is_nothing_but_its_shadow(handover: Handover) -> None:
    shown = decoded(poster(handover).webp)
    for border in (shown[0], shown[-1], shown[:, 0], shown[:, -1]):
        assert (border[:, 3] == 0).all()
    beside = cv2.dilate((shown[..., 3] == 255).astype(np.uint8), np.ones((5, 5))) == 0
    assert 60 < shown[beside, 3].max() < 160
    assert shown[beside & (shown[..., 3] > 20), :3].max() <= 16  # WebP's own blur


def test_the_whole_asset_is_in_the_picture(handover: Handover) -> None:
    made = poster(handover)
    asset = handover.asset
    points, _, _ = made.camera.project((asset.mesh or asset.source).positions, width=SIDE, height=SIDE)
    assert points.min() >= 0.04 * SIDE and points.max() <= 0.96 * SIDE


def test_the_same_asset_gives_the_same_poster(handover: Handover) -> None:
    assert poster(handover) == poster(handover)


@pytest.mark.parametrize("positions", [np.zeros((3, 3)), [(0, 0, 0), (1, 0, 0), (2, 0, 0)]])
def test_an_asset_without_extent_has_a_poster(positions: object) -> None:
    flat = mesh(positions, [(0, 1, 2)], normals=np.tile(np.float32([0, 0, 1]), (3, 1)))
    assert decoded(poster(Handover(asset=Asset(name="flat", source=flat), textures={})).webp).shape == (SIDE, SIDE, 4)


def test_noise_that_compresses_badly_keeps_the_budget(handover: Handover) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (512, 512, 4)).astype(np.uint8)
    asset = replace(handover.asset, material=Material(base_color=noise, roughness_factor=1.0, metallic_factor=0.0))
    assert len(poster(replace(handover, asset=asset)).webp) <= 150_000


def test_the_shadow_has_no_border() -> None:
    darkness = soft_shadow(cube()).darkness
    for edge in (darkness[0], darkness[-1], darkness[:, 0], darkness[:, -1]):
        assert edge.max() == 0
    assert darkness.max() > 0.4

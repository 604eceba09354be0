"""A blur among detail is found; what is meant smooth is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiln.imaging.dissolved import detail, dissolved, masked_blur

SIDE = 256


def grain(level: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 12, (SIDE, SIDE, 1))
    return np.clip(level + noise, 0, 255).repeat(3, axis=2).astype(np.uint8)


def test_a_blurred_side_is_found_and_its_own_detail_is_not() -> None:
    color, known = grain(120), np.zeros((SIDE, SIDE), bool)
    known[:, : SIDE // 2] = True
    color[60:200, 150:240] = 120
    found = dissolved(color, covered=np.ones_like(known), known=known)
    assert found[80:180, 170:220].all()
    assert not found[:, : SIDE // 2].any()
    assert not found[:40].any()


def test_what_is_smooth_where_it_is_known_may_be_smooth_where_it_is_guessed() -> None:
    color, known = grain(60), np.zeros((SIDE, SIDE), bool)
    known[:, : SIDE // 2] = True
    color[100:] = 200
    assert not dissolved(color, covered=np.ones_like(known), known=known).any()


def test_a_small_smooth_place_and_a_map_of_which_nothing_is_known_are_left() -> None:
    color, covered, known = grain(120), np.ones((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    color[60:70, 150:160] = 120
    assert not dissolved(color, covered=covered, known=known).any()
    known[:, : SIDE // 2] = True
    assert not dissolved(color, covered=covered, known=known).any()


def test_detail_is_the_deviation_of_noise_and_nothing_beyond_the_islands_counts() -> None:
    covered = np.zeros((SIDE, SIDE), bool)
    covered[:, : SIDE // 2] = True
    color = grain(120)
    color[~covered] = 0
    inner = detail(color, covered)[covered]
    assert inner.mean() == pytest.approx(12 * np.sqrt(3), rel=0.15)
    assert inner.max() < 40, "the step at the island's border is no detail"


def test_a_blur_within_a_mask_keeps_a_constant() -> None:
    weight = (np.random.default_rng(0).random((32, 32)) > 0.5).astype(np.float32)
    values = np.full((32, 32, 1), 7, np.float32)
    assert masked_blur(values, weight, sigma=2.0) == pytest.approx(7.0, abs=1e-3)


def test_a_wide_blur_in_a_smaller_picture_is_what_it_is_in_the_whole_one() -> None:
    values = np.random.default_rng(0).normal(0, 50, (SIDE, SIDE, 2)).astype(np.float32)
    weight = np.ones((SIDE, SIDE), np.float32)
    weight[:, 100:140] = 0
    values[:, 140:] += 100
    exact = cv2.GaussianBlur(values * weight[..., None], (0, 0), 9.0) / cv2.GaussianBlur(weight, (0, 0), 9.0)[..., None]
    quick = masked_blur(values, weight, sigma=9.0)
    assert np.abs(quick - exact)[weight > 0].max() < 4, "of values that span 400"

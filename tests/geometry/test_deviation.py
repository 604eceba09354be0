from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.geometry.deviation import deviation
from kiln.geometry.silhouette import silhouette_iou
from shapes import cube, sphere


def test_a_mesh_does_not_deviate_from_itself():
    assert deviation(sphere(24, 48), sphere(24, 48)) < 1e-6


def test_it_is_measured_both_ways():
    box = cube()
    open_box = box.take_triangles(np.arange(10))  # without the front
    assert deviation(box, open_box) == pytest.approx(0.5 / np.sqrt(3), rel=0.03)
    assert deviation(open_box, box) == pytest.approx(0.5 / np.sqrt(3), rel=0.03)


def test_a_shift_is_found_whatever_the_size():
    for scale in (1e-3, 1.0, 1e3):
        box = cube(scale)
        assert deviation(box, box.moved(offset=np.array([0.1 * scale, 0, 0], np.float32))) == pytest.approx(0.1 / np.sqrt(3), rel=1e-4)


def test_outlines():
    ball = sphere(24, 48)
    assert silhouette_iou(ball, ball) == 1
    smaller = replace(ball, positions=(ball.positions * np.float32(0.9)))
    assert silhouette_iou(ball, smaller) == pytest.approx(0.81, abs=0.01)


def test_the_worst_outline_counts():
    ball = sphere(24, 48)
    flat = replace(ball, positions=ball.positions * np.array([1, 1, 0.5], np.float32))
    assert silhouette_iou(ball, flat) == pytest.approx(0.5, abs=0.02)

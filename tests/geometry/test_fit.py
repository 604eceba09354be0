from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from kiln.asset import Primitive
from kiln.geometry.fit import best_fit, fit, heights_over, primitive_hull, primitive_volume

TURN = (0.18, -0.36, 0.54, np.sqrt(1 - 0.18**2 - 0.36**2 - 0.54**2).item())
GOOD = {"volume_error": 0.1, "distance": 0.03}
BOX = Primitive(kind="box", center=(1.0, 2.0, -3.0), size=(1.0, 2.0, 4.0), rotation=TURN)
SPHERE = Primitive(kind="sphere", center=(1.0, 2.0, -3.0), size=(3.0, 3.0, 3.0))
CAPSULE = Primitive(kind="capsule", center=(1.0, 2.0, -3.0), size=(1.0, 4.0, 1.0), rotation=TURN)


@pytest.mark.parametrize("body", [BOX, SPHERE, CAPSULE], ids=lambda body: body.kind)
def test_a_turned_body_is_found_as_itself(body):
    found = best_fit(primitive_hull(body), **GOOD)
    assert found is not None and found.kind == body.kind
    exact = 1e-5 if body.kind == "box" else 0.02
    assert np.allclose(found.center, body.center, atol=exact)
    assert sorted(found.size) == pytest.approx(sorted(body.size), rel=exact)
    assert np.abs(heights_over(body, primitive_hull(found))).max() < 2 * exact


def test_an_upright_box_is_not_turned():
    upright = Primitive(kind="box", center=(0.0, 0.0, 0.0), size=(3.0, 1.0, 2.0))
    assert np.allclose(fit(primitive_hull(upright), "box").primitive.rotation, (0, 0, 0, 1))


def test_a_capsules_axis_is_y_turned():
    found = fit(primitive_hull(CAPSULE), "capsule").primitive
    axes = [Rotation.from_quat(body.rotation).apply((0, 1, 0)) for body in (found, CAPSULE)]
    assert abs(axes[0] @ axes[1]) > 0.9999


def test_what_no_primitive_is_like_gets_none():
    pyramid = np.array([(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1), (0, 2, 0)], np.float64)
    assert best_fit(pyramid, **GOOD) is None


def test_volumes():
    assert primitive_volume(BOX) == pytest.approx(8)
    assert primitive_volume(SPHERE) == pytest.approx(np.pi / 6 * 27)
    assert primitive_volume(CAPSULE) == pytest.approx(np.pi * (1 / 6 + 3 / 4))


def test_flat_points_get_a_thin_box():
    found = fit(np.array([(0, 0, 0), (1, 0, 0), (1, 0, 2), (0, 0, 2.0)]), "box").primitive
    assert found.size[1] < 0.05 and np.allclose((found.size[0], found.size[2]), (1, 2), atol=0.01)

from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.vectors import face_vectors, unit_vectors
from shapes import cube


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unit_vectors_keep_direction_and_precision(dtype: type) -> None:
    vectors = np.array([(3, 0, 4), (0, -1e-12, 0), (0, 0, 0)], dtype)
    found = unit_vectors(vectors)
    assert found.dtype == dtype
    assert np.allclose(found, [(0.6, 0, 0.8), (0, -1, 0), (0, 0, 0)], atol=1e-7)


def test_face_vectors_point_outward_and_are_twice_the_area_long() -> None:
    box = cube(2.0)
    vectors, middles = face_vectors(box), box.positions[box.triangles].mean(axis=1)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 4)
    assert ((vectors * middles).sum(axis=1) > 0).all()

"""What xatlas hands back."""

from __future__ import annotations

import numpy as np

from kiln.geometry.areas import flat_areas
from kiln.geometry.xatlas_child import cut
from shapes import cube


def test_triangles_keep_their_order_and_lie_somewhere() -> None:
    solid = cube()
    triangles, points = cut(solid.positions, solid.triangles)
    assert triangles.shape == (12, 3)
    assert triangles.dtype == np.uint32
    areas = np.abs(flat_areas(points, triangles))
    assert np.allclose(areas, areas[0], rtol=0.01)

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset.srgb import decode_srgb, encode_srgb


def test_the_curve_meets_the_standard_and_its_own_inverse() -> None:
    assert decode_srgb(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 0.21404, 1], abs=1e-5)
    steps = np.linspace(0, 1, 256)
    assert encode_srgb(decode_srgb(steps)) == pytest.approx(steps, abs=1e-7)

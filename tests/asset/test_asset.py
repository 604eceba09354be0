"""What an asset's fields say together."""

from __future__ import annotations

import pytest

from kiln.asset import Asset, Primitive
from shapes import cube

BALL = Primitive(kind="sphere", center=(0.0, 0.0, 0.0), size=(1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("fits", "meant"), [((), (None, None)), ((BALL,), (BALL, None)), ((None, BALL), (None, BALL)), ((BALL, BALL), (BALL, BALL))]
)
def test_every_hull_is_a_body_whether_or_not_something_fits_it(fits: tuple[Primitive | None, ...], meant: tuple[object, ...]) -> None:
    hulls = (cube(), cube(2.0))
    assert Asset(name="crate", source=cube(), hulls=hulls, fits=fits).bodies == tuple(zip(hulls, meant, strict=True))


def test_without_hulls_there_are_no_bodies() -> None:
    assert Asset(name="crate", source=cube()).bodies == ()

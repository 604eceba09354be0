"""The generator's choices: method, view, notes."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Picture
from kiln.backends.roles import Generation
from kiln.backends.silhouette import CARD, SilhouetteOptions
from kiln.errors import Cancelled, PictureError, RecipeError


def picture(view: str = "front", *, wide: int = 20) -> Picture:
    """A plain box, `wide` pixels wide and 40 tall."""
    pixels = np.zeros((48, 64, 4), np.uint8)
    pixels[4:44, 30 - wide // 2 : 30 + wide // 2] = (200, 120, 40, 255)
    return Picture(pixels=pixels, name="box", view=view)  # type: ignore[arg-type]


def generate(*pictures: Picture, **options: object) -> Generation:
    chosen = SilhouetteOptions.model_validate({"detail": 10_000, **options})
    return CARD.load().generate(pictures, chosen, lambda share, words: None)  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", ["inflate", "lathe", "extrude"])
def test_does_what_is_asked(method: str) -> None:
    made = generate(picture(), method=method)
    assert made.notes[0] == f"{method}: asked for"
    assert made.mesh.triangle_count == pytest.approx(10_000, rel=0.1)
    np.testing.assert_allclose(made.mesh.bounds[1][:2], (0.25, 1), atol=0.02)


def test_a_block_is_said_to_be_one_unless_it_was_asked_for() -> None:
    box = picture(wide=40)
    assert generate(box, method="inflate").notes[1].startswith("boxiness 1.00: ")
    assert generate(box, method="inflate", boxiness=0.0).notes == ("inflate: asked for",)


def test_a_side_view_faces_its_own_camera() -> None:
    low, high = generate(picture("left", wide=10), method="extrude").mesh.bounds
    assert high[2] == pytest.approx(0.125, abs=0.02)
    assert high[0] - low[0] < 0.1


def test_two_views_make_a_hull_unless_another_method_is_asked_for() -> None:
    views = picture(), picture("left", wide=10)
    hull, plate = generate(*views), generate(*views, method="extrude")
    assert hull.notes[0].startswith("hull from 2 views: front, left")
    np.testing.assert_allclose(hull.mesh.bounds[1], (0.25, 1, 0.125), atol=0.03)
    assert plate.notes[-1] == "extrude uses the front picture only; not used: left"


def test_a_hull_of_one_view_is_refused_with_a_cure() -> None:
    with pytest.raises(RecipeError, match="method auto"):
        generate(picture(), method="hull")


def test_an_empty_matte_is_refused() -> None:
    with pytest.raises(PictureError):
        generate(Picture(pixels=np.zeros((16, 16, 4), np.uint8), name="nothing"))


def test_relief_off_leaves_the_shape_alone() -> None:
    flat, rough = (generate(picture(), method="extrude", relief=r).mesh for r in (0.0, 1.0))
    assert flat.triangle_count == rough.triangle_count
    assert flat.bounds[1][2] == pytest.approx(0.03, abs=0.003)


def test_stops_when_told_to() -> None:
    def stop(share: float, words: str) -> None:
        if share > 0:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        CARD.load().generate((picture(),), SilhouetteOptions(detail=10_000), stop)


def test_the_card_knows_its_options() -> None:
    schema = CARD.options.model_json_schema()["properties"]
    assert {"method", "thickness", "boxiness", "bevel", "detail", "relief", "back"} == set(schema)
    assert all(option["description"] for option in schema.values())

"""What every generator must do, run over all that are registered and usable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kiln.asset import Mesh, Picture
from kiln.backends import registry
from kiln.backends.card import Card
from kiln.backends.roles import Generation
from kiln.errors import Cancelled
from kiln.geometry.vectors import face_vectors
from kiln.geometry.weld import weld

CARDS = [card for card in registry.cards("generator") if card.missing() is None and not card.needs_gpu]


def picture(view: str = "front") -> Picture:
    """A red disc with a hole, soft at its rims."""
    y, x = np.mgrid[:64, :48] + 0.5
    r = np.hypot(x - 24, y - 32)
    pixels = np.zeros((64, 48, 4), np.uint8)
    pixels[..., :3] = (200, 60, 40)
    pixels[..., 3] = np.clip(np.minimum(20 - r, r - 6) + 0.5, 0, 1) * 255
    return Picture(pixels=pixels, name="disc", view=view, has_matte=True)  # type: ignore[arg-type]


def options_of(card: Card) -> Any:
    """The defaults, but small."""
    return card.options(detail=10_000) if "detail" in card.options.model_fields else card.options()


def generate(card: Card, *pictures: Picture) -> Generation:
    result = card.load().generate(pictures, options_of(card), lambda share, words: None)
    assert isinstance(result, Generation)
    return result


def volume(mesh: Mesh) -> float:
    a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


@pytest.fixture(scope="module", params=CARDS, ids=lambda card: card.name)
def card(request: pytest.FixtureRequest) -> Card:
    return request.param


@pytest.fixture(scope="module")
def made(card: Card) -> Generation:
    return generate(card, picture())


def test_at_least_kilns_own_are_registered() -> None:
    assert {"silhouette", "fake"} <= {card.name for card in CARDS}


def test_closed_and_manifold(made: Generation) -> None:
    mesh = weld(made.mesh)
    t = mesh.triangles.astype(np.int64)
    edges = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]])
    forward = np.sort(edges[:, 0] * mesh.vertex_count + edges[:, 1])
    assert (np.diff(forward) > 0).all()
    np.testing.assert_array_equal(forward, np.sort(edges[:, 1] * mesh.vertex_count + edges[:, 0]))


def test_finite_and_outward_with_area(made: Generation) -> None:
    assert np.isfinite(made.mesh.positions).all()
    assert np.linalg.norm(face_vectors(made.mesh), axis=1).min() > 0
    assert volume(made.mesh) > 0


def test_stands_in_kilns_frame(made: Generation) -> None:
    low, high = made.mesh.bounds
    assert low[1] == pytest.approx(0, abs=0.02)
    assert high[1] == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose((low + high)[[0, 2]], 0, atol=0.03)


def test_carries_colour_that_fits_the_mesh(made: Generation) -> None:
    mesh = made.mesh
    assert mesh.projections or mesh.colors is not None or any(m.base_color is not None for m in made.materials)
    for projection in mesh.projections:
        assert projection.uvs.shape == (mesh.vertex_count, 2)
        assert np.isfinite(projection.uvs).all()
        assert (projection.weights >= 0).all()
    assert made.notes


def test_same_input_same_bytes(card: Card, made: Generation) -> None:
    again = generate(card, picture()).mesh
    assert again.positions.tobytes() == made.mesh.positions.tobytes()
    assert again.triangles.tobytes() == made.mesh.triangles.tobytes()
    for one, other in zip(again.projections, made.mesh.projections, strict=True):
        assert one.weights.tobytes() == other.weights.tobytes()


def test_takes_several_views(card: Card) -> None:
    assert volume(generate(card, picture(), picture("left")).mesh) > 0


def test_lets_a_cancelled_run_pass(card: Card) -> None:
    def stop(share: float, words: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        card.load().generate((picture(),), options_of(card), stop)

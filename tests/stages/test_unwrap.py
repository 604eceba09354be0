"""unwrap as a recipe runs it: what it keeps, what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Asset, Mesh
from kiln.errors import ModelError
from kiln.stages.stage import Context
from kiln.stages.unwrap import unwrap
from shapes import sphere


def run(mesh: Mesh, source: Mesh | None = None, **params: object) -> tuple[Asset, Context]:
    context = Context()
    asset = unwrap(Asset(name="ball", source=source or mesh, mesh=mesh), context=context, **({"size": 256, "padding": 2} | params))
    return asset, context


def test_texel_density_is_measured_and_said() -> None:
    asset, context = run(sphere())
    said = context.measures["texel_density_px_per_m"]
    assert asset.atlas_size == 256
    assert f"{said:,.0f} texels a metre" in context.notes[-1]
    asset, context = run(sphere(), density=4 * said)
    assert asset.atlas_size >= 1024
    assert context.measures["texel_density_px_per_m"] == pytest.approx(4 * said, rel=0.01)


def test_a_density_beyond_the_largest_atlas_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.geometry.atlas.SIZES", (256, 512))
    asset, context = run(sphere(), density=5000.0)
    assert asset.atlas_size == 512
    assert "5,000 texels a metre do not fit an atlas of 512" in context.notes[-1]


def test_good_uvs_are_kept_and_bad_ones_are_not() -> None:
    made = run(sphere())[0].mesh
    kept, context = run(made, keep_uvs="good")
    assert np.array_equal(kept.mesh.uvs[kept.mesh.triangles], made.uvs[made.triangles])
    assert context.notes[0] == "the mesh's own UVs were kept"
    small = replace(made, uvs=made.uvs * np.float32(0.3))
    _, context = run(small, keep_uvs="good")
    assert context.measures["utilization"] > 0.4
    assert "unwrapped anew" in context.notes[0]
    kept, _ = run(small, keep_uvs="always")
    assert kept.mesh.uvs.max() < 0.31


def test_uvs_that_must_be_kept_but_cannot_are_refused() -> None:
    with pytest.raises(ModelError, match="there are none"):
        run(sphere(), keep_uvs="always")


def test_what_was_marked_on_the_source_gets_more_texels() -> None:
    source = replace(sphere(), importance=np.where(sphere().positions[:, 1] > 0, 2, 1).astype(np.float32))
    asset, _ = run(sphere(12, 24), source=source)
    assert asset.mesh.importance is not None
    assert asset.mesh.importance.max() == 2


def test_lightmap_uvs_come_when_asked_for() -> None:
    assert run(sphere())[0].mesh.lightmap_uvs is None
    asset, context = run(sphere(), lightmap=True, lightmap_size=64, lightmap_padding=1)
    assert asset.mesh.lightmap_uvs.shape == asset.mesh.uvs.shape
    assert context.measures["lightmap_utilization"] > 0.3


def test_kept_uvs_get_a_lightmap_and_what_has_no_effect_is_said() -> None:
    made = run(sphere())[0].mesh
    kept, context = run(made, keep_uvs="always", lightmap=True, front_weight=2.0, density=1e4)
    assert kept.mesh.lightmap_uvs is not None
    assert context.notes[0] == "the mesh's own UVs were kept; density, front_weight had no effect"
    assert not any("do not fit" in note for note in context.notes)

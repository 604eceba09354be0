"""UVs a mesh came with: sound or not, good or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.kept_uvs import faults, keep, weaknesses
from kiln.geometry.lightmap import Lightmap
from kiln.geometry.unwrap import unwrap
from shapes import cube, sphere


@pytest.fixture(scope="module")
def good() -> Mesh:
    return unwrap(sphere(10, 20), size=256, padding=2).mesh


def changed(good: Mesh, change: object) -> Mesh:
    uvs = good.uvs.copy()
    change(uvs)
    return replace(good, uvs=uvs)


def test_our_own_are_sound_and_good(good: Mesh) -> None:
    assert faults(good, size=256) == ()
    assert weaknesses(good, size=256) == ()
    kept = keep(good, size=256)
    assert np.array_equal(kept.mesh.uvs[kept.mesh.triangles], good.uvs[good.triangles])
    assert kept.mesh.tangents is not None
    assert kept.measures["utilization"] > 0.5


def test_a_mesh_that_came_without_normals_gets_them(good: Mesh) -> None:
    assert keep(replace(good, normals=None, tangents=None), size=256).mesh.normals is not None


def test_charts_that_are_mirrored_whole_are_sound(good: Mesh) -> None:
    assert faults(replace(good, uvs=(good.uvs * (-1, 1) + (1, 0)).astype(np.float32)), size=256) == ()


def test_faults_are_named(good: Mesh) -> None:
    assert faults(cube(), size=256) == ("there are none",)
    assert "leave the atlas" in faults(replace(good, uvs=good.uvs + 0.5), size=256)[0]
    assert "no area" in faults(replace(good, uvs=good.uvs * np.float32(0) + np.float32(0.5)), size=256)[0]
    assert "leave the atlas" in faults(replace(good, uvs=good.uvs * np.float32(np.nan)), size=256)[0]
    stacked = good.uvs.copy()
    stacked[good.triangles] = stacked[good.triangles[0]]
    assert any("over" in fault for fault in faults(replace(good, uvs=stacked), size=256))


def test_a_chart_that_folds_over_is_a_fault(good: Mesh) -> None:
    folded = np.abs(good.uvs - 0.5) + np.float32(0.2)
    assert "some charts fold over" in faults(replace(good, uvs=folded.astype(np.float32)), size=256)


def test_waste_and_unevenness_are_weaknesses(good: Mesh) -> None:
    assert "fill" in weaknesses(replace(good, uvs=good.uvs * np.float32(0.4)), size=256)[-1]
    assert "varies" in weaknesses(replace(good, uvs=(good.uvs**2).astype(np.float32)), size=256)[0]


def test_the_gap_between_charts_is_measured_and_a_small_one_said(good: Mesh) -> None:
    kept = keep(good, size=256, padding=2)
    assert kept.measures["gutter_px"] >= 1.5
    assert "texels of each other, not 8" in keep(good, size=256, padding=8).notes[0]


def test_light_gets_a_layout_of_its_own(good: Mesh) -> None:
    mirrored = replace(good, uvs=(good.uvs * (-1, 1) + (1, 0)).astype(np.float32))
    for mesh in (good, mirrored):
        kept = keep(mesh, size=256, lightmap=Lightmap(size=128, padding=3))
        assert kept.measures["lightmap_utilization"] > 0.3
        assert faults(replace(kept.mesh, uvs=kept.mesh.lightmap_uvs), size=128) == ()
        assert np.array_equal(kept.mesh.uvs, mesh.uvs)
    assert keep(good, size=256).mesh.lightmap_uvs is None


def test_charts_too_thin_are_counted(good: Mesh) -> None:
    assert keep(good, size=256).measures["slivers"] == 0
    thin = keep(replace(good, uvs=(good.uvs * (1, 0.01)).astype(np.float32)), size=256)
    assert thin.measures["slivers"] == thin.measures["charts"]

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import kiln.geometry.quads as quads_module
from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError
from kiln.geometry.topology import measure_topology
from kiln.stages import Context, find
from shapes import mesh, sphere

simplify = find("simplify")


def simplified(source: Mesh, **params: object) -> tuple[Mesh, Context]:
    context = Context()
    return simplify(Asset(name="thing", source=source), context=context, **params).mesh, context


def test_a_preview_is_clean_and_said_to_be_one():
    made, context = simplified(sphere(40, 80), triangles=500, quality="preview")
    topology = measure_topology(made)
    assert topology.is_manifold and topology.degenerate_triangles == 0 and 490 <= made.triangle_count <= 500
    assert "preview" in context.notes[0]


def test_quads_without_their_library_become_triangles_with_the_reason(monkeypatch):
    monkeypatch.setattr(quads_module.importlib.util, "find_spec", lambda name: None)
    made, context = simplified(sphere(), triangles=300, method="quads")
    assert made.triangle_count == 300
    assert context.notes[0].startswith("triangles instead of quads: the library is missing")


def test_vertex_colours_are_kept_without_uvs_when_told_to():
    colors = np.full((sphere().vertex_count, 4), 255, np.uint8)
    made, _ = simplified(replace(sphere(), colors=colors), triangles=300, keep_uvs=True)
    assert made.colors is not None and made.triangle_count == 300


@pytest.mark.parametrize("quality", ["normal", "preview"])
def test_a_source_without_surface_is_refused(quality):
    dot = mesh(np.zeros((180, 3)), np.arange(180).reshape(-1, 3))
    with pytest.raises(PostconditionError, match="no surface"):
        simplified(dot, triangles=50, quality=quality)

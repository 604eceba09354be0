"""What a surface looks like, on a quad whose every texel is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Material, Mesh, Projection
from kiln.geometry.bake import SurfacePoints
from kiln.imaging.color import srgb_to_linear
from kiln.render.surface import ready_for_surface, surface_at
from shapes import mesh

AT = SurfacePoints(triangle=np.array([0, 0, 1], np.int32), bary=np.array([(0.25, 0.25), (0.5, 0.25), (0.25, 0.25)], np.float32))
UVS = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32)


def quad(**attributes: object) -> Mesh:
    return ready_for_surface(mesh([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 2, 3)], **attributes), ())


def test_a_bare_surface_is_white_matt_and_no_metal() -> None:
    seen = surface_at(quad(), (), AT)
    assert np.array_equal(seen.base_color, np.ones((3, 4)))
    assert np.allclose(seen.orm, (1, 0.8, 0))
    assert np.allclose(seen.normal, (0, 0, 1))
    assert seen.emissive is None
    assert seen.guessed is None


def test_factors_multiply_textures_and_vertex_colours_in_linear_light() -> None:
    colors = np.full((4, 4), 255, np.uint8)
    colors[:, 0] = 188
    color = np.full((2, 2, 4), 255, np.uint8)
    color[..., 1] = 120
    orm = np.full((2, 2, 3), 51, np.uint8)
    material = Material(base_color=color, orm=orm, base_color_factor=(0.5, 0.5, 1.0, 1.0), roughness_factor=0.5, metallic_factor=0.25)
    seen = surface_at(quad(colors=colors, uvs=UVS), (material,), AT)
    wanted = 0.5 * srgb_to_linear(np.array([188, 120], np.uint8))
    assert np.allclose(seen.base_color, (*wanted, 1, 1), atol=1e-6)
    assert np.allclose(seen.orm, (0.2, 0.1, 0.05), atol=1e-6)


def test_a_texture_lies_where_its_uvs_say_and_tiles() -> None:
    pixels = np.zeros((1, 4, 4), np.uint8)
    pixels[0, :, 0] = (0, 255, 0, 0)
    middles = np.stack([(np.array([1, 5, -3, 3]) + 0.5) / 4, np.full(4, 0.5)], axis=1).astype(np.float32)
    corner = SurfacePoints(triangle=np.array([0, 0, 0, 1], np.int32), bary=np.array([(0, 0), (1, 0), (0, 1), (0, 1)], np.float32))
    red = surface_at(quad(uvs=middles), (Material(base_color=pixels),), corner).base_color[:, 0]
    assert np.allclose(red, (1, 1, 1, 0))


def test_each_triangle_has_its_own_material() -> None:
    glowing = Material(emissive_factor=(0.0, 1.0, 0.0), roughness_factor=0.25)
    seen = surface_at(quad(material_ids=np.array([0, 1], np.uint32)), (Material(roughness_factor=1.0), glowing), AT)
    assert np.allclose(seen.orm[:, 1], (1, 1, 0.25))
    assert np.allclose(seen.emissive, [(0, 0, 0), (0, 0, 0), (0, 1, 0)])


def test_a_normal_map_bends_the_normal_in_its_own_frame() -> None:
    lean = np.array([[(255, 128, 128)]], np.uint8)  # all the way along +u
    material = Material(normal=lean)
    framed = ready_for_surface(mesh([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 2, 3)], uvs=UVS), (material,))
    assert np.allclose(surface_at(framed, (material,), AT).normal, (1, 0, 0), atol=0.01)


def test_projections_blend_by_weight_in_linear_light_and_vertices_stand_in() -> None:
    def flat(value: int, weights: list[float]) -> Projection:
        return Projection(pixels=np.full((3, 3, 4), value, np.uint8), uvs=UVS, weights=np.array(weights, np.float32))

    own = np.full((4, 4), 255, np.uint8)
    both = quad(colors=own, projections=(flat(200, [1, 1, 1, 1]), flat(100, [3, 3, 3, 3])))
    mean = srgb_to_linear(np.array([200, 100], np.uint8)) @ (0.25, 0.75)
    assert np.allclose(surface_at(both, (), AT).base_color[:, :3], mean, atol=1e-6)
    none = quad(colors=own, projections=(flat(200, [0, 0, 0, 0]),))
    assert np.allclose(surface_at(none, (), AT).base_color, 1)


def test_what_is_not_seen_is_guessed() -> None:
    seen = quad(seen=np.array([1, 0, 1, 1], np.float32))
    assert np.allclose(surface_at(seen, (), AT).guessed, (0.25, 0.5, 0))


def test_a_mesh_without_normals_is_refused() -> None:
    with pytest.raises(ValueError, match="ready_for_surface"):
        surface_at(replace(quad(), normals=None), (), AT)

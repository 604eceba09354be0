from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Material, Mesh, Value
from kiln.formats.gltf_write import Part, encode_material, write_glb
from kiln.geometry.areas import volume
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents
from kiln.proof.criteria import BY_KEY, MEASURES, Measure, label_and_value
from kiln.proof.measure import Files, measure_files
from kiln.proof.measure import measure_mesh as collect
from kiln.proof.reference import Reference
from shapes import cube, mesh, sphere, tetrahedron


def measure_mesh(mesh: Mesh) -> dict[str, Value]:
    return collect(mesh).measures


def measure_model(path: Path, *, lods: tuple[Path, ...] = (), hulls: Path | None = None, **others: object) -> dict[str, Value]:
    return measure_files(Files(model=path, lods=lods, hulls=hulls), **others).measures


def written(folder: Path, mesh: Mesh, material: Material | None = None, *, name: str = "thing") -> Path:
    path = folder / f"{name}.glb"
    path.write_bytes(write_glb([Part(name=name, mesh=mesh)], [encode_material(material)] if material else []))
    return path


def card() -> Mesh:
    """A metre square with UVs over the left half of its texture."""
    flat = mesh(
        [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 2, 3)], uvs=np.array([(0, 1), (0.5, 1), (0.5, 0), (0, 0)], np.float32)
    )
    return add_tangents(replace(flat, normals=smooth_normals(flat)))


def test_a_cube_read_back(tmp_path: Path) -> None:
    measures = measure_model(written(tmp_path, cube(2.0)))
    expected = {
        "triangles": 12,
        "vertices": 8,
        "materials": 1,
        "watertight": "yes",
        "open_edges": 0,
        "non_manifold_edges": 0,
        "inconsistent_edges": 0,
        "degenerate_triangles": 0,
        "components": 1,
        "width_m": 2.0,
        "height_m": 2.0,
        "depth_m": 2.0,
        "pivot": "centre",
    }
    assert {key: measures[key] for key in expected} == expected
    assert measures["volume_m3"] == pytest.approx(8)
    assert measures["file_bytes"] == (tmp_path / "thing.glb").stat().st_size
    assert not any(key.startswith("uv_") for key in measures)


def test_defects_are_counted() -> None:
    box = cube()
    holed = box.take_triangles(np.arange(2, 12))
    assert (measure_mesh(holed)["open_edges"], measure_mesh(holed)["watertight"], measure_mesh(holed)["volume_m3"]) == (4, "no", None)
    finned = replace(
        box,
        positions=np.vstack([box.positions, [(0, 0, 9)]]).astype(np.float32),
        triangles=np.vstack([box.triangles, [(0, 1, 8)]]).astype(np.uint32),
    )
    assert measure_mesh(finned)["non_manifold_edges"] == 1
    turned = replace(box, triangles=np.vstack([box.triangles[:1, ::-1], box.triangles[1:]]))
    assert measure_mesh(turned)["inconsistent_edges"] == 3


def test_seams_do_not_open_a_surface(tmp_path: Path) -> None:
    box = cube()
    apart = box.take_vertices(box.triangles.reshape(-1).astype(np.int64), np.arange(36, dtype=np.uint32).reshape(12, 3))
    measures = measure_model(written(tmp_path, apart))
    assert (measures["vertices"], measures["watertight"], measures["components"]) == (36, "yes", 1)


def test_volume_is_negative_inside_out_and_independent_of_place() -> None:
    far = tetrahedron().moved(offset=np.array([5, -3, 9], np.float32))
    assert volume(far) == pytest.approx(1 / 6, rel=1e-5)
    assert volume(replace(far, triangles=far.triangles[:, ::-1])) == pytest.approx(-1 / 6, rel=1e-5)


@pytest.mark.parametrize(
    ("offset", "pivot"), [((0, 0, 0), "centre"), ((0, 0.5, 0), "bottom centre"), ((0.5, 0.5, 0.5), "0% / 0% / 0% of the size")]
)
def test_the_pivot_is_named(offset: tuple[float, ...], pivot: str) -> None:
    assert measure_mesh(cube().moved(offset=np.array(offset, np.float32)))["pivot"] == pivot


def test_uvs_are_judged_on_the_normal_map(tmp_path: Path) -> None:
    material = Material(normal=np.full((64, 32, 3), (128, 128, 255), np.uint8), base_color=np.full((16, 16, 4), 255, np.uint8))
    measures = measure_model(written(tmp_path, card(), material), reference=Reference(card()))
    assert (measures["normal_size"], measures["base_color_size"]) == ("32 × 64", "16 × 16")
    assert measures["uv_utilization"] == 0.5
    assert measures["uv_charts"] == 1
    assert measures["uv_gutter_px"] is None
    assert measures["texel_density_px_per_m"] == pytest.approx(32)  # 16 x 64 texels on a square metre
    assert measures["ray_misses"] == 0
    assert measures["normal_error_mean_degrees"] == pytest.approx(0.3, abs=0.05)  # texel 128 is 0.22 degrees off each axis


def test_guessed_texels_count_only_where_there_is_surface(tmp_path: Path) -> None:
    material = Material(normal=np.full((64, 64, 3), (128, 128, 255), np.uint8))
    guessed = np.zeros((64, 64), np.uint8)
    guessed[:16] = 255
    guessed[:, 40:] = 255  # no surface there
    assert measure_model(written(tmp_path, card(), material), guessed=guessed)["guessed"] == 0.25


def test_lods_and_hulls_are_read_from_their_files(tmp_path: Path) -> None:
    main, lod = written(tmp_path, sphere()), written(tmp_path, sphere(4, 8), name="lod")
    hulls = tmp_path / "hulls.glb"
    touching = [cube(), cube().moved(offset=np.array([1, 0, 0], np.float32)), tetrahedron()]
    hulls.write_bytes(write_glb([Part(name=f"h{n}", mesh=hull) for n, hull in enumerate(touching)]))
    measures = measure_model(main, lods=(lod,), hulls=hulls)
    assert (measures["lods"], measures["lod1_triangles"]) == (2, sphere(4, 8).triangle_count)
    assert (measures["hulls"], measures["hull_vertices_max"], measures["hull_vertices"]) == (3, 8, 20)


def test_lods_say_how_far_they_are_off_and_from_where_engines_may_show_them(tmp_path: Path) -> None:
    main, lod = written(tmp_path, cube()), written(tmp_path, cube(0.9), name="lod")
    measures = measure_model(main, lods=(lod,))
    assert measures["lod1_deviation_m"] == pytest.approx(0.05 * 3**0.5, rel=1e-3)
    assert measures["lod1_deviation"] == pytest.approx(0.05, rel=1e-3)
    assert measures["lod1_silhouette_iou"] == pytest.approx(0.81, abs=0.01)
    assert 0 < measures["lod1_unity_height"] < measures["lod1_unreal_screen_size"] < 1
    assert measures["lod1_godot_m"] > 1


def test_hulls_are_compared_with_the_mesh_in_the_file(tmp_path: Path) -> None:
    measures = measure_model(written(tmp_path, cube()), hulls=written(tmp_path, cube(1.1), name="hull"))
    assert (measures["hull_triangles"], measures["hull_triangles_share"]) == (12, 1)
    assert measures["hull_volume_error"] == pytest.approx(1.1**3 - 1, rel=1e-3)
    assert measures["hull_outside"] == pytest.approx(0.05, rel=1e-3)
    assert measures["hull_uncovered"] == 0


def test_impossible_colours_and_half_metal_are_counted_where_there_is_surface(tmp_path: Path) -> None:
    base, orm = np.full((64, 64, 4), 255, np.uint8), np.zeros((64, 64, 3), np.uint8)
    base[..., :3] = 128
    base[:16, :, :3], base[16:32, :, :3] = 10, 250
    base[:, 32:, :3] = 0  # no surface there
    orm[48:, :, 2], orm[:48, :, 2] = 128, 255
    material = Material(base_color=base, orm=orm)
    measures = measure_model(written(tmp_path, card(), material))
    assert (measures["albedo_out_of_range"], measures["metallic_in_between"]) == (0.5, 0.25)


def test_fidelity_is_measured_by_texel_by_view_and_along_seams(tmp_path: Path) -> None:
    uv = sphere(8, 16)
    x, y, z = uv.positions.T
    uvs = np.stack([np.arctan2(x, z) / 7 + 0.5, np.arccos(np.clip(y, -1, 1)) / 7], 1).astype(np.float32)
    ball = add_tangents(replace(uv, uvs=uvs, normals=smooth_normals(uv)))
    colors = np.full((ball.vertex_count, 4), (90, 90, 90, 255), np.uint8)
    material = Material(base_color=np.full((64, 64, 4), (100, 100, 100, 255), np.uint8))
    found = measure_files(Files(model=written(tmp_path, ball, material)), reference=Reference(replace(ball, colors=colors)))
    assert found.measures["color_psnr_db"] == pytest.approx(20 * np.log10(25.5), abs=0.01)
    assert found.measures["silhouette_iou"] == 1
    assert np.nanmax(found.texels.color_levels) == np.nanmin(found.texels.color_levels) == 10
    changed = measure_files(Files(model=written(tmp_path, ball, material)), reference=found.reference, colored=False)
    assert changed.measures["color_psnr_db"] is None


def test_every_measure_is_in_the_table(tmp_path: Path) -> None:
    material = Material(normal=np.full((64, 64, 3), (128, 128, 255), np.uint8))
    path = written(tmp_path, card(), material)
    measures = measure_model(
        path, reference=Reference(card()), lods=(path,), hulls=written(tmp_path, cube(), name="hull"), guessed=np.zeros((64, 64), np.uint8)
    )
    assert set(measures) <= set(BY_KEY)
    assert len(BY_KEY) == len(MEASURES)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("triangles", 8000, "8,000"),
        ("uv_utilization", 0.6543, "65.4 %"),
        ("ray_misses", 0.0, "0 %"),
        ("normal_error_mean_degrees", 0.3012, "0.301°"),
        ("texel_density_px_per_m", 1234.5, "1,234 px/m"),
        ("volume_m3", None, "not applicable"),
        ("file_bytes", 4_125_504, "4.1 MB"),
        ("file_bytes", 999, "999 bytes"),
        ("watertight", "yes", "yes"),
        ("unheard_of", 3, "3"),
    ],
)
def test_values_as_people_read_them(key: str, value: float | str | None, shown: str) -> None:
    assert label_and_value(key, value)[1] == shown


def test_what_is_good_is_judged_by_bounds() -> None:
    gutter, watertight = BY_KEY["uv_gutter_share"], BY_KEY["watertight"]
    assert gutter.is_good(4 / 1024) is True and gutter.is_good(4 / 2048) is False and gutter.is_good(None) is None
    assert watertight.is_good("yes") is True and watertight.is_good("no") is False
    assert Measure(key="k", label="K", group="Shape").is_good(5) is None

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.errors import KilnError, ModelError
from kiln.formats.gltf_write import Part, write_glb
from kiln.formats.package_layout import hulls_path, lod_path
from kiln.formats.png import encode_png
from kiln.proof.inspect import attention, inspect_file
from shapes import cube, tetrahedron


def written(folder: Path, mesh: Mesh, *, name: str = "thing") -> Path:
    path = folder / f"{name}.glb"
    path.write_bytes(write_glb([Part(name=name, mesh=mesh)]))
    return path


def test_with_its_source_a_file_is_compared_with_it(tmp_path: Path) -> None:
    model = written(tmp_path, cube())
    assert "silhouette_iou" not in inspect_file(model).measures
    assert inspect_file(model, source=written(tmp_path, cube(0.5), name="source")).measures["silhouette_iou"] < 0.5


def test_inspecting_a_model_a_package_and_a_picture(tmp_path: Path) -> None:
    package = tmp_path / "thing"
    (package / "collision").mkdir(parents=True)
    written(package, cube())
    (package / lod_path("thing", 1)).write_bytes(write_glb([Part(name="l", mesh=tetrahedron())]))
    (package / hulls_path("thing")).write_bytes(write_glb([Part(name="h", mesh=cube())]))
    whole = inspect_file(package)
    assert (whole.name, whole.measures["lod1_triangles"], whole.measures["hulls"]) == ("thing", 4, 1)
    assert "lods" not in inspect_file(package / "thing.glb").measures
    pixels = np.zeros((40, 20, 4), np.uint8)
    pixels[10:, 4:16] = (200, 100, 50, 255)
    (tmp_path / "jug_back.png").write_bytes(encode_png(pixels))
    shown = inspect_file(tmp_path / "jug_back.png").measures
    assert (shown["width_px"], shown["height_px"], shown["view"], shown["has_matte"]) == (20, 40, "back", "yes")
    assert shown["coverage"] == pytest.approx(30 * 12 / 800)
    assert shown["touches_border"] == pytest.approx(12 / 116)


def test_what_cannot_be_inspected_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no thing\.glb"):
        (tmp_path / "thing").mkdir()
        inspect_file(tmp_path / "thing")
    with pytest.raises(KilnError):
        inspect_file(tmp_path / "absent.png")


def test_attention_is_drawn_to_what_is_not_good() -> None:
    assert attention({"open_edges": 0, "uv_utilization": 0.9}) == []
    (sentence,) = attention({"open_edges": 3, "uv_utilization": 0.9})
    assert sentence == "Open edges: 3, where 0 is good"

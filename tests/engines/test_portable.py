from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engines.props import handover, many, neutral, prop, skinned
from kiln.asset import Asset
from kiln.engines import engine_files
from oracles import khronos, three
from shapes import cube


@pytest.mark.parametrize("asset", [prop(), many(), skinned(), Asset(name="Bare", source=cube())], ids=lambda asset: asset.name)
def test_the_file_is_the_neutral_packages_byte_for_byte(asset: Asset) -> None:
    assert engine_files("portable", handover(asset)).files == {f"{asset.name}.glb": neutral(asset)}


def test_it_needs_no_extension(tmp_path: Path) -> None:
    bright = prop()
    assert bright.material is not None
    bright = replace(bright, material=replace(bright.material, emissive_factor=(4.0, 2.0, 0.0)))
    data = engine_files("portable", handover(bright)).files["Egg.glb"]
    assert b"extensionsRequired" not in data
    (tmp_path / "Egg.glb").write_bytes(data)
    (found,) = khronos(tmp_path / "Egg.glb")
    assert (found["errors"], found["warnings"]) == (0, 0)
    assert len(three(tmp_path / "Egg.glb")[0]) == 1

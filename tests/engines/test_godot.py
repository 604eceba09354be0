from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.props import handover, many, prop, skinned
from engines.readers.glb_file import read_glb
from kiln.asset import Asset
from kiln.engines import engine_files
from oracles import khronos, three
from shapes import cube


def _written(asset: Asset, folder: Path) -> Path:
    made = engine_files("godot", handover(asset))
    assert list(made.files) == [f"{asset.name}.glb"]
    (folder / f"{asset.name}.glb").write_bytes(made.files[f"{asset.name}.glb"])
    return folder / f"{asset.name}.glb"


def test_lod0_stands_beside_hulls_that_godot_makes_bodies_of(tmp_path: Path) -> None:
    asset = prop()
    found = read_glb(_written(asset, tmp_path))
    assert sorted(found) == ["Egg", "Egg_hull_00-convcolonly", "Egg_hull_01-convcolonly"]
    for name, hull in zip(sorted(found)[1:], asset.hulls, strict=True):
        assert np.array_equal(found[name].positions, hull.positions[hull.triangles].reshape(-1, 3))
        assert (found[name].materials == -1).all()


@pytest.mark.parametrize("asset", [prop(), many(), skinned(), Asset(name="Bare", source=cube())], ids=lambda asset: asset.name)
def test_validator_and_three_accept_it(asset: Asset, tmp_path: Path) -> None:
    path = _written(asset, tmp_path)
    (found,) = khronos(path)
    assert (found["errors"], found["warnings"]) == (0, 0), found["messages"]
    assert len(three(path)[0]) >= 1 + len(asset.hulls)


def test_hulls_that_joints_do_not_move_are_a_note() -> None:
    assert engine_files("godot", handover(prop())).notes == ()
    assert "stand still" in engine_files("godot", handover(replace(skinned(), hulls=(cube(),)))).notes[0]


def test_same_asset_same_bytes() -> None:
    assert engine_files("godot", handover(prop())).files == engine_files("godot", handover(prop())).files

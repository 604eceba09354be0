from __future__ import annotations

import json
import struct
from pathlib import Path

from kiln.asset import Primitive
from kiln.formats.gltf_write import write_glb
from kiln.formats.package_layout import hull_parts
from oracles import khronos
from shapes import cube


def test_a_hulls_node_says_which_primitive_is_as_good(tmp_path: Path) -> None:
    box = Primitive(kind="box", center=(0.0, 0.5, 0.0), size=(1.0, 1.0, 1.0))
    data = write_glb(hull_parts("crate", [(cube(), box), (cube(2), None)]))
    nodes = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])["nodes"]
    collider = {"kind": "box", "center": [0.0, 0.5, 0.0], "size": [1.0, 1.0, 1.0], "rotation": [0.0, 0.0, 0.0, 1.0]}
    assert nodes[0]["name"] == "crate_hull_00" and nodes[0]["extras"] == {"collider": collider} and "extras" not in nodes[1]
    (tmp_path / "hulls.glb").write_bytes(data)
    assert khronos(tmp_path / "hulls.glb")[0]["errors"] == 0

"""Seconds of the last mile in one warm process, as JSON: an FBX of many triangles, and each engine's folder of a finished package.

usage: exports.py PICTURE.png DENSE.glb      makes the picture an asset for the folders, and leaves the dense mesh as DENSE.glb for the peer
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import trimesh
from steps import seconds_of

import kiln
from kiln.asset import Material, Mesh
from kiln.engines import EngineName, Handover, engine_files
from kiln.engines.deliver import measured_switch_sizes
from kiln.formats.fbx.scene import FbxMaterial, FbxModel, FbxScene
from kiln.formats.fbx.write import write_fbx
from kiln.formats.gltf_write import Part, write_glb
from kiln.formats.package_read import open_package
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents

SUBDIVISIONS = 7
"""20 x 4^7 = 327,680 triangles."""


def dense() -> Mesh:
    """A ball with normals, tangents and two UV sets."""
    ball = trimesh.creation.icosphere(subdivisions=SUBDIVISIONS)
    positions, triangles = ball.vertices.astype(np.float32), ball.faces.astype(np.uint32)
    uvs = (positions[:, :2] / 2 + 0.5).astype(np.float32)
    bare = Mesh(positions=positions, triangles=triangles, uvs=uvs, lightmap_uvs=uvs)
    return add_tangents(replace(bare, normals=smooth_normals(bare)))


def zipped(engine: EngineName, handover: Handover) -> bytes:
    """The engine's folder as a zip. PNGs do not shrink further, so all is stored."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, data in engine_files(engine, handover).files.items():
            archive.writestr(path, data)
    return file.getvalue()


def main() -> None:
    mesh, material = dense(), Material(name="ball")
    scene = FbxScene(models=[FbxModel(name="SM_Ball", mesh=mesh)], materials=[FbxMaterial(name="M_Ball", material=material)])
    Path(sys.argv[2]).write_bytes(write_glb([Part(name="Ball", mesh=mesh)]))
    found = {"FBX of 327,680 triangles": seconds_of(lambda: write_fbx(scene))}
    with tempfile.TemporaryDirectory() as folder:
        opened = open_package(kiln.make(sys.argv[1], out=folder).folder)
    handover = Handover(asset=opened.asset, textures=opened.files, switch=measured_switch_sizes(opened.measures, len(opened.asset.lods)))
    for engine in get_args(EngineName):
        found[f"{engine}: folder and zip"] = seconds_of(lambda engine=engine: zipped(engine, handover))
    print(json.dumps(found))


if __name__ == "__main__":
    main()

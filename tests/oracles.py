"""Runs the validators that nobody here wrote (tests/validators). When they are missing, tests fail: a skipped judge judges nothing.

FBX is read by ufbx, GLB by pygltflib, and both corner by corner in one frame, so that files of the same asset can be compared in numbers.
Blender and Godot are run by `engines.readers.blender` and `engines.readers.godot`, in long tests only.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engines.readers.corners import CornerMesh, differences
from engines.readers.fbx_file import FbxFile
from engines.readers.fbx_file import read_fbx as ufbx_scene
from engines.readers.glb_file import read_glb

__all__ = [
    "CornerMesh",
    "FbxFile",
    "decoded",
    "differences",
    "gltf_transform",
    "khronos",
    "read_glb",
    "run_node",
    "sarif_schema",
    "three",
    "three_fbx",
    "ufbx_scene",
]

_FOLDER = Path(__file__).parent / "validators"


def run_node(script: str, *arguments: Path) -> str:
    if not (_FOLDER / "node_modules").is_dir():
        pytest.fail("the validators are not installed: run `make validators` (it needs node and npm)")
    done = subprocess.run(["node", str(_FOLDER / script), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def khronos(*files: Path) -> list[dict[str, Any]]:
    """Each file's errors, warnings, infos and messages, as Khronos' glTF validator finds them."""
    found = json.loads(run_node("validate.mjs", *files))
    return [found[str(file)] for file in files]


def three(*files: Path) -> list[list[dict[str, Any]]]:
    """Each GLB's meshes as three.js loads them."""
    found = json.loads(run_node("three_load.mjs", *files))
    return [found[str(file)] for file in files]


def three_fbx(*files: Path) -> list[list[dict[str, Any]]]:
    """Each FBX's meshes as three.js loads them: a lenient reader, so it proves little by itself."""
    found = json.loads(run_node("three_fbx.mjs", *files))
    return [found[str(file)] for file in files]


def gltf_transform(*files: Path) -> list[dict[str, Any]]:
    """What glTF-Transform's `inspect` tells of each GLB: warnings, extensions, scenes, meshes, materials, textures."""
    found = json.loads(run_node("inspect.mjs", *files))
    return [found[str(file)] for file in files]


def decoded(packed: Path, plain: Path) -> Path:
    """A GLB packed by Draco, meshopt or quantisation written as a plain one by glTF-Transform, for `read_glb`."""
    assert json.loads(run_node("decode.mjs", packed, plain)) == []
    return plain


def sarif_schema(*files: Path) -> list[list[str]]:
    """What breaks the SARIF 2.1.0 schema in each file."""
    found = json.loads(run_node("sarif.mjs", *files))
    return [found[str(file)] for file in files]

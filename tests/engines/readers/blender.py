"""Blender as a judge, in a Python of its own that the environment variable KILN_BLENDER names. Long tests only.

It is GPL and large, so it is nobody's dependency: without the variable its tests are skipped, and say so; with it they run or fail.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.readers.corners import CornerMesh

_HERE = Path(__file__).parent
_SECONDS = 300


@dataclass(frozen=True, eq=False, kw_only=True)
class BlenderScene:
    objects: dict[str, dict[str, Any]]
    """By name: type, parent, dimensions in metres (Blender's axes), materials, groups, bones by name with their parents."""

    materials: dict[str, dict[str, Any]]
    """By name: which inputs of the shader are `linked`, and `pictures` with colour space and size."""

    meshes: dict[str, CornerMesh]
    heads: dict[str, np.ndarray]
    """Where each bone starts, metres, glTF's frame."""


def run_blender(script: str, *arguments: str | Path) -> str:
    """What a script prints, one of those beside this file or one given by its whole path; a failed test where it fails."""
    python = os.environ.get("KILN_BLENDER")
    if not python:
        pytest.skip("Blender was not asked: set KILN_BLENDER to a Python that has bpy (CONTRIBUTING.md)")
    command = [python, str(_HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def blender_scene(model: Path, folder: Path, operator: str | None = None) -> BlenderScene:
    """What Blender holds after the import of a GLB or FBX; `operator` "wm_fbx" is its newer importer."""
    arrays = folder / f"{model.stem}.npz"
    run_blender("blender_dump.py", model, arrays, *([operator] if operator else []))
    told = json.loads(arrays.with_suffix(".json").read_text())
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(arrays) as stored:
        for key in stored.files:
            name, what = key.split("|", 1)
            found.setdefault(name, {})[what] = stored[key]
    bones = {what.removeprefix("bone "): at for each in found.values() for what, at in each.items() if what.startswith("bone ")}
    return BlenderScene(
        objects=told["objects"],
        materials=told["materials"],
        meshes={name: _mesh(name, each) for name, each in found.items() if "positions" in each},
        heads={name: _to_gltf(at) for name, at in bones.items()},
    )


def _to_gltf(rows: np.ndarray) -> np.ndarray:
    """From Blender's +Z up, -Y front."""
    return np.stack([rows[..., 0], rows[..., 2], -rows[..., 1]], axis=-1).astype(np.float64)


def _mesh(name: str, arrays: dict[str, np.ndarray]) -> CornerMesh:
    uvs = [arrays[key] for key in sorted(arrays) if key.startswith("uv")]
    return CornerMesh(
        name=name,
        positions=_to_gltf(arrays["positions"]),
        normals=_to_gltf(arrays["normals"]),
        uvs=tuple(np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1) for uv in uvs),
        materials=arrays["materials"],
        weights={key.removeprefix("weight "): value for key, value in arrays.items() if key.startswith("weight ")},
    )

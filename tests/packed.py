"""Packed geometry read by decoders nobody here wrote: npm's meshoptimizer, and three.js with the decoders that it ships."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.props import skinned
from kiln.asset import Asset
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.gltf_write import Part, encode_material, gltf_document
from oracles import khronos, run_node


@dataclass(frozen=True)
class Stream:
    """A meshopt stream and what its decoder must be told."""

    data: bytes
    mode: str
    count: int
    stride: int
    filter: str = "NONE"


@dataclass(frozen=True)
class ThreeMesh:
    """A primitive as three.js holds it."""

    name: str
    attributes: dict[str, np.ndarray]
    triangles: np.ndarray
    matrix: np.ndarray
    bones: int


def meshopt_decoded(streams: dict[str, Stream]) -> dict[str, np.ndarray]:
    """Each stream's bytes."""
    jobs = {key: {**vars(stream), "data": base64.b64encode(stream.data).decode()} for key, stream in streams.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "streams.json"
        path.write_text(json.dumps(jobs))
        found = json.loads(run_node("meshopt_decode.mjs", path))
    return {key: np.frombuffer(base64.b64decode(data), np.uint8) for key, data in found.items()}


def meshopt_sizes(*plain: Path) -> list[int]:
    """Bytes of each GLB when glTF-Transform packs it, normals in 8 bits."""
    found = json.loads(run_node("meshopt_size.mjs", *plain))
    return [found[str(file)] for file in plain]


def document_of(asset: Asset) -> tuple[dict[str, Any], bytes]:
    """The asset's plain glTF, to be packed."""
    materials = [encode_material(material) for material in game_materials(asset)]
    return gltf_document([Part(name=asset.name, mesh=game_mesh(asset))], materials, asset.skeleton)


def written(packs: Mapping[str, bytes], folder: Path) -> dict[str, Path]:
    """GLBs on disk, by the keys that they have in memory."""
    paths = {key: folder / f"{number}.glb" for number, key in enumerate(packs)}
    for key, path in paths.items():
        path.write_bytes(packs[key])
    return paths


def assert_khronos_is_silent(files: Mapping[str, Path]) -> None:
    for key, report in zip(files, khronos(*files.values()), strict=True):
        assert (report["errors"], report["warnings"]) == (0, 0), (key, report["messages"])


def three_packed(*files: Path) -> list[list[ThreeMesh]]:
    """Each GLB's primitives, packed or not."""
    found = json.loads(run_node("three_packed.mjs", *files))
    return [[_three_mesh(entry) for entry in found[str(file)]] for file in files]


def turned(triangles: np.ndarray) -> np.ndarray:
    """Each triangle begun at the corner from which it counts lowest, in its winding."""
    return np.array([min((a, b, c), (b, c, a), (c, a, b)) for a, b, c in triangles.tolist()])


def largest_angle(these: np.ndarray, those: np.ndarray) -> float:
    """Between unit vectors that all point alike, radians; by the sine, which is exact where the cosine is not."""
    assert (np.einsum("nk,nk->n", these, those) > 0).all()
    return float(np.linalg.norm(np.cross(these, those), axis=1).max())


def colored(influences: int) -> Asset:
    """With every attribute there is."""
    worm = skinned(bones=12)
    random = np.random.default_rng(6)
    weights = np.sort(random.dirichlet(np.full(influences, 0.5), worm.mesh.vertex_count), axis=1)[:, ::-1].astype(np.float32)
    joints = random.permuted(np.tile(np.arange(12), (len(weights), 1)), axis=1)[:, :influences].astype(np.uint16)
    joints[weights == 0] = 0
    colors = random.integers(0, 256, (worm.mesh.vertex_count, 4)).astype(np.uint8)
    return replace(worm, name="Colored", mesh=replace(worm.mesh, joints=joints, weights=weights, colors=colors))


def _three_mesh(entry: dict[str, Any]) -> ThreeMesh:
    def floats(text: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(text), np.float32)

    return ThreeMesh(
        name=entry["name"],
        attributes={key: floats(held["numbers"]).reshape(-1, held["width"]) for key, held in entry["attributes"].items()},
        triangles=floats(entry["index"]).astype(np.int64).reshape(-1, 3),
        matrix=np.array(entry["matrix"]).reshape(4, 4).T,
        bones=entry["bones"],
    )

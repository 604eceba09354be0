"""`kiln export` of models with something wrong: one sentence that names the cure, or packages that outside readers take silently."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import kiln
from engines import props
from kiln.asset import Asset, Material, Mesh
from kiln.errors import ModelError
from kiln.formats.asset_files import game_mesh
from kiln.formats.gltf_write import EncodedMaterial, Part, encode_material, write_glb
from oracles import FbxFile, khronos, ufbx_scene

ENGINES = ("unreal", "unity", "godot", "portable")
LONG = "long" * 50


def glb(asset: Asset) -> bytes:
    materials = [encode_material(material) for material in ([asset.material] if asset.material else asset.source_materials)]
    return write_glb([Part(name=asset.name, mesh=game_mesh(asset))], materials, skeleton=asset.skeleton)


def without_normals() -> bytes:
    return glb(replace(props.prop(), mesh=replace(props.ball(), normals=None, tangents=None)))


def unmoved() -> bytes:
    asset = props.skinned()
    assert asset.mesh is not None and asset.mesh.weights is not None
    return glb(replace(asset, mesh=replace(asset.mesh, weights=np.zeros_like(asset.mesh.weights))))


def sixteen_bits() -> bytes:
    """A base colour whose PNG has 16 bits a channel."""
    done, data = cv2.imencode(".png", np.full((8, 8, 3), (0, 0, 51_400), np.uint16))
    assert done
    material = EncodedMaterial(material=Material(name="deep"), images={"base_color": data.tobytes()})
    return write_glb([Part(name="deep", mesh=props.ball())], [material])


def scaled(*scale: float) -> bytes:
    ball = props.ball()
    return write_glb([Part(name="ball", mesh=replace(ball, positions=ball.positions * np.float32(scale)))])


def with_nan() -> bytes:
    """One coordinate of the buffer overwritten, as the writer refuses it."""
    ball = props.ball()
    data = bytearray(write_glb([Part(name="ball", mesh=ball)]))
    first = data.index(ball.positions.tobytes())
    struct.pack_into("<f", data, first + 16, float("nan"))
    return bytes(data)


def twins() -> bytes:
    """Materials that differ in case alone, and one without a name."""
    asset = props.many()
    pairs = zip(asset.source_materials, ("Rock", "rock", ""), strict=True)
    return glb(replace(asset, source_materials=tuple(replace(material, name=name) for material, name in pairs)))


def plain() -> bytes:
    ball: Mesh = props.ball()
    return write_glb([Part(name="ball", mesh=ball)])


SOUND: dict[str, tuple[str, Callable[[], bytes]]] = {  # the name of the package that comes of the file of that name
    f"{LONG}.glb": (LONG[:64], plain),
    "!!!.glb": ("asset", plain),
    "череп.glb": ("cherep", plain),
    "con.glb": ("a_con", plain),
    "no_normals.glb": ("no_normals", without_normals),
    "unmoved.glb": ("unmoved", unmoved),
    "deep.glb": ("deep", sixteen_bits),
    "twins.glb": ("twins", twins),
    "flat.glb": ("flat", lambda: scaled(1, 1, 0)),
}

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "zero_scale.glb": (lambda: scaled(0, 0, 0), "scale it up"),
    "nan.glb": (with_nan, "export"),
}


@dataclass
class Outcome:
    """The packages by file, and what outside readers say of them."""

    packages: dict[str, kiln.Package]
    glbs: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("bad")
    packages = dict(_exported(folder))
    paths = {file: sorted(package.folder.rglob("*.glb")) for file, package in packages.items()}
    judged = iter(khronos(*(path for held in paths.values() for path in held)))
    return Outcome(packages=packages, glbs={file: [next(judged) for _ in held] for file, held in paths.items()})


def _exported(folder: Path) -> Iterator[tuple[str, kiln.Package]]:
    for number, (file, (_, make)) in enumerate(SOUND.items()):
        (folder / str(number)).mkdir()
        (folder / str(number) / file).write_bytes(make())
        package = kiln.export(folder / str(number) / file, engine=ENGINES, out=folder / str(number), previews=False, archive=False)
        yield file, package


def fbx_files(package: kiln.Package) -> list[FbxFile]:
    return [ufbx_scene(path) for path in sorted(package.folder.rglob("*.fbx"))]


@pytest.mark.parametrize("file", SOUND)
def test_outside_readers_take_the_package_without_a_word(outcome: Outcome, file: str) -> None:
    package = outcome.packages[file]
    assert package.name == SOUND[file][0]
    assert [(judged["errors"], judged["warnings"]) for judged in outcome.glbs[file]] == [(0, 0)] * 3
    assert all(fbx.warnings == () for fbx in fbx_files(package))


def test_sixteen_bits_become_eight(outcome: Outcome) -> None:
    [path] = (outcome.packages["deep.glb"].folder / "unreal").glob("T_*_BC.png")
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert (pixels.dtype, pixels[0, 0].tolist()) == (np.uint8, [0, 0, 200])


def test_what_nothing_moves_follows_the_root(outcome: Outcome) -> None:
    [fbx] = fbx_files(outcome.packages["unmoved.glb"])[:1]
    [mesh] = fbx.meshes.values()
    assert all((weights == (joint == "root")).all() for joint, weights in mesh.weights.items())


@pytest.mark.parametrize("file", REFUSED)
def test_a_model_that_nobody_could_show_is_refused_and_leaves_nothing(file: str, tmp_path: Path) -> None:
    make, cure = REFUSED[file]
    (tmp_path / file).write_bytes(make())
    with pytest.raises(ModelError, match=cure):
        kiln.export(tmp_path / file, engine=ENGINES, out=tmp_path / "out", previews=False)
    assert [path.name for path in tmp_path.iterdir()] == [file]

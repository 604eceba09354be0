"""Makes the assets that docs/release_checklist.md has a person look at in Unreal and Unity: `python examples/release_assets.py [FOLDER]`.

Each proves one convention at a glance: size, direction, relief, slots, LODs and hulls, a skeleton. Deterministic; about ten seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import kiln
from kiln.asset import Material, Mesh, Skeleton
from kiln.formats.gltf_write import Part, encode_material, write_glb

ENGINES = ("unreal", "unity", "godot", "blender", "web")

FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
"""Of a box whose corner number has a bit for each of x, y, z: low is 0."""

BONES = {  # parent, and where the joint is: metres, +Y up, the character's left at +X
    "root": ("", (0.0, 0.0, 0.0)),
    "pelvis": ("root", (0.0, 0.95, 0.0)),
    "spine_01": ("pelvis", (0.0, 1.1, 0.0)),
    "spine_02": ("spine_01", (0.0, 1.3, 0.0)),
    "neck_01": ("spine_02", (0.0, 1.5, 0.0)),
    "head": ("neck_01", (0.0, 1.6, 0.0)),
    "upperarm_l": ("spine_02", (0.18, 1.45, 0.0)),
    "lowerarm_l": ("upperarm_l", (0.46, 1.45, 0.0)),
    "hand_l": ("lowerarm_l", (0.72, 1.45, 0.0)),
    "upperarm_r": ("spine_02", (-0.18, 1.45, 0.0)),
    "lowerarm_r": ("upperarm_r", (-0.46, 1.45, 0.0)),
    "hand_r": ("lowerarm_r", (-0.72, 1.45, 0.0)),
    "thigh_l": ("pelvis", (0.1, 0.92, 0.0)),
    "calf_l": ("thigh_l", (0.1, 0.5, 0.0)),
    "foot_l": ("calf_l", (0.1, 0.08, 0.0)),
    "thigh_r": ("pelvis", (-0.1, 0.92, 0.0)),
    "calf_r": ("thigh_r", (-0.1, 0.5, 0.0)),
    "foot_r": ("calf_r", (-0.1, 0.08, 0.0)),
}
"""Unreal's names, so that its mannequin's animations can be retargeted by name."""

LIMBS = {  # the box that follows each bone: low and high corner
    "pelvis": ((-0.16, 0.88, -0.1), (0.16, 1.1, 0.1)),
    "spine_01": ((-0.15, 1.1, -0.1), (0.15, 1.3, 0.1)),
    "spine_02": ((-0.2, 1.3, -0.11), (0.2, 1.5, 0.11)),
    "head": ((-0.1, 1.56, -0.11), (0.1, 1.8, 0.13)),
    "upperarm_l": ((0.2, 1.4, -0.05), (0.45, 1.5, 0.05)),
    "lowerarm_l": ((0.46, 1.41, -0.045), (0.71, 1.49, 0.045)),
    "hand_l": ((0.72, 1.42, -0.05), (0.88, 1.48, 0.05)),
    "upperarm_r": ((-0.45, 1.4, -0.05), (-0.2, 1.5, 0.05)),
    "lowerarm_r": ((-0.71, 1.41, -0.045), (-0.46, 1.49, 0.045)),
    "hand_r": ((-0.88, 1.42, -0.05), (-0.72, 1.48, 0.05)),
    "thigh_l": ((0.03, 0.5, -0.07), (0.17, 0.88, 0.07)),
    "calf_l": ((0.04, 0.1, -0.06), (0.16, 0.49, 0.06)),
    "foot_l": ((0.04, 0.0, -0.07), (0.16, 0.09, 0.2)),
    "thigh_r": ((-0.17, 0.5, -0.07), (-0.03, 0.88, 0.07)),
    "calf_r": ((-0.16, 0.1, -0.06), (-0.04, 0.49, 0.06)),
    "foot_r": ((-0.16, 0.0, -0.07), (-0.04, 0.09, 0.2)),
}


def box(low: Sequence[float], high: Sequence[float], *, material: int = 0) -> Mesh:
    """A box with sharp edges: four vertices a side."""
    corners = np.array([[(high if n >> axis & 1 else low)[axis] for axis in range(3)] for n in range(8)], np.float32)
    triangles = np.arange(0, 24, 4)[:, None] + np.array([0, 2, 1, 0, 3, 2])
    normals = np.repeat([(0, 0, -1), (0, 0, 1), (0, -1, 0), (0, 1, 0), (-1, 0, 0), (1, 0, 0)], 4, axis=0)
    return Mesh(
        positions=corners[np.array(FACES).ravel()],
        triangles=triangles.reshape(-1, 3).astype(np.uint32),
        normals=normals.astype(np.float32),
        material_ids=np.full(12, material, np.uint32),
    )


def joined(parts: Sequence[Mesh]) -> Mesh:
    """One mesh of all."""
    starts = np.cumsum([0, *(part.vertex_count for part in parts)])
    return Mesh(
        positions=np.concatenate([part.positions for part in parts]),
        triangles=np.concatenate([part.triangles + np.uint32(start) for part, start in zip(parts, starts, strict=False)]),
        normals=np.concatenate([part.normals for part in parts if part.normals is not None]),
        material_ids=np.concatenate([part.material_ids for part in parts if part.material_ids is not None]),
    )


def paint(name: str, red: float, green: float, blue: float) -> Material:
    """Plain plastic, linear colour."""
    return Material(name=name, base_color_factor=(red, green, blue, 1.0), roughness_factor=0.6, metallic_factor=0.0)


def write(folder: Path, name: str, mesh: Mesh, materials: Sequence[Material], skeleton: Skeleton | None = None) -> None:
    """The model as it is, for every engine."""
    path = folder / "source" / f"{name}.glb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_glb([Part(name=name, mesh=mesh)], [encode_material(material) for material in materials], skeleton=skeleton))
    kiln.export(path, engine=ENGINES, out=folder)


def cube(folder: Path) -> None:
    """100 cm on a side, standing on the ground."""
    write(folder, "check_cube", replace(box((-0.5, 0, -0.5), (0.5, 1, 0.5)), material_ids=None), [paint("grey", 0.4, 0.4, 0.4)])


def arrow(folder: Path) -> None:
    """Its red head points to the front, its green fin up, its blue stub to the asset's own left."""
    parts = [
        box((-0.05, 0.2, -0.5), (0.05, 0.3, 0.3)),
        box((-0.15, 0.15, 0.3), (0.15, 0.35, 0.5), material=1),
        box((-0.02, 0.3, -0.5), (0.02, 0.6, -0.3), material=2),
        box((0.05, 0.22, -0.1), (0.25, 0.28, 0.0), material=3),
    ]
    colors = [paint("shaft", 0.5, 0.5, 0.5), paint("front", 0.8, 0.05, 0.05), paint("up", 0.05, 0.6, 0.05), paint("left", 0.05, 0.1, 0.8)]
    write(folder, "check_arrow", joined(parts), colors)


def slots(folder: Path) -> None:
    """Three cubes in the order of their slots: red, green, blue, from the asset's right to its left."""
    parts = [box((x - 0.2, 0, -0.2), (x + 0.2, 0.4, 0.2), material=n) for n, x in enumerate((-0.5, 0.0, 0.5))]
    write(folder, "check_slots", joined(parts), [paint("a_red", 0.8, 0, 0), paint("b_green", 0, 0.6, 0), paint("c_blue", 0, 0, 0.8)])


def bump(folder: Path) -> None:
    """A flat plate whose normal map holds half a ball that bulges out of it: it must be lit on the light's side."""
    size = 512
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size * 2 - 1
    height = np.sqrt(np.clip(0.25 - x * x - y * y, 0, None))
    inside = height > 0
    # The ball's normal on the plate: x to the right, y up in the picture, whose rows run down.
    normal = np.where(inside[..., None], np.stack([x / 0.5, -y / 0.5, height / 0.5], axis=-1), (0.0, 0.0, 1.0))
    maps = np.round((normal + 1) * 127.5).astype(np.uint8)
    positions = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0.5, 1, 0], [-0.5, 1, 0]], np.float32)
    plate = Mesh(
        positions=positions,
        triangles=np.array([[0, 1, 2], [0, 2, 3]], np.uint32),
        uvs=np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32),
        normals=np.tile(np.array([0, 0, 1], np.float32), (4, 1)),
    )
    write(folder, "check_bump", plate, [replace(paint("plate", 0.4, 0.4, 0.4), normal=maps, double_sided=True)])


def levels(folder: Path) -> None:
    """A ball with three coarser LODs and one hull, through the game stages."""
    steps = np.linspace(0, np.pi, 65)
    turns = np.linspace(0, 2 * np.pi, 129)[:-1]
    ring = np.stack(
        [np.outer(np.sin(steps), np.cos(turns)), np.outer(np.cos(steps), 0 * turns + 1), np.outer(np.sin(steps), np.sin(turns))]
    )
    positions = (ring.reshape(3, -1).T * 0.5 + (0, 0.5, 0)).astype(np.float32)
    row, column = np.mgrid[0:64, 0:128]
    a, b = row * 128 + column, row * 128 + (column + 1) % 128
    quads = np.stack([a, b, b + 128, a + 128], axis=-1).reshape(-1, 4)
    ball = Mesh(positions=positions, triangles=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.uint32))
    path = folder / "source" / "check_lods.glb"
    path.write_bytes(write_glb([Part(name="check_lods", mesh=ball)]))
    small = {"simplify": {"triangles": 4000}, "unwrap": {"size": 512}, "lods": {"levels": 4}, "collide": {"hulls": 1}}
    kiln.process(path, out=folder, contract="none", export={"engine": ENGINES}, **small)


def mannequin(folder: Path) -> None:
    """A figure of boxes on Unreal's bones, facing the front in a T-pose."""
    names = tuple(BONES)
    local = np.tile(np.eye(4), (len(names), 1, 1))
    for joint, (parent, place) in enumerate(BONES.values()):
        local[joint, :3, 3] = np.array(place) - (BONES[parent][1] if parent else (0.0, 0.0, 0.0))
    parents = np.array([names.index(parent) if parent else -1 for parent, _ in BONES.values()], np.int32)
    parts = {name: box(low, high) for name, (low, high) in LIMBS.items()}
    mesh = replace(joined(list(parts.values())), material_ids=None)
    joints = np.zeros((mesh.vertex_count, 4), np.uint16)
    joints[:, 0] = np.repeat([names.index(name) for name in parts], 24)
    weights = np.zeros((mesh.vertex_count, 4), np.float32)
    weights[:, 0] = 1
    skin = replace(mesh, joints=joints, weights=weights)
    write(folder, "check_figure", skin, [paint("clay", 0.5, 0.35, 0.25)], Skeleton(names=names, parents=parents, local_matrices=local))


ASSETS: tuple[Callable[[Path], None], ...] = (cube, arrow, slots, bump, mannequin, levels)


def main(folder: Path) -> None:
    """Write them all."""
    for make in ASSETS:
        make(folder)
        print(f"{make.__name__}: {make.__doc__}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/release"))

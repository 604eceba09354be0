"""What tends to be wrong with assets, through every engine: a refusal that names the cure, or files that outside readers take silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from engines import props
from kiln.asset import Asset, Material, Mesh
from kiln.engines import EngineName, Handover, engine_files
from kiln.errors import ModelError
from oracles import FbxFile, khronos, ufbx_scene
from shapes import cube

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
LONG = "long" * 50
MAPS = ("base_color", "normal", "orm", "emissive")

Make = Callable[[], Asset]


def painted(**changes: Any) -> Asset:
    """The prop with all four maps, but for changes of its material."""
    material = props.prop().material
    assert material is not None
    glow = replace(material, emissive=np.full((16, 16, 3), 40, np.uint8), emissive_factor=(1.0, 1.0, 1.0))
    return replace(props.prop(), material=replace(glow, **changes))


def sized(width: int, height: int) -> Asset:
    """Maps of these sizes, texels."""
    shape = (height, width)
    maps = {slot: np.full((*shape, 4 if slot == "base_color" else 3), 128, np.uint8) for slot in MAPS}
    return painted(**maps)


def bare(mesh: Mesh) -> Mesh:
    return replace(mesh, uvs=None, lightmap_uvs=None, tangents=None)


def without_uvs() -> Asset:
    asset = props.prop()
    return replace(asset, mesh=bare(props.ball()), lods=tuple(map(bare, asset.lods)))


def with_names(*names: str) -> Asset:
    asset = props.many()
    pairs = zip(asset.source_materials, names, strict=True)
    return replace(asset, source_materials=tuple(replace(material, name=name) for material, name in pairs))


def with_joints(*names: str) -> Asset:
    asset = props.skinned(bones=len(names))
    assert asset.skeleton is not None
    return replace(asset, skeleton=replace(asset.skeleton, names=names))


def with_mesh(change: Callable[[Mesh], Mesh]) -> Asset:
    asset = props.prop()
    assert asset.mesh is not None
    return replace(asset, mesh=change(asset.mesh))


def squashed(mesh: Mesh, *scale: float) -> Mesh:
    return replace(mesh, positions=mesh.positions * np.float32(scale))


def with_nan(mesh: Mesh) -> Mesh:
    positions = mesh.positions.copy()
    positions[3, 1] = np.nan
    return replace(mesh, positions=positions)


def flat_sheet() -> Asset:
    """No extent along Z: a decal."""
    x, y = np.meshgrid(np.linspace(0, 1, 3, dtype=np.float32), np.linspace(0, 1, 3, dtype=np.float32))
    at = np.arange(9).reshape(3, 3)
    quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=-1).reshape(-1, 4)
    uvs = np.stack([x.ravel(), 1 - y.ravel()], axis=1)
    sheet = Mesh(
        positions=np.stack([x.ravel(), y.ravel(), np.zeros(9, np.float32)], axis=1),
        triangles=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.uint32),
        normals=np.tile(np.float32((0, 0, 1)), (9, 1)),
        tangents=np.tile(np.float32((1, 0, 0, 1)), (9, 1)),
        uvs=uvs,
    )
    return replace(props.prop(), mesh=sheet, lods=(), hulls=())


def crowded() -> Asset:
    """70,000 vertices: more than 16-bit indices reach. Most of them are of no triangle, which keeps this fast."""
    ball = props.ball()
    index = np.arange(70_000) % ball.vertex_count
    last = 70_000 - 70_000 % ball.vertex_count - ball.vertex_count
    return replace(props.prop(), mesh=ball.take_vertices(index, ball.triangles + np.uint32(last)), lods=())


SOUND: dict[str, tuple[Make, str]] = {  # how to make it, and a word of the note that every engine owes ("" for none)
    **{f"no {slot}": (partial(painted, **{slot: None}), "") for slot in MAPS},
    "no maps": (partial(painted, **dict.fromkeys(MAPS)), ""),
    "no UVs": (without_uvs, "there are no UVs"),
    "no material": (lambda: replace(props.prop(), material=None), ""),
    "LODs without UVs": (lambda: replace(props.prop(), lods=(props.ball(5, 6), bare(props.ball(4, 5)))), "has no UVs"),
    "flat hulls": (lambda: replace(props.prop(), hulls=(squashed(cube(), 1, 0, 1), cube())), "1 collision hulls are left out"),
    "only a flat hull": (lambda: replace(props.prop(), hulls=(squashed(cube(), 1, 1, 0),)), "1 collision hulls are left out"),
    "a flat asset": (flat_sheet, ""),
    "70,000 vertices": (crowded, ""),
    "300 bones": (partial(props.skinned, bones=300), ""),
    "joints by case": (partial(with_joints, "root", "Bone", "bone", ""), ""),
    "materials by case": (partial(with_names, "Rock", "rock", "ROCK"), ""),
    "over-long, empty, unicode": (partial(with_names, LONG, "", "камень"), ""),
    "mask": (partial(painted, alpha_mode="MASK"), ""),
    "blend": (partial(painted, alpha_mode="BLEND", base_color_factor=(1.0, 1.0, 1.0, 0.25), double_sided=True), ""),
    "emission of 5": (partial(painted, emissive_factor=(5.0, 2.5, 0.0)), ""),
    "1 x 1 texels": (partial(sized, 1, 1), ""),
    "31 x 7 texels": (partial(sized, 31, 7), ""),
    "64 x 8 texels": (partial(sized, 64, 8), ""),
}

REFUSED: dict[str, tuple[Make, str]] = {  # and the cure
    "zero scale": (lambda: with_mesh(lambda mesh: squashed(mesh, 0, 0, 0)), "scale it up"),
    "NaN": (lambda: with_mesh(with_nan), "export the model again"),
    "NaN in a LOD": (lambda: replace(props.prop(), lods=(with_nan(props.ball()),)), "LOD1.*export the model again"),
    "NaN in a hull": (lambda: replace(props.prop(), hulls=(with_nan(cube()),)), "hull 0.*export the model again"),
    "no triangles": (lambda: with_mesh(lambda mesh: replace(mesh, triangles=np.zeros((0, 3), np.uint32))), "give a model with a surface"),
    "unknown material": (
        lambda: replace(props.many(), source_materials=(Material(), Material())),
        "refer to material 2.*export it again",
    ),
}


def handed_over(asset: Asset) -> Handover:
    """With the neutral package's textures; its LODs and hulls, as somebody may have changed them since, do not matter for those."""
    return replace(props.handover(replace(asset, lods=(), hulls=())), asset=asset)


@dataclass
class Outcome:
    """What an engine made of every sound case, and what outside readers say of it."""

    notes: dict[str, tuple[str, ...]]
    files: dict[str, list[str]]
    glbs: dict[str, list[dict[str, Any]]]
    fbxs: dict[str, list[FbxFile]]


# The web's posters take 0.6 s each.
@pytest.fixture(scope="module", params=[pytest.param(engine, marks=[pytest.mark.long] * (engine == "web")) for engine in ENGINES])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """All cases at once, as starting a validator takes longer than validating."""
    engine, folder = request.param, tmp_path_factory.mktemp(request.param)
    made = {case: engine_files(engine, handed_over(make())) for case, (make, _) in SOUND.items()}
    for case, held in made.items():
        for path, data in held.files.items():
            (folder / case / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / case / path).write_bytes(data)
    glbs = {case: sorted((folder / case).rglob("*.glb")) for case in made}
    judged = iter(khronos(*(path for paths in glbs.values() for path in paths)) if any(glbs.values()) else ())
    return Outcome(
        notes={case: held.notes for case, held in made.items()},
        files={case: list(held.files) for case, held in made.items()},
        glbs={case: [next(judged) for _ in paths] for case, paths in glbs.items()},
        fbxs={case: list(_fbx_files(folder / case)) for case in made},
    )


def _fbx_files(folder: Path) -> Iterator[FbxFile]:
    for path in sorted(folder.rglob("*.fbx")):
        yield ufbx_scene(path)


@pytest.mark.parametrize("case", SOUND)
def test_outside_readers_take_it_without_a_word(outcome: Outcome, case: str) -> None:
    assert outcome.glbs[case] or outcome.fbxs[case]
    for judged in outcome.glbs[case]:
        assert (judged["errors"], judged["warnings"]) == (0, 0), judged["messages"]
    for fbx in outcome.fbxs[case]:
        assert fbx.warnings == ()
    assert len({path.lower() for path in outcome.files[case]}) == len(outcome.files[case])
    assert max(map(len, outcome.files[case])) < 160


@pytest.mark.parametrize("case", [case for case, (_, note) in SOUND.items() if note])
def test_a_fallback_is_a_note(outcome: Outcome, case: str) -> None:
    assert SOUND[case][1] in " ".join(outcome.notes[case])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", REFUSED)
def test_what_no_engine_could_show_is_refused_with_its_cure(engine: EngineName, case: str) -> None:
    make, cure = REFUSED[case]
    whole = props.handover(props.prop())
    with pytest.raises(ModelError, match=cure):
        engine_files(engine, replace(whole, asset=make()))

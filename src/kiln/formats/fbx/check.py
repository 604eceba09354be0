"""What must hold of a scene before it becomes an FBX file. ModelError where an asset may be at fault, ValueError where its caller is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from kiln.asset import Mesh, Skeleton
from kiln.errors import ModelError
from kiln.formats.fbx.scene import FbxModel, FbxScene


def check_scene(scene: FbxScene) -> None:
    """Raise ModelError or ValueError for what cannot be written, or would be read as something else."""
    models = [*scene.models, *scene.lods]
    if not models and scene.skeleton is None:
        raise ValueError("an FBX file needs a model or a skeleton: there is nothing to write")
    _check_lods(scene)
    joints = () if scene.skeleton is None else scene.skeleton.names
    group = () if scene.lod_group is None else (scene.lod_group,)
    _check_names("nodes", [*group, *(model.name for model in models), *joints])
    _check_names("materials", [material.name for material in scene.materials])
    _check_textures(scene)
    if scene.skeleton is not None:
        _check_skeleton(scene.skeleton)
    for model in models:
        try:
            _check_model(model, scene)
        except ModelError as error:
            raise ModelError(f"{model.name}: {error}") from None


def _check_lods(scene: FbxScene) -> None:
    if bool(scene.lods) != (scene.lod_group is not None):
        raise ValueError("LODs need a LodGroup's name, and a LodGroup needs LODs")
    thresholds = list(scene.lod_thresholds)
    if not thresholds:
        return
    if len(thresholds) != len(scene.lods) - 1:
        raise ValueError(f"{len(scene.lods)} LODs have {max(0, len(scene.lods) - 1)} thresholds between them, not {len(thresholds)}")
    falling = all(a > b for a, b in zip([100.0, *thresholds], [*thresholds, 0.0], strict=True))
    if not falling:
        raise ValueError(f"LOD thresholds must fall from below 100 percent to above 0: {thresholds}")


def _check_names(things: str, names: Iterable[str]) -> None:
    """All different: engines rename or overwrite what shares a name, and clusters and hulls find their nodes by it."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{count} {things} are called {name!r}: give each a name of its own")
        if not name or "\0" in name:
            raise ValueError(f"{name!r} cannot name one of the {things}")


def _check_textures(scene: FbxScene) -> None:
    contents: dict[str, bytes | None] = {}
    for texture in (texture for material in scene.materials for texture in material.textures.values()):
        if contents.setdefault(texture.path, texture.content) != texture.content:
            raise ValueError(f"two textures with different content have the path {texture.path!r}")


def _check_skeleton(skeleton: Skeleton) -> None:
    count = len(skeleton.names)
    if not (len(skeleton.parents) == len(skeleton.local_matrices) == count > 0):
        raise ValueError("a skeleton needs joints, and as many names as parents and matrices")
    if not (skeleton.parents < np.arange(count)).all() or (skeleton.parents < -1).any():
        raise ValueError("every joint's parent must come before it")
    if not np.isfinite(skeleton.local_matrices).all():
        raise ModelError("a joint's matrix holds numbers that are not finite: export the model again")
    if (np.linalg.det(skeleton.local_matrices[:, :3, :3]) == 0).any():
        raise ModelError("a joint is scaled to nothing, so nothing can be bound to it: give it a scale")


def _check_model(model: FbxModel, scene: FbxScene) -> None:
    mesh = model.mesh
    if not mesh.triangle_count:
        raise ModelError("it has no triangles to write")
    if int(mesh.triangles.max()) >= mesh.vertex_count:
        raise ModelError(f"a triangle refers to vertex {int(mesh.triangles.max())} of {mesh.vertex_count}: export the model again")
    for name in ("positions", "normals", "tangents", "uvs", "lightmap_uvs", "weights"):
        values = getattr(mesh, name)
        if values is not None and not np.isfinite(values).all():
            raise ModelError(f"{name} hold numbers that are not finite: export the model again, or repair it with `kiln process`")
    if mesh.tangents is not None and mesh.normals is None:
        raise ModelError("tangents without normals mean nothing: give both, or neither")
    if model.materials and scene.materials:
        _check_materials(mesh, scene)
    _check_weights(mesh, scene.skeleton)


def _check_materials(mesh: Mesh, scene: FbxScene) -> None:
    used = np.unique(mesh.material_ids) if mesh.material_ids is not None else np.zeros(1, np.uint32)
    if int(used[-1]) >= len(scene.materials):
        raise ModelError(f"a triangle refers to material {int(used[-1])} of {len(scene.materials)}: export it again with its materials")
    if mesh.uvs is None and any(scene.materials[number].textures for number in used.tolist()):
        raise ModelError("a material with textures needs UVs: unwrap the mesh before")


def _check_weights(mesh: Mesh, skeleton: Skeleton | None) -> None:
    if mesh.joints is None and mesh.weights is None:
        return
    if mesh.joints is None or mesh.weights is None or mesh.joints.shape != mesh.weights.shape:
        raise ModelError("joints and weights must come together, as many of the one as of the other")
    if skeleton is None:
        raise ModelError("it has weights, but there is no skeleton that they refer to: give both, or neither")
    if int(mesh.joints.max()) >= len(skeleton.names):
        raise ModelError(f"a vertex follows joint {int(mesh.joints.max())} of {len(skeleton.names)}: export it again with its skeleton")
    lost = int((mesh.weights.min(axis=1) < 0).sum() + (mesh.weights.sum(axis=1) <= 0).sum())
    if lost:
        raise ModelError(f"{lost} vertices have negative weights, or none at all: weights must sum to one")

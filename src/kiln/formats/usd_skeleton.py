"""Skeletons as UsdSkel has them ("UsdSkel" of the OpenUSD documentation)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64
from pxr import Gf, Sdf, Usd, UsdGeom, UsdSkel, Vt

from kiln.asset import Mesh, Skeleton
from kiln.formats.names import unique_names


def add_skeleton(stage: Usd.Stage, path: Sdf.Path, skeleton: Skeleton) -> UsdSkel.Skeleton:
    """The skeleton at rest in the pose in which the mesh was bound to it. Joints are known by their paths of safe names."""
    made = UsdSkel.Skeleton.Define(stage, path)
    made.CreateJointsAttr(Vt.TokenArray(_joint_paths(skeleton)))
    made.CreateJointNamesAttr(Vt.TokenArray(list(skeleton.names)))
    made.CreateBindTransformsAttr(_row_matrices(skeleton.global_matrices))
    made.CreateRestTransformsAttr(_row_matrices(skeleton.local_matrices))
    return made


def bind_skeleton(shape: UsdGeom.Mesh, mesh: Mesh, first: Int64[np.ndarray, " points"], skeleton: UsdSkel.Skeleton) -> None:
    """Make the mesh follow the skeleton; point i is the mesh's vertex first[i]."""
    assert mesh.joints is not None and mesh.weights is not None  # noqa: S101 - for the type checker: a skinned mesh has both
    binding = UsdSkel.BindingAPI.Apply(shape.GetPrim())
    influences = mesh.joints.shape[1]
    binding.CreateJointIndicesPrimvar(False, influences).Set(Vt.IntArray.FromNumpy(mesh.joints[first].astype(np.int32).ravel()))
    binding.CreateJointWeightsPrimvar(False, influences).Set(Vt.FloatArray.FromNumpy(mesh.weights[first].ravel()))
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1))
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])


def _joint_paths(skeleton: Skeleton) -> list[str]:
    """Each joint below its parent, as in "root/pelvis/spine"."""
    paths: list[str] = []
    for name, parent in zip(unique_names(skeleton.names), skeleton.parents.tolist(), strict=True):
        paths.append(f"{paths[parent]}/{name}" if parent >= 0 else name)
    return paths


def _row_matrices(matrices: Float64[np.ndarray, "joints 4 4"]) -> Vt.Matrix4dArray:
    """USD's matrices multiply row vectors from the right."""
    return Vt.Matrix4dArray.FromNumpy(np.ascontiguousarray(matrices.transpose(0, 2, 1)))

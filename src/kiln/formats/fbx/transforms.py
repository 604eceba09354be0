"""Where FBX nodes stand: translation, rotation and scale about pivots, and three ways to inherit a parent's scale (FBX SDK help, "Computing
transformation matrices")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from kiln.formats.fbx.properties import Properties, Vector

Matrix = Float64[np.ndarray, "4 4"]
Linear = Float64[np.ndarray, "3 3"]

_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 2, 0), (1, 0, 2), (2, 0, 1), (2, 1, 0), (0, 1, 2))
"""Axes in the order in which they turn, by RotationOrder; the last, spheric, is only said of animation."""

_ZERO, _ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Placement:
    """A node's transform to the scene's frame, in the parts that children inherit."""

    matrix: Matrix
    rotation: Linear
    """Of `matrix` without any scale."""

    scale: Float64[np.ndarray, " 3"]
    """The node's own."""


ROOT = Placement(np.eye(4), np.eye(3), np.ones(3))


def placement(node: Properties, parent: Placement) -> Placement:
    """Of a node, from its properties and its parent's placement."""
    turn = _turn(node)
    scale = np.array(node.vector("Lcl Scaling", _ONE))
    local = _local(node, turn, scale)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        matrix = parent.matrix @ local
        rotation = parent.rotation @ turn
        inherit = node.integer("InheritType", 0)
        if inherit != 1:  # 0: the parents' scale comes after this node's rotation; 2: and the parent's own is not inherited at all
            stretch = parent.rotation.T @ parent.matrix[:3, :3]
            if inherit == 2:
                stretch = stretch / np.where(parent.scale == 0, 1, parent.scale)
            matrix[:3, :3] = rotation @ stretch * scale
    return Placement(matrix, rotation, scale)


def geometric(node: Properties) -> Matrix:
    """Where a node's mesh stands in the node; children do not inherit it."""
    matrix = np.eye(4)
    scale = np.array(node.vector("GeometricScaling", _ONE))
    matrix[:3, :3] = euler(node.vector("GeometricRotation", _ZERO)) * scale
    matrix[:3, 3] = node.vector("GeometricTranslation", _ZERO)
    return matrix


def euler(degrees: Vector, order: int = 0) -> Linear:
    """The rotation that turns about the axes one after the other, x first unless `order` says otherwise."""
    turned = np.eye(3)
    for axis in _ORDERS[order if 0 <= order < len(_ORDERS) else 0]:
        cos, sin = np.cos(np.radians(degrees[axis])), np.sin(np.radians(degrees[axis]))
        j, k = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[j, k], [j, k]] = cos
        step[j, k], step[k, j] = -sin, sin
        turned = step @ turned
    return turned


def _turn(node: Properties) -> Linear:
    """The node's rotation. Order, PreRotation and PostRotation only count where RotationActive says so (FbxNode::SetRotationActive)."""
    degrees = node.vector("Lcl Rotation", _ZERO)
    if not node.integer("RotationActive", 0):
        return euler(degrees)
    turn = euler(degrees, node.integer("RotationOrder", 0))
    return euler(node.vector("PreRotation", _ZERO)) @ turn @ euler(node.vector("PostRotation", _ZERO)).T


def _local(node: Properties, turn: Linear, scale: Float64[np.ndarray, " 3"]) -> Matrix:
    """To the parent's frame: T Roff Rp (Rpre R Rpost^-1) Rp^-1 Soff Sp S Sp^-1."""
    move, turn_offset, turn_pivot, scale_offset, scale_pivot = (
        np.array(node.vector(name, _ZERO))
        for name in ("Lcl Translation", "RotationOffset", "RotationPivot", "ScalingOffset", "ScalingPivot")
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * scale
    matrix[:3, 3] = move + turn_offset + turn_pivot + turn @ (scale_offset + scale_pivot - scale * scale_pivot - turn_pivot)
    return matrix

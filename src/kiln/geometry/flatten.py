"""Laying charts flat with little stretch: as rigid as possible (Liu et al. 2008, "A Local/Global Approach to Mesh Parameterization")."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, UInt32
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.linalg import splu

_ITERATIONS = 5
"""Of rotating and solving. Charts are relaxed again whenever they are joined, so few are needed: 8 fill the atlas no better."""


def lying_triangles(
    positions: Float64[np.ndarray, "vertices 3"], triangles: UInt32[np.ndarray, "triangles 3"]
) -> Float64[np.ndarray, "triangles 3 2"]:
    """Each triangle laid into a plane of its own, undeformed: first corner at the origin, first edge along +x, counter-clockwise."""
    a, b, c = (positions[triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    base = np.maximum(np.linalg.norm(u, axis=1), 1e-30)
    along = np.einsum("ij,ij->i", u, v) / base
    height = np.linalg.norm(np.cross(u, v), axis=1) / base
    lying = np.zeros((len(triangles), 3, 2))
    lying[:, 1, 0], lying[:, 2, 0], lying[:, 2, 1] = base, along, height
    return lying


def _half_cotangents(lying: Float64[np.ndarray, "triangles 3 2"]) -> Float64[np.ndarray, "triangles 3"]:
    """Half the cotangent of the angle opposite to each edge k (from corner k to k + 1), bounded so that needles and obtuse corners stay
    harmless."""
    half = np.empty(lying.shape[:2])
    for k in range(3):
        e, f = lying[:, k] - lying[:, (k + 2) % 3], lying[:, (k + 1) % 3] - lying[:, (k + 2) % 3]
        cross = e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0]
        half[:, k] = 0.5 * np.einsum("ij,ij->i", e, f) / np.maximum(cross, 1e-30)
    return np.clip(half, 0.02, 10)


def _stiffness(triangles: Int64[np.ndarray, "triangles 3"], weights: Float64[np.ndarray, "triangles 3"], vertices: int) -> csc_array:
    """The weighted graph Laplacian, held in place by a 1e-9th of its diagonal."""
    i, j, w = triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1), weights.reshape(-1)
    rows, columns = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
    values = np.concatenate([w * (1 + 1e-9), w * (1 + 1e-9), -w, -w])
    return csc_array(coo_array((values, (rows, columns)), shape=(vertices, vertices)))


def as_rigid_as_possible(
    lying: Float64[np.ndarray, "triangles 3 2"], triangles: UInt32[np.ndarray, "triangles 3"], start: Float64[np.ndarray, "vertices 2"]
) -> Float64[np.ndarray, "vertices 2"]:
    """Flat positions in which each triangle is as nearly as can be a turned copy of itself, starting from given ones.

    lying are the undeformed triangles; every vertex belongs to a triangle. Any number of separate charts is solved at once.
    """
    corners = triangles.astype(np.int64)
    weights = _half_cotangents(lying)
    solve = splu(_stiffness(corners, weights, len(start)), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve
    turns = _turn_sums(corners, weights, lying, len(start))
    loads = turns.conj().T
    points = start @ (1, 1j)
    for _ in range(_ITERATIONS):
        turn = np.asarray(turns @ points)
        load = np.asarray(loads @ (turn / np.maximum(np.abs(turn), 1e-300)))
        points = solve(np.stack([load.real, load.imag], axis=1)) @ (1, 1j)
    return np.stack([points.real, points.imag], axis=1)


def _turn_sums(
    triangles: Int64[np.ndarray, "triangles 3"],
    weights: Float64[np.ndarray, "triangles 3"],
    lying: Float64[np.ndarray, "triangles 3 2"],
    vertices: int,
) -> csr_array:
    """The matrix that takes flat positions, as complex numbers, to each triangle's weighted sum of edges over undeformed edges: its angle
    is the turn that fits best. Its conjugate transpose takes turns to the loads that they put on the vertices."""
    pull = weights * ((np.roll(lying, -1, axis=1) - lying) @ (1, -1j))
    starts = np.arange(0, 3 * len(triangles) + 1, 3)
    return csr_array(((np.roll(pull, 1, axis=1) - pull).ravel(), triangles.ravel(), starts), shape=(len(triangles), vertices))


def stretches(lying: Float64[np.ndarray, "n 3 2"], corners: Float64[np.ndarray, "n 3 2"]) -> Float64[np.ndarray, "n 2"]:
    """The larger and the smaller singular value of the map that takes each lying triangle to its corners; the smaller is negative for
    flips."""
    p, q = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    first = p / np.maximum(lying[:, 1, :1], 1e-30)
    second = (q - lying[:, 2, :1] * first) / np.maximum(lying[:, 2, 1:], 1e-30)
    plus = np.hypot(first[:, 0] + second[:, 1], first[:, 1] - second[:, 0])
    minus = np.hypot(first[:, 0] - second[:, 1], first[:, 1] + second[:, 0])
    return np.stack([plus + minus, plus - minus], axis=1) / 2

"""Numbers in fewer bits, each way with its bound on the error: what a mesh for the web is stored in."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int8, Int16, Int32, UInt8


def octahedral_rows(
    vectors: Float[np.ndarray, "n 3"], last: Float[np.ndarray, " n"] | None = None, *, bits: int
) -> Int8[np.ndarray, "n 4"] | Int16[np.ndarray, "n 4"]:
    """Rows for meshopt's filter OCTAHEDRAL: unit vectors folded onto a square of 2**bits - 1 points a side, bytes up to 8 `bits` (4 to 16).

    Decoded, a vector is off by at most 4.3 / 2**bits radians (0.24 degrees at 10 bits), and by what the decoder rounds its components to.
    `last` (-1 to 1, a tangent's handedness) goes along. Cigolle et al. 2014, "A Survey of Efficient Representations for Independent Unit
    Vectors".
    """
    one = (1 << (bits - 1)) - 1
    dtype = np.int8 if bits <= 8 else np.int16
    wide = vectors.astype(np.float64)
    flat = wide / np.maximum(np.abs(wide).sum(axis=1, keepdims=True), 1e-30)
    folded = np.where(flat[:, 2:] < 0, (1 - np.abs(flat[:, 1::-1])) * np.where(flat[:, :2] < 0, -1, 1), flat[:, :2])
    rows = np.zeros((len(vectors), 4), dtype)
    rows[:, :2] = np.round(folded * one)
    rows[:, 2] = one
    if last is not None:
        rows[:, 3] = np.round(last * np.iinfo(dtype).max)
    return rows


def exponential_rows(values: Float[np.ndarray, "n k"], *, bits: int) -> Int32[np.ndarray, "n k"]:
    """Rows for meshopt's filter EXPONENTIAL: numbers as multiples of one step, a power of two, near a 2**bits-th of the widest column.

    Decoded, each is off by at most half the step, which is at most 2**(0.5 - bits) of the widest column's range. Values may lie up to
    2**(23 - bits) ranges from zero before the step must grow.
    """
    wide = values.astype(np.float64)
    spread = float(np.ptp(wide, axis=0).max())
    reach = float(np.abs(wide).max())
    wanted = np.round(np.log2(max(spread, 1e-30))) - bits
    least = np.ceil(np.log2(max(reach, 1e-30) / ((1 << 23) - 1)))  # a mantissa has 23 bits and a sign
    exponent = int(np.clip(max(wanted, least), -100, 100))
    mantissa = np.round(np.ldexp(wide, -exponent)).astype(np.int64)
    return ((exponent & 0xFF) << 24 | mantissa & 0xFFFFFF).astype(np.uint32).view(np.int32)


def exponential_values(rows: Int32[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    """The float32 numbers that `exponential_rows` stand for; exact, so that bounds can be told beforehand."""
    return np.ldexp(((rows << 8) >> 8).astype(np.float32), rows >> 24)


def byte_weights(weights: Float[np.ndarray, "n k"]) -> UInt8[np.ndarray, "n k"]:
    """Weights that sum to one as bytes that sum to 255, as glTF demands; each is off by less than 1 / 255.

    Shares are rounded down, then the largest remainders get one more each.
    """
    exact = weights.astype(np.float64) * 255
    exact *= 255 / np.maximum(exact.sum(axis=1, keepdims=True), 1e-30)
    whole = np.floor(exact)
    missing = 255 - whole.sum(axis=1).astype(np.int64)
    rank = np.argsort(np.argsort(whole - exact, axis=1, kind="stable"), axis=1, kind="stable")
    return (whole + (rank < missing[:, None])).astype(np.uint8)

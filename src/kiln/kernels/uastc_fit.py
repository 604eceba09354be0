"""Lines through the colours of a block: two endpoints, and for each texel how far along it lies."""

from __future__ import annotations

import numpy as np

from kiln.kernels import inner
from kiln.kernels.uastc_tables import ENDPOINT_CODES, ENDPOINT_VALUES, PATTERNS, WEIGHTS

_ROUNDS = 3
"""Weights are fitted to endpoints and endpoints to weights this often at most."""

_ITERATIONS = 4
"""Of the power method: the principal axis of 16 colours need not be exact, since endpoints are fitted anew."""

_HUGE = 1 << 60


@inner
def interpolate(low: int, high: int, weight: int) -> int:
    """8 bits between two endpoints, as ASTC's linear mode decodes: widened to 16 bits, weighed in 64ths, cut."""
    return (low * 257 * (64 - weight) + high * 257 * weight + 32) >> 14


@inner
def fit(
    block: np.ndarray,
    parts: np.ndarray,
    part: int,
    channels: int,
    second: int,
    bits: int,
    row: int,
    codes: np.ndarray,
    weights: np.ndarray,
) -> int:
    """Fill codes (4, 2) and weights (16,) for the texels whose `parts` is `part`; their squared error.

    The channels are the first ones except `second`, or `second` alone where `channels` is -1.
    """
    used = np.empty(4, np.int64)
    count = 0
    for k in range(4):
        if (channels < 0 and k == second) or (k < channels and k != second):
            used[count] = k
            count += 1
    ends = np.zeros((2, 4))
    _span(block, parts, part, used[:count], ends)
    trial, chosen = np.empty((4, 2), np.int64), np.empty(16, np.int64)
    best = _HUGE
    for _ in range(_ROUNDS):
        error = _choose(block, parts, part, used[:count], bits, row, ends, trial, chosen)
        if error >= best:
            break
        best = error
        for k in used[:count]:
            codes[k, 0], codes[k, 1] = trial[k, 0], trial[k, 1]
        for texel in range(16):
            if parts[texel] == part:
                weights[texel] = chosen[texel]
        if error == 0 or not _refit(block, parts, part, used[:count], bits, chosen, ends):
            break
    return best


@inner
def _span(block: np.ndarray, parts: np.ndarray, part: int, used: np.ndarray, ends: np.ndarray) -> None:
    """Fill ends (2, 4) with the ends of the part's colours along their principal axis."""
    count, mean = 0, np.zeros(4)
    for texel in range(16):
        if parts[texel] == part:
            count += 1
            for k in used:
                mean[k] += block[texel, k]
    covariance, axis = np.zeros((4, 4)), np.zeros(4)
    for k in used:
        mean[k] /= count
    for texel in range(16):
        if parts[texel] == part:
            for j in used:
                for k in used:
                    covariance[j, k] += (block[texel, j] - mean[j]) * (block[texel, k] - mean[k])
    principal_axis(covariance, used, axis)
    low, high = 0.0, 0.0
    for texel in range(16):
        if parts[texel] == part:
            along = 0.0
            for k in used:
                along += (block[texel, k] - mean[k]) * axis[k]
            low, high = min(low, along), max(high, along)
    for k in used:
        ends[0, k] = mean[k] + low * axis[k]
        ends[1, k] = mean[k] + high * axis[k]


@inner
def principal_axis(covariance: np.ndarray, used: np.ndarray, axis: np.ndarray) -> float:
    """Fill axis (4,) with a unit vector along which the scatter is largest; that scatter."""
    widest = used[0]
    for k in used:
        if covariance[k, k] > covariance[widest, widest]:
            widest = k
    axis[:] = covariance[widest]
    turned = np.zeros(4)
    length = 0.0
    for _ in range(_ITERATIONS):
        norm = np.sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2] + axis[3] * axis[3])
        if norm < 1e-9:
            axis[:] = 0
            return 0.0
        axis /= norm
        for j in used:
            turned[j] = 0
            for k in used:
                turned[j] += covariance[j, k] * axis[k]
        length = 0.0
        for k in used:
            length += turned[k] * axis[k]
        axis[:] = turned
    norm = np.sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2] + axis[3] * axis[3])
    axis /= max(norm, 1e-9)
    return length


@inner
def _choose(
    block: np.ndarray,
    parts: np.ndarray,
    part: int,
    used: np.ndarray,
    bits: int,
    row: int,
    ends: np.ndarray,
    trial: np.ndarray,
    chosen: np.ndarray,
) -> int:
    """Fill trial (4, 2) with the codes nearest to the ends and chosen (16,) with the best weights between them; the squared error."""
    palette, direction, start = np.empty((16, 4), np.int64), np.zeros(4), np.zeros(4)
    top, length = (1 << bits) - 1, 0.0
    for k in used:
        for end in range(2):
            trial[k, end] = ENDPOINT_CODES[row, int(min(max(ends[end, k], 0.0), 255.0) + 0.5)]
        low, high = ENDPOINT_VALUES[row, trial[k, 0]], ENDPOINT_VALUES[row, trial[k, 1]]
        start[k], direction[k] = low, high - low
        length += direction[k] * direction[k]
        for level in range(top + 1):
            palette[level, k] = interpolate(low, high, WEIGHTS[bits, level])
    total = 0
    for texel in range(16):
        if parts[texel] != part:
            continue
        along = 0.0
        for k in used:
            along += (block[texel, k] - start[k]) * direction[k]
        guess = int(min(max(along / max(length, 1e-9), 0.0), 1.0) * top + 0.5)
        nearest = _HUGE
        for level in range(max(guess - 1, 0), min(guess + 1, top) + 1):
            error = 0
            for k in used:
                off = block[texel, k] - palette[level, k]
                error += off * off
            if error < nearest:
                nearest, chosen[texel] = error, level
        total += nearest
    return total


@inner
def _refit(
    block: np.ndarray, parts: np.ndarray, part: int, used: np.ndarray, bits: int, chosen: np.ndarray, ends: np.ndarray
) -> bool:
    """Fill ends (2, 4) with those that fit the weights best, by least squares; whether the weights determine them."""
    near, both, far = 0.0, 0.0, 0.0
    sums = np.zeros((2, 4))
    for texel in range(16):
        if parts[texel] == part:
            weight = WEIGHTS[bits, chosen[texel]] / 64
            near += (1 - weight) * (1 - weight)
            both += weight * (1 - weight)
            far += weight * weight
            for k in used:
                sums[0, k] += (1 - weight) * block[texel, k]
                sums[1, k] += weight * block[texel, k]
    determinant = near * far - both * both
    if determinant < 1e-6:
        return False
    for k in used:
        ends[0, k] = (far * sums[0, k] - both * sums[1, k]) / determinant
        ends[1, k] = (near * sums[1, k] - both * sums[0, k]) / determinant
    return True


@inner
def best_pattern(block: np.ndarray, channels: int) -> int:
    """The pattern whose two parts lie nearest to a line each."""
    used = np.arange(channels)
    total = np.zeros((5, 4))
    _add_moments(block, PATTERNS[0], -1, used, total)
    best, found = np.inf, 0
    inside = np.zeros((5, 4))
    for pattern in range(len(PATTERNS)):
        inside[:] = 0
        count = _add_moments(block, PATTERNS[pattern], 1, used, inside)
        left_over = _off_line(inside, count, used) + _off_line(total - inside, 16 - count, used)
        if left_over < best:
            best, found = left_over, pattern
    return found


@inner
def _add_moments(block: np.ndarray, parts: np.ndarray, part: int, used: np.ndarray, moments: np.ndarray) -> int:
    """Add to moments (5, 4) the products of channels and, last, their sums over a part's texels (-1: all); how many those are."""
    count = 0
    for texel in range(16):
        if part < 0 or parts[texel] == part:
            count += 1
            for j in used:
                moments[4, j] += block[texel, j]
                for k in used:
                    moments[j, k] += block[texel, j] * block[texel, k]
    return count


@inner
def _off_line(moments: np.ndarray, count: int, used: np.ndarray) -> float:
    """Squared distances of colours from the line through them."""
    covariance, axis = np.zeros((4, 4)), np.zeros(4)
    scatter = 0.0
    for j in used:
        for k in used:
            covariance[j, k] = moments[j, k] - moments[4, j] * moments[4, k] / count
        scatter += covariance[j, j]
    return scatter - principal_axis(covariance, used, axis)


@inner
def decode(
    codes: np.ndarray, weights: np.ndarray, pattern: int, second: int, channels: int, bits: int, row: int, decoded: np.ndarray
) -> None:
    """Fill decoded (16, 4) with the texels that a block stands for."""
    for texel in range(16):
        part = PATTERNS[pattern, texel] if pattern >= 0 else 0
        decoded[texel, 3] = 255
        for k in range(channels):
            weight = WEIGHTS[bits, weights[texel, 1 if k == second else 0]]
            low, high = ENDPOINT_VALUES[row, codes[part, k, 0]], ENDPOINT_VALUES[row, codes[part, k, 1]]
            decoded[texel, k] = interpolate(low, high, weight)

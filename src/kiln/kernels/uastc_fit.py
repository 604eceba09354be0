"""Lines through the colours of a block: two endpoints, and for each texel how far along it lies.

No array is assigned whole and none is sliced here: in compiled code each such line costs up to a second of compile time.
"""

from __future__ import annotations

import numpy as np

from kiln.kernels import inner
from kiln.kernels.uastc_tables import ENDPOINT_CODES, ENDPOINT_VALUES, PATTERNS, WEIGHTS

_ROUNDS = 3
"""Weights are fitted to endpoints and endpoints to weights this often at most."""

_ITERATIONS = 3
"""Of the power method: the principal axis of 16 colours need not be exact, since endpoints are fitted anew."""

_HUGE = 1e300


@inner
def _interpolate(low: int, high: int, weight: int) -> int:
    """8 bits between two endpoints, as ASTC's linear mode decodes: widened to 16 bits, weighed in 64ths, cut."""
    return (low * 257 * (64 - weight) + high * 257 * weight + 32) >> 14


@inner
def fit(
    block: np.ndarray,
    pattern: int,
    part: int,
    channels: np.ndarray,
    width: int,
    bits: int,
    row: int,
    codes: np.ndarray,
    weights: np.ndarray,
) -> float:
    """Fit one line to a part of the block (all of it if pattern is -1) in the first `width` of `channels`; the squared error.

    Of codes (2, 4, 2) the rows of the part and channels are filled, of weights (16, 4) the part's texels and those channels.
    """
    points, ends = np.empty((16, 4)), np.empty((2, 4))
    trial, chosen = np.empty((4, 2), np.int64), np.empty(16, np.int64)
    count = _gather(block, pattern, part, channels, width, points)
    _span(points, count, width, ends)
    best = _HUGE
    for _ in range(_ROUNDS):
        error = _choose(points, count, width, bits, row, ends, trial, chosen)
        if error >= best:
            break
        best = error
        _keep(pattern, part, channels, width, trial, chosen, codes, weights)
        if error == 0 or not _refit(points, count, width, bits, chosen, ends):
            break
    return best


@inner
def is_in(texel: int, pattern: int, part: int) -> bool:
    """Whether a texel is in a part of a pattern; -1 stands for a pattern without parts."""
    return pattern < 0 or PATTERNS[pattern, texel] == part


@inner
def _gather(block: np.ndarray, pattern: int, part: int, channels: np.ndarray, width: int, points: np.ndarray) -> int:
    """Fill points (16, 4) with a part's colours; how many they are."""
    count = 0
    for texel in range(16):
        if is_in(texel, pattern, part):
            for k in range(width):
                points[count, k] = block[texel, channels[k]]
            count += 1
    return count


@inner
def _keep(
    pattern: int,
    part: int,
    channels: np.ndarray,
    width: int,
    trial: np.ndarray,
    chosen: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Put what was found for a part's points where it belongs in the block."""
    at = 0
    for k in range(width):
        for end in range(2):
            codes[part, channels[k], end] = trial[k, end]
    for texel in range(16):
        if is_in(texel, pattern, part):
            for k in range(width):
                weights[texel, channels[k]] = chosen[at]
            at += 1


@inner
def _span(points: np.ndarray, count: int, width: int, ends: np.ndarray) -> None:
    """Fill ends (2, 4) with the ends of the points along their principal axis."""
    mean, axis, covariance = np.empty(4), np.empty(4), np.empty((4, 4))
    for k in range(width):
        mean[k] = 0
        for i in range(count):
            mean[k] += points[i, k]
        mean[k] /= count
    for j in range(width):
        for k in range(j + 1):
            covariance[j, k] = 0
            for i in range(count):
                covariance[j, k] += (points[i, j] - mean[j]) * (points[i, k] - mean[k])
            covariance[k, j] = covariance[j, k]
    _principal_axis(covariance, width, axis)
    low, high = 0.0, 0.0
    for i in range(count):
        along = 0.0
        for k in range(width):
            along += (points[i, k] - mean[k]) * axis[k]
        low, high = min(low, along), max(high, along)
    for k in range(width):
        ends[0, k] = mean[k] + low * axis[k]
        ends[1, k] = mean[k] + high * axis[k]


@inner
def _principal_axis(covariance: np.ndarray, width: int, axis: np.ndarray) -> float:
    """Fill axis (4,) with a unit vector along which the scatter is largest; that scatter."""
    widest = 0
    for k in range(width):
        if covariance[k, k] > covariance[widest, widest]:
            widest = k
    for k in range(width):
        axis[k] = covariance[widest, k]
    turned = np.empty(4)
    length = 0.0
    for _ in range(_ITERATIONS):
        norm = 1e-30
        for k in range(width):
            norm += axis[k] * axis[k]
        scale = 1 / np.sqrt(norm)
        length = 0.0
        for k in range(width):
            axis[k] *= scale
        for j in range(width):
            turned[j] = 0
            for k in range(width):
                turned[j] += covariance[j, k] * axis[k]
            length += turned[j] * axis[j]
        for k in range(width):
            axis[k], turned[k] = turned[k], axis[k]
    for k in range(width):
        axis[k] = turned[k]
    return length


@inner
def _choose(
    points: np.ndarray, count: int, width: int, bits: int, row: int, ends: np.ndarray, trial: np.ndarray, chosen: np.ndarray
) -> float:
    """Fill trial (4, 2) with the codes nearest to the ends and chosen (16,) with the best weights between them; the squared error."""
    palette, start, direction = np.empty((16, 4)), np.empty(4), np.empty(4)
    top, length = (1 << bits) - 1, 1e-9
    for k in range(width):
        for end in range(2):
            trial[k, end] = ENDPOINT_CODES[row, int(min(max(ends[end, k], 0.0), 255.0) + 0.5)]
        low, high = ENDPOINT_VALUES[row, trial[k, 0]], ENDPOINT_VALUES[row, trial[k, 1]]
        start[k], direction[k] = low, high - low
        length += direction[k] * direction[k]
        for level in range(top + 1):
            palette[level, k] = _interpolate(low, high, WEIGHTS[bits, level])
    total = 0.0
    for i in range(count):
        along = 0.0
        for k in range(width):
            along += (points[i, k] - start[k]) * direction[k]
        guess = int(min(max(along / length, 0.0), 1.0) * top + 0.5)
        nearest = _HUGE
        for level in range(max(guess - 1, 0), min(guess + 1, top) + 1):
            error = 0.0
            for k in range(width):
                off = points[i, k] - palette[level, k]
                error += off * off
            if error < nearest:
                nearest, chosen[i] = error, level
        total += nearest
    return total


@inner
def _refit(points: np.ndarray, count: int, width: int, bits: int, chosen: np.ndarray, ends: np.ndarray) -> bool:
    """Fill ends (2, 4) with those that fit the weights best, by least squares; whether the weights determine them."""
    near, both, far = 0.0, 0.0, 0.0
    for i in range(count):
        weight = WEIGHTS[bits, chosen[i]] / 64
        near += (1 - weight) * (1 - weight)
        both += weight * (1 - weight)
        far += weight * weight
    determinant = near * far - both * both
    if determinant < 1e-6:
        return False
    for k in range(width):
        first, second = 0.0, 0.0
        for i in range(count):
            weight = WEIGHTS[bits, chosen[i]] / 64
            first += (1 - weight) * points[i, k]
            second += weight * points[i, k]
        ends[0, k] = (far * first - both * second) / determinant
        ends[1, k] = (near * second - both * first) / determinant
    return True


@inner
def best_pattern(block: np.ndarray, width: int) -> int:
    """The pattern whose two parts lie nearest to a line each, by the first `width` channels."""
    whole, inside, outside = np.empty((5, 4)), np.empty((5, 4)), np.empty((5, 4))
    _moments(block, -1, width, whole)
    best, found = _HUGE, 0
    for pattern in range(len(PATTERNS)):
        count = _moments(block, pattern, width, inside)
        for j in range(5):
            for k in range(width):
                outside[j, k] = whole[j, k] - inside[j, k]
        left_over = _off_line(inside, count, width) + _off_line(outside, 16 - count, width)
        if left_over < best:
            best, found = left_over, pattern
    return found


@inner
def _moments(block: np.ndarray, pattern: int, width: int, moments: np.ndarray) -> int:
    """Fill moments (5, 4) with sums of products of channels and, last, of channels over a pattern's second part; its number of texels."""
    for j in range(5):
        for k in range(width):
            moments[j, k] = 0
    count = 0
    for texel in range(16):
        if is_in(texel, pattern, 1):
            count += 1
            for j in range(width):
                moments[4, j] += block[texel, j]
                for k in range(j + 1):
                    moments[j, k] += block[texel, j] * block[texel, k]
    return count


@inner
def _off_line(moments: np.ndarray, count: int, width: int) -> float:
    """Squared distances of colours from the line through them. `moments` is overwritten."""
    axis = np.empty(4)
    scatter = 0.0
    for j in range(width):
        for k in range(j + 1):
            moments[j, k] -= moments[4, j] * moments[4, k] / count
            moments[k, j] = moments[j, k]
        scatter += moments[j, j]
    return scatter - _principal_axis(moments, width, axis)


@inner
def decode(codes: np.ndarray, weights: np.ndarray, pattern: int, width: int, bits: int, row: int, decoded: np.ndarray) -> None:
    """Fill decoded (16, 4) with the texels that a block stands for."""
    for texel in range(16):
        part = PATTERNS[pattern, texel] if pattern >= 0 else 0
        decoded[texel, 3] = 255
        for k in range(width):
            low, high = ENDPOINT_VALUES[row, codes[part, k, 0]], ENDPOINT_VALUES[row, codes[part, k, 1]]
            decoded[texel, k] = _interpolate(low, high, WEIGHTS[bits, weights[texel, k]])

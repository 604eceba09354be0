"""Placing shapes on a grid of cells. A shape is a list of runs: (row, first column, length) of consecutive cells."""

from __future__ import annotations

from math import gcd

import numpy as np

from kiln.kernels import compiled


@compiled
def shape_runs(
    points: np.ndarray, rim: np.ndarray, rim_start: np.ndarray, radius: float, runs: np.ndarray, start: np.ndarray, extents: np.ndarray
) -> int:
    """Runs of the cells that come within radius of each chart, and of the cells whose centre it covers, in four quarter turns.

    points (V, 2) float64 in cells, each chart with its lowest corner at (radius, radius); rim (E, 2) uint32 the edges that bound
    charts, as closed loops, those of chart c being rim_start[c]:rim_start[c + 1]. Turn k of chart c is number 4 c + k: runs (R, 3) int32,
    their start per turn (4 C + 1,) int64, and each one's width and height in cells (4 C, 2) int32 are written. A turn takes (x, y) to
    (height - y, x). Returns the number of runs: when it is over R, the rest was left out. (A buffer that grows in here would take 3 s to
    compile.)
    """
    used = 0
    for c in range(len(rim_start) - 1):
        right, bottom = 0.0, 0.0
        for e in range(rim_start[c], rim_start[c + 1]):
            right = max(right, points[rim[e, 0], 0])
            bottom = max(bottom, points[rim[e, 0], 1])
        width, height = int(np.ceil(right + radius + 1e-9)), int(np.ceil(bottom + radius + 1e-9))
        cells = np.zeros((height, width), np.uint8)
        crossings = np.zeros((height, width + 1), np.uint8)
        for e in range(rim_start[c], rim_start[c + 1]):
            _mark_near(points[rim[e, 0]], points[rim[e, 1]], radius, cells)
            _mark_crossings(points[rim[e, 0]], points[rim[e, 1]], crossings)
        for row in range(height):
            inside = 0
            for column in range(width):
                inside ^= crossings[row, column]
                cells[row, column] |= inside
        for turn in range(4):
            start[4 * c + turn] = used
            extents[4 * c + turn, 0], extents[4 * c + turn, 1] = cells.shape[1], cells.shape[0]
            used = _write_runs(cells, runs, used)
            cells = np.ascontiguousarray(cells.T[:, ::-1])
    start[4 * (len(rim_start) - 1)] = used
    return used


@compiled
def _write_runs(cells: np.ndarray, runs: np.ndarray, used: int) -> int:
    """Write the runs of marked cells (H, W) uint8 from number `used` on, as far as there is room; returns the number after the last."""
    for row in range(cells.shape[0]):
        length = 0
        for column in range(cells.shape[1] + 1):
            if column < cells.shape[1] and cells[row, column]:
                length += 1
            elif length > 0:
                if used < len(runs):
                    runs[used, 0], runs[used, 1], runs[used, 2] = row, column - length, length
                used += 1
                length = 0
    return used


@compiled
def _mark_crossings(a: np.ndarray, b: np.ndarray, crossings: np.ndarray) -> None:
    """Toggle, in each row whose centre line the edge crosses, the first cell whose centre lies right of the crossing."""
    for row in range(int(np.ceil(min(a[1], b[1]) - 0.5)), int(np.ceil(max(a[1], b[1]) - 0.5))):
        x = a[0] + (row + 0.5 - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
        crossings[row, int(np.ceil(x - 0.5))] ^= 1


@compiled
def _mark_near(a: np.ndarray, b: np.ndarray, radius: float, near: np.ndarray) -> None:
    """Mark the cells that come within radius of the segment a b, with whatever part of the cell it is."""
    top, bottom = max(0, int(min(a[1], b[1]) - radius - 1)), min(near.shape[0] - 1, int(max(a[1], b[1]) + radius + 1))
    left, right = max(0, int(min(a[0], b[0]) - radius - 1)), min(near.shape[1] - 1, int(max(a[0], b[0]) + radius + 1))
    ux, uy = b[0] - a[0], b[1] - a[1]
    square = ux * ux + uy * uy
    for j in range(top, bottom + 1):
        for i in range(left, right + 1):
            if near[j, i]:
                continue
            x, y = i + 0.5 - a[0], j + 0.5 - a[1]
            along = min(1.0, max(0.0, (x * ux + y * uy) / square)) if square > 0 else 0.0
            dx, dy = x - along * ux, y - along * uy
            distance = np.sqrt(dx * dx + dy * dy)
            # The segment lies beyond the line through its nearest point, square to d; the cell reaches (|dx| + |dy|) / 2 |d| towards it.
            if distance * (distance - radius) <= 0.5 * (abs(dx) + abs(dy)):
                near[j, i] = 1


@compiled
def place_shapes(
    order: np.ndarray, turns: int, runs: np.ndarray, start: np.ndarray, extents: np.ndarray, free: np.ndarray, placed: np.ndarray
) -> int:
    """Place shapes one after the other, each in the turn and at the place where its middle lies lowest; returns the height used.

    order (C,) int64 shapes, first placed first; turn k of shape s is number s * T + k in start (C * T + 1,) int64 and extents
    (C * T, 2) int32. free (H, W) int32 holds, for a free cell, how many free cells follow in its row counting itself; for a taken cell,
    minus the number of taken ones; it is updated. placed (C, 3) int32 gets turn, column, row. Returns -1 when a shape fits nowhere.
    """
    used = 0
    widest = np.full(free.shape[0], free.shape[1], np.int32)
    for s in order:
        best = np.inf
        for k in range(turns):
            n = s * turns + k
            width, height = extents[n, 0], extents[n, 1]
            limit = int(min(free.shape[0] - height, np.ceil(best - 0.5 * height)))
            column, row = _lowest_place(runs[start[n] : start[n + 1]], width, free, widest, limit)
            if column >= 0 and row + 0.5 * height < best:
                best = row + 0.5 * height
                placed[s, 0], placed[s, 1], placed[s, 2] = k, column, row
        if best == np.inf:
            return -1
        n = s * turns + placed[s, 0]
        used = max(used, placed[s, 2] + extents[n, 1])
        _take(runs[start[n] : start[n + 1]], placed[s, 1], placed[s, 2], free, widest)
    return used


@compiled
def _lowest_place(runs: np.ndarray, width: int, free: np.ndarray, widest: np.ndarray, limit: int) -> tuple[int, int]:
    """First column and row, rows up to limit before columns, where every run lies on free cells; (-1, -1) if there is none.

    widest (H,) int32 is the longest stretch of free cells in each row.
    """
    longest = np.argmax(runs[:, 2])
    # Runs are tested a golden section apart, since neighbours mostly fit alike: half the time of testing them in order. The one that failed
    # last fails again most of the time: it comes first.
    stride = max(1, int(0.618 * len(runs)))
    while gcd(stride, len(runs)) > 1:
        stride += 1
    r = longest
    for row in range(limit + 1):
        if widest[row + runs[longest, 0]] < runs[longest, 2]:
            continue
        column = 0
        while column <= free.shape[1] - width:
            blocked = False
            for _ in range(len(runs)):
                j, i = row + runs[r, 0], column + runs[r, 1]
                gap = free[j, i]
                if gap < runs[r, 2]:
                    # Nothing fits until this run starts behind the cells that block it.
                    column += max(gap, 0) - free[j, i + max(gap, 0)]
                    blocked = True
                    break
                r += stride
                if r >= len(runs):
                    r -= len(runs)
            if not blocked:
                return column, row
    return -1, -1


@compiled
def _take(runs: np.ndarray, column: int, row: int, free: np.ndarray, widest: np.ndarray) -> None:
    """Take a shape's cells, and count their rows anew."""
    width = free.shape[1]
    for r in range(len(runs)):
        j, first = row + runs[r, 0], column + runs[r, 1]
        last = first + runs[r, 2] - 1
        taken = 0 if last + 1 == width or free[j, last + 1] > 0 else -free[j, last + 1]
        for i in range(last, first - 1, -1):
            taken += 1
            free[j, i] = -taken
        i = first - 1
        if i >= 0 and free[j, i] < 0:
            while i >= 0 and free[j, i] < 0:
                taken += 1
                free[j, i] = -taken
                i -= 1
        else:
            room = 0
            while i >= 0 and free[j, i] > 0:
                room += 1
                free[j, i] = room
                i -= 1
        widest[j] = free[j].max()

"""Finding equal rows by hashing."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def first_equal_row(rows: np.ndarray, first: np.ndarray, slots: np.ndarray) -> int:
    """For each row of uint32 words, the number of its class of equal rows, classes numbered in order of appearance.

    rows (N, K) uint32; first (N,) int64 is filled with class numbers; slots (power of two > N,) int64 filled with -1 is scratch and
    ends up holding rows. Returns the number of classes. Open addressing with linear probing; N = 1M takes 40 ms where np.unique takes 1 s.
    """
    mask = len(slots) - 1
    classes = 0
    for i in range(len(rows)):
        key = np.uint64(14695981039346656037)
        for k in range(rows.shape[1]):
            key = (key ^ np.uint64(rows[i, k])) * np.uint64(1099511628211)
            key ^= key >> np.uint64(29)
        slot = np.int64(key & np.uint64(mask))
        while True:
            j = slots[slot]
            if j < 0:
                slots[slot] = i
                first[i] = classes
                classes += 1
                break
            same = True
            for k in range(rows.shape[1]):
                if rows[i, k] != rows[j, k]:
                    same = False
                    break
            if same:
                first[i] = first[j]
                break
            slot = (slot + 1) & mask
    return classes

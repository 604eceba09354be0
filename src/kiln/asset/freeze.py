"""Makes a frozen dataclass's arrays contiguous and read-only, so that a value can be shared between stages and threads."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


def freeze_arrays(value: Any) -> None:
    """Replace every array field of a frozen dataclass by a read-only contiguous view. Call it from `__post_init__`.

    The view shares memory with the array that was passed in: whoever built that array gives it away.
    """
    for field in fields(value):
        array = getattr(value, field.name)
        if isinstance(array, np.ndarray) and (array.flags.writeable or not array.flags.c_contiguous):
            view = np.ascontiguousarray(array).view()
            view.flags.writeable = False
            object.__setattr__(value, field.name, view)

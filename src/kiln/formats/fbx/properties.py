"""What FBX records say: values looked up by name, of the kind that was asked for, or the default where they are none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64

from kiln.formats.fbx.records import Property, Record

Vector = tuple[float, float, float]

_LARGEST: Final = 1e15
"""Larger numbers mean nothing in an asset, and their products might not fit in a float."""


def first(record: Record, name: str) -> Record:
    """The first record of the name within; an empty one when there is none."""
    return next((child for child in record.children if child.name == name), Record(name))


def text(record: Record, name: str) -> str:
    """The text that is the first value of a record within; nothing when there is none."""
    return _text(first(record, name).properties)


def floats(record: Record, name: str) -> Float64[np.ndarray, " n"]:
    """The array of numbers in a record within, as float64; an empty one when there is none."""
    return _array(record, name).astype(np.float64, copy=False)


def integers(record: Record, name: str) -> Int64[np.ndarray, " n"]:
    """The array of whole numbers in a record within; an empty one when there is none."""
    array = _array(record, name)
    return array.astype(np.int64) if array.dtype.kind in "iu" else np.zeros(0, np.int64)


class Properties:
    """An object's Properties70, and what its kind's template says of all the others."""

    def __init__(self, record: Record, template: Mapping[str, tuple[Property, ...]]) -> None:
        self._own = values_by_name(record)
        self._template = template

    def __contains__(self, name: str) -> bool:
        """Whether the object itself says something of it."""
        return name in self._own

    def number(self, name: str, default: float) -> float:
        """A finite number."""
        return (_finite(self._find(name)) or (default,))[0]

    def vector(self, name: str, default: Vector) -> Vector:
        """Three finite numbers."""
        found = _finite(self._find(name))
        return (found[0], found[1], found[2]) if len(found) >= 3 else default

    def integer(self, name: str, default: int) -> int:
        """A whole number."""
        return int(self.number(name, float(default)))

    def text(self, name: str) -> str:
        """A text; nothing when there is none."""
        return _text(self._find(name))

    def _find(self, name: str) -> tuple[Property, ...]:
        return self._own.get(name, self._template.get(name, ()))


def values_by_name(record: Record) -> dict[str, tuple[Property, ...]]:
    """The values of each P record in the record's Properties70."""
    return dict(_entries(first(record, "Properties70")))


def _entries(properties: Record) -> Iterator[tuple[str, tuple[Property, ...]]]:
    for entry in properties.children:
        if entry.properties and isinstance(entry.properties[0], str):
            yield entry.properties[0], entry.properties[4:]  # between them: its type twice, and flags


def _finite(values: tuple[Property, ...]) -> tuple[float, ...]:
    """The leading values that are numbers, 3 at most."""
    found = []
    for value in values[:3]:
        if not isinstance(value, int | float | np.number) or not math.isfinite(value):
            break
        found.append(min(max(float(value), -_LARGEST), _LARGEST))
    return tuple(found)


def _text(values: tuple[Property, ...]) -> str:
    return values[0] if values and isinstance(values[0], str) else ""


def _array(record: Record, name: str) -> np.ndarray:
    values = first(record, name).properties
    return values[0] if values and isinstance(values[0], np.ndarray) else np.zeros(0, np.int32)

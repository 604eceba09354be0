"""A glTF's arrays, bounds checked before anything is allocated (glTF 2.0, section 3.6)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Shaped

from kiln.errors import ModelError
from kiln.formats import gltf_json
from kiln.formats.content import MAX_VERTICES
from kiln.formats.gltf_container import Gltf
from kiln.formats.gltf_json import Entry

_DTYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

_MAX_INDICES = 3 * MAX_VERTICES
_MAX_WITHOUT_DATA = 1_000_000
"""An accessor without bufferView is all zeros: a few bytes of JSON must not cost gigabytes."""


def read_floats(gltf: Gltf, index: int, *, widths: tuple[int, ...]) -> Float32[np.ndarray, "n k"]:
    """The accessor's numbers, normalized integers as fractions. Its width must be one of these."""
    raw, accessor = _read(gltf, index)
    if raw.shape[1] not in widths:
        raise ModelError(f"accessor {index} has {raw.shape[1]} components, which does not fit its use")
    values = raw.astype(np.float32)
    if raw.dtype.kind == "f" or accessor.get("normalized") is not True:
        return values
    return np.maximum(values / np.float32(np.iinfo(raw.dtype).max), np.float32(-1))


def read_indices(gltf: Gltf, index: int) -> Shaped[np.ndarray, " n"]:
    """The accessor's unsigned integers."""
    raw, _ = _read(gltf, index)
    if raw.dtype.kind != "u" or raw.shape[1] != 1:
        raise ModelError(f"accessor {index} is used for indices, but does not hold unsigned integers")
    return raw[:, 0]


def accessor_count(gltf: Gltf, index: int) -> int:
    """How many elements it declares."""
    return gltf_json.integer(gltf_json.pick(gltf.document, "accessors", index), "count", low=1, high=_MAX_INDICES)


def _read(gltf: Gltf, index: int) -> tuple[Shaped[np.ndarray, "n k"], Entry]:
    accessor = gltf_json.pick(gltf.document, "accessors", index)
    dtype, width = _dtype(accessor), _width(accessor)
    has_data = "bufferView" in accessor
    count = gltf_json.integer(accessor, "count", low=1, high=_MAX_INDICES if has_data else _MAX_WITHOUT_DATA)
    values = _elements(gltf, accessor, count, dtype, width) if has_data else np.zeros((count, width), dtype)
    if "sparse" in accessor:
        values = _with_sparse(gltf, gltf_json.entry(accessor, "sparse"), values)
    return values, accessor


def _elements(gltf: Gltf, place: Entry, count: int, dtype: np.dtype, width: int) -> Shaped[np.ndarray, "n k"]:
    """A view of the file's bytes as count rows."""
    data, stride = gltf.view(gltf_json.integer(place, "bufferView"))
    offset = gltf_json.integer(place, "byteOffset", default=0)
    size = dtype.itemsize * width
    step = stride or size
    if step < size:
        raise ModelError(f"a bufferView's stride of {step} bytes is shorter than its elements of {size}")
    needed = offset + step * (count - 1) + size
    if needed > len(data):
        raise ModelError(f"an accessor needs {needed:,} bytes and its bufferView has {len(data):,}: the file is damaged")
    return np.ndarray((count, width), dtype, data, offset, (step, dtype.itemsize))


def _with_sparse(gltf: Gltf, sparse: Entry, values: Shaped[np.ndarray, "n k"]) -> Shaped[np.ndarray, "n k"]:
    """The values with some rows replaced."""
    count = gltf_json.integer(sparse, "count", low=1, high=len(values))
    where = gltf_json.entry(sparse, "indices")
    rows = _elements(gltf, where, count, _dtype(where), 1)[:, 0]
    if rows.dtype.kind != "u" or rows.max() >= len(values):
        raise ModelError("a sparse accessor replaces elements that do not exist")
    replaced = values.copy()
    replaced[rows] = _elements(gltf, gltf_json.entry(sparse, "values"), count, values.dtype, values.shape[1])
    return replaced


def _dtype(owner: Entry) -> np.dtype:
    kind = gltf_json.integer(owner, "componentType")
    if kind not in _DTYPES:
        raise ModelError(f'"componentType" is {kind}, which glTF does not know')
    return np.dtype(_DTYPES[kind])


def _width(accessor: Entry) -> int:
    kind = gltf_json.text(accessor, "type")
    if kind not in _WIDTHS:
        raise ModelError(f'"type" is {kind[:20]!r}; Kiln reads {", ".join(_WIDTHS)}')
    return _WIDTHS[kind]

"""PLY files (Turk 1994): ASCII, binary little- and big-endian; vertex colours, normals, UVs a vertex or a corner."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from kiln.asset import Mesh
from kiln.errors import ModelError
from kiln.formats.attributes import flipped_v
from kiln.formats.content import Content, check_counts
from kiln.formats.folder import Folder
from kiln.formats.mtl import picture_beside
from kiln.formats.polygons import equal_corners, triangulate
from kiln.kernels.text import parse_numbers

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_MAX_HEADER_BYTES = 65_536


@dataclass(frozen=True)
class _Property:
    name: str
    dtype: str
    count_dtype: str | None = None
    """Of the number before a list; None for a single value."""


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Table:
    """An element's values: single values as one row a record, lists as one flat array with sizes."""

    singles: dict[str, np.ndarray]
    lists: dict[str, tuple[Int64[np.ndarray, " records"], np.ndarray]]


def read_ply(data: bytes, folder: Folder) -> Content:
    """The file's faces as triangles. ModelError for point clouds and Gaussian splats, which have none."""
    order, elements, start = _header(data)
    _check_has_faces(elements)
    tables = _ascii_tables(data, elements, start) if order == "" else _binary_tables(data, elements, start, order)
    vertices, faces = tables["vertex"], tables["face"]
    key = next((name for name in ("vertex_indices", "vertex_index") if name in faces.lists), None)
    if key is None or any(axis not in vertices.singles for axis in "xyz"):
        raise ModelError("its vertices have no x, y, z or its faces no vertex_indices")
    notes: list[str] = []
    mesh = _mesh(vertices, *_whole_faces(faces.lists[key], faces.lists.get("texcoord"), len(vertices.singles["x"]), notes))
    materials = picture_beside(folder, notes) if mesh.uvs is not None else ()
    return Content(mesh=mesh, materials=materials, notes=tuple(notes), linked=folder.used)


def _header(data: bytes) -> tuple[str, list[_Element], int]:
    """Byte order (empty for ASCII), elements, and where the values begin."""
    end = data.find(b"end_header", 0, _MAX_HEADER_BYTES)
    if not data.startswith(b"ply") or end < 0:
        raise ModelError("it has no complete PLY header: it is cut short, or no PLY file")
    order, elements = None, []
    for line in data[:end].decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        if words[:1] == ["format"] and len(words) >= 2:
            order = _ORDERS.get(words[1])
        elif words[:1] == ["element"] and len(words) == 3 and words[2].isdigit():
            elements.append(_Element(words[1], int(words[2])))
        elif words[:1] == ["property"] and elements:
            elements[-1].properties.append(_property(words))
        elif words and words[0] not in ("comment", "obj_info"):
            raise ModelError(f"its header has a line Kiln does not know: {line[:60]!a}")
    if order is None:
        raise ModelError("its header names no format that Kiln reads: ascii, binary_little_endian or binary_big_endian")
    newline = data.find(b"\n", end)
    return order, elements, len(data) if newline < 0 else newline + 1


def _property(words: list[str]) -> _Property:
    match words:
        case ["property", kind, name] if kind in _TYPES:
            return _Property(name, _TYPES[kind])
        case ["property", "list", length, kind, name] if kind in _TYPES and _TYPES.get(length, "f")[0] != "f":
            return _Property(name, _TYPES[kind], _TYPES[length])
    raise ModelError(f"its header has a property Kiln does not know: {' '.join(words)[:60]!a}")


def _check_has_faces(elements: list[_Element]) -> None:
    counts = {element.name: element.count for element in elements}
    check_counts(vertices=counts.get("vertex", 0), triangles=counts.get("face", 0))
    if counts.get("face") and counts.get("vertex"):
        return
    names = {known.name for element in elements for known in element.properties}
    if "f_dc_0" in names:
        raise ModelError("it holds Gaussian splats, no faces: Kiln reads meshes; export the splats as a mesh")
    raise ModelError(f"it holds no faces, only {counts.get('vertex', 0):,} points: make a surface of them before")


def _binary_tables(data: bytes, elements: list[_Element], start: int, order: str) -> dict[str, _Table]:
    tables = {}
    for element in elements:
        tables[element.name], start = _binary_table(data, element, start, order)
        if {"vertex", "face"} <= tables.keys():
            break
    return tables


def _binary_table(data: bytes, element: _Element, start: int, order: str) -> tuple[_Table, int]:
    """Records whose lists are all as long as the first record's are read at once, 50 times faster than one by one."""
    if not element.count or not element.properties:
        return _Table({}, {}), start
    dtype = _record_dtype(data, element, start, order)
    counted = [k for k, known in enumerate(element.properties) if known.count_dtype]
    if start + element.count * dtype.itemsize <= len(data):
        records = np.frombuffer(data, dtype, element.count, start)
        if all((records[f"{k} count"] == records[str(k)].shape[1]).all() for k in counted):
            return _uniform_table(element, records), start + records.nbytes
    elif not counted:
        raise _cut_short(element)
    return _walked_table(data, element, start, order)


def _cut_short(element: _Element) -> ModelError:
    return ModelError(f"it declares {element.count:,} {element.name} records and holds fewer: it is cut short")


def _record_dtype(data: bytes, element: _Element, start: int, order: str) -> np.dtype:
    """The layout of a record whose lists are as long as the first record's."""
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = []
    at = start
    for k, known in enumerate(element.properties):
        size = np.dtype(known.dtype).itemsize
        if known.count_dtype is None:
            fields.append((str(k), order + known.dtype))
            at += size
            continue
        wide, count = np.dtype(known.count_dtype).itemsize, _length(data, at, known.count_dtype, order)
        fields += [(f"{k} count", order + known.count_dtype), (str(k), order + known.dtype, (count,))]
        at += wide + count * size
        if at > len(data):
            raise _cut_short(element)
    return np.dtype(fields)


def _length(data: bytes, at: int, dtype: str, order: str) -> int:
    """The length before a list; negative ones, and those behind the end of the data, count as 0."""
    if at + np.dtype(dtype).itemsize > len(data):
        return 0
    length = np.frombuffer(data, order + dtype, 1, at)[0]
    return max(0, int(length)) if np.isfinite(length) else 0


def _uniform_table(element: _Element, records: np.ndarray) -> _Table:
    singles, lists = {}, {}
    for k, known in enumerate(element.properties):
        values = records[str(k)]
        if known.count_dtype:
            lists[known.name] = (np.full(len(records), values.shape[1], np.int64), values.reshape(-1))
        else:
            singles[known.name] = values
    return _Table(singles, lists)


def _walked_table(data: bytes, element: _Element, start: int, order: str) -> tuple[_Table, int]:
    """Records one by one, noting where each value lies; then each property gathered at once."""
    places: list[list[int]] = [[] for _ in element.properties]
    sizes: list[list[int]] = [[] for _ in element.properties]
    steps = [(np.dtype(p.dtype).itemsize, np.dtype(p.count_dtype).itemsize if p.count_dtype else 0) for p in element.properties]
    at, end = start, len(data)
    for _ in range(element.count):
        for k, (size, wide) in enumerate(steps):
            count = 1
            if wide:
                kind = element.properties[k].count_dtype or ""
                count = data[at] if kind == "u1" and at < end else _length(data, at, kind, order)
                at += wide
            places[k].append(at)
            sizes[k].append(count)
            at += count * size
        if at > end:
            raise _cut_short(element)
    singles, lists = {}, {}
    for k, known in enumerate(element.properties):
        values = _gathered(data, np.array(places[k], np.int64), np.array(sizes[k], np.int64), np.dtype(order + known.dtype))
        if known.count_dtype:
            lists[known.name] = (np.array(sizes[k], np.int64), values)
        else:
            singles[known.name] = values
    return _Table(singles, lists), at


def _gathered(data: bytes, places: Int64[np.ndarray, " n"], sizes: Int64[np.ndarray, " n"], dtype: np.dtype) -> np.ndarray:
    """sizes[i] values from byte places[i] on, one run after the other."""
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    byte = (np.repeat(places, sizes) + within * dtype.itemsize)[:, None] + np.arange(dtype.itemsize)
    return np.frombuffer(data, np.uint8)[byte].view(dtype)[:, 0]


def _ascii_tables(data: bytes, elements: list[_Element], start: int) -> dict[str, _Table]:
    """The same from text: all of it as one array of numbers, walked like binary records of float64."""
    room = sum(data.count(blank, start) for blank in (b" ", b"\n", b"\t")) + 1
    values = np.empty(room)
    found = parse_numbers(np.frombuffer(data, np.uint8), start, values)
    as_floats = [
        _Element(e.name, e.count, [_Property(p.name, "f8", "f8" if p.count_dtype else None) for p in e.properties]) for e in elements
    ]
    tables = _binary_tables(values[:found].tobytes(), as_floats, 0, "=")
    declared = {element.name: {p.name: np.dtype(p.dtype) for p in element.properties} for element in elements}
    return {
        name: _Table({key: _cast(values, declared[name][key]) for key, values in table.singles.items()}, table.lists)
        for name, table in tables.items()
    }


def _cast(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers read from text as the type that the header declares."""
    if dtype.kind == "f":
        return values
    bounds = np.iinfo(dtype)
    return np.nan_to_num(values).clip(bounds.min, bounds.max).astype(dtype)


def _whole_faces(
    faces: tuple[Int64[np.ndarray, " f"], np.ndarray],
    texcoords: tuple[Int64[np.ndarray, " f"], np.ndarray] | None,
    vertices: int,
    notes: list[str],
) -> tuple[Int64[np.ndarray, " g"], Int64[np.ndarray, " corners"], Float32[np.ndarray, "corners 2"] | None]:
    """Sizes, vertices and UVs of faces of 3 corners or more; ModelError for vertices that do not exist."""
    sizes, corners = faces[0], faces[1]
    if len(corners) and not (corners.min() >= 0 and corners.max() < vertices):
        raise ModelError(f"its faces refer to vertices beyond the {vertices:,} it has: the file is damaged")
    uvs = None
    if texcoords is not None and np.array_equal(texcoords[0], 2 * sizes):
        uvs = texcoords[1].reshape(-1, 2).astype(np.float32)
    whole = sizes >= 3
    if not whole.all():
        notes.append(f"{int((~whole).sum()):,} face(s) of fewer than 3 corners were left out")
        kept = whole.repeat(sizes)
        sizes, corners, uvs = sizes[whole], corners[kept], None if uvs is None else uvs[kept]
    if not len(sizes):
        raise ModelError("it holds no faces of 3 or more corners")
    check_counts(vertices=0, triangles=int((sizes - 2).sum()))
    return sizes, corners.astype(np.int64), uvs


def _mesh(
    vertices: _Table,
    sizes: Int64[np.ndarray, " g"],
    corners: Int64[np.ndarray, " corners"],
    uvs: Float32[np.ndarray, "corners 2"] | None,
) -> Mesh:
    positions = _columns(vertices, ("x", "y", "z"))
    assert positions is not None  # noqa: S101 - the caller looked
    chosen, _ = triangulate(positions.astype(np.float64), sizes, corners)
    vertex_uvs = next(
        (found for pair in (("s", "t"), ("u", "v"), ("texture_u", "texture_v")) if (found := _columns(vertices, pair)) is not None), None
    )
    mesh = Mesh(
        positions=positions,
        triangles=corners[chosen].astype(np.uint32),
        normals=_columns(vertices, ("nx", "ny", "nz")),
        uvs=None if vertex_uvs is None else flipped_v(vertex_uvs),
        colors=_colors(vertices),
    )
    if uvs is None:
        return mesh
    classes, first = equal_corners(np.column_stack([corners.astype(np.uint32), uvs.view(np.uint32)]))
    split = mesh.take_vertices(corners[first], classes[chosen])
    return replace(split, uvs=flipped_v(uvs[first]))


def _columns(table: _Table, names: tuple[str, ...]) -> Float32[np.ndarray, "n k"] | None:
    if any(name not in table.singles for name in names):
        return None
    with np.errstate(over="ignore"):  # what does not fit in float32 is counted and refused later
        return np.column_stack([table.singles[name].astype(np.float32) for name in names])


def _colors(table: _Table) -> UInt8[np.ndarray, "n 4"] | None:
    """red, green, blue and perhaps alpha: bytes, 16-bit numbers, or fractions; sRGB."""
    rgb = next((names for names in (("red", "green", "blue"), ("r", "g", "b")) if all(n in table.singles for n in names)), None)
    if rgb is None:
        return None
    channels = [_channel(table.singles[name]) for name in rgb]
    alpha = table.singles.get("alpha")
    return np.column_stack([*channels, np.full(len(channels[0]), 255, np.uint8) if alpha is None else _channel(alpha)])


def _white(values: np.ndarray) -> float:
    """What stands for full brightness: the type's largest integer; for fractions 1, or 255 where any is larger."""
    if values.dtype.kind != "f":
        return float(np.iinfo(values.dtype).max)
    return 255.0 if values.max(initial=0) > 1 else 1.0


def _channel(values: np.ndarray) -> UInt8[np.ndarray, " n"]:
    """One channel as bytes."""
    if values.dtype == np.uint8:
        return values
    top = _white(values)
    return np.round(np.nan_to_num(values).clip(0, top) * (255 / top)).astype(np.uint8)

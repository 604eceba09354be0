"""Nouns as bytes and back, exact to the bit: for the stage cache, and for whatever else must hand a noun to another process.

A noun is walked by its annotations, so a field that is added to one is coded without a line here. What is written:

    magic "KILNNOUN", length of the head (uint64, little-endian), SHA-256 of the head, the head, the arrays

The head is JSON: the values in the order of their fields, arrays as numbers into a table of (dtype, shape, SHA-256). Arrays follow raw,
little-endian, in C order, each from a multiple of 64 bytes on; equal ones are written once. Nothing is compressed: that would take ten
times as long as all the rest. Nothing is pickled: decoding builds nouns, numbers and text only.

The SHA-256 of the head is the noun's digest: it covers every value, and every array by its own digest.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from jaxtyping import AbstractArray, jaxtyped

from kiln.errors import InputError
from kiln.formats.array_digest import array_digest, raw, remember

Kind = Any
"""What a value is: an annotation as the nouns use them, or a table of annotations by name, of which a value may have any."""

_MAGIC: Final = b"KILNNOUN"
_PREFIX: Final = struct.Struct("<8sQ32s")
_FORMAT: Final = 1
"""Of the head; another one is not read."""

_MOST_HEAD_BYTES: Final = 16 << 20
"""JSON takes many times its length to read; what says this much beside its arrays is no noun of ours."""

_ALIGNMENT: Final = 64
"""Bytes: a cache line, and more than any element needs."""

_DTYPES: Final = frozenset("buif")
"""numpy's kinds of plain numbers."""

_ArrayEntry = tuple[str, tuple[int, ...], str]
"""dtype, shape and SHA-256."""

Parts = tuple[bytes | memoryview, ...]
"""Bytes in pieces, so that arrays need not be copied: `b"".join(parts)`, or `file.writelines(parts)`."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """A value as bytes, its arrays still where they were."""

    head: bytes
    arrays: tuple[np.ndarray, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of all there is of the value, in hexadecimal."""
        return hashlib.sha256(self.head).hexdigest()

    @property
    def parts(self) -> Parts:
        """The bytes."""
        prefix = _PREFIX.pack(_MAGIC, len(self.head), hashlib.sha256(self.head).digest())
        found: list[bytes | memoryview] = [prefix, self.head, _gap(len(prefix) + len(self.head))]
        for array in self.arrays:
            found += [raw(array), _gap(array.nbytes)]
        return tuple(found)


def encode(value: Any, kind: Kind) -> Encoded:
    """A noun, or any value made of nouns, as bytes. The same value gives the same bytes.

    Raises TypeError, naming the place, when something in it is not what its annotation says: it would not come back as it was; ValueError
    when it has 16 MiB of values beside its arrays.
    """
    table = _ArrayTable()
    data = _plain(value, kind, table, "value")
    head = {"format": _FORMAT, "arrays": list(table.entries), "value": data}
    text = json.dumps(head, separators=(",", ":")).encode()
    if len(text) > _MOST_HEAD_BYTES:
        raise ValueError(f"it has {len(text):,} bytes of values beside its arrays, more than the {_MOST_HEAD_BYTES:,} that are read")
    return Encoded(text, tuple(table.arrays))


def digest(value: Any, kind: Kind) -> str:
    """SHA-256 of all there is of a value, in hexadecimal: equal values have equal digests."""
    return encode(value, kind).digest


def decode(data: bytes, kind: Kind) -> Any:
    """The value that was encoded. Its arrays are read-only views of `data`.

    Raises InputError when the bytes are damaged, of another format, or hold something else than `kind`.
    """
    try:
        head, start = _read_head(data)
        arrays = _read_arrays(data, start, head["arrays"])
        return _value(head["value"], kind, arrays, "value")
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise InputError(f"these are no bytes of a noun: {error}") from error


@dataclass(eq=False)
class _ArrayTable:
    """The arrays of one value, and what the head says of them: equal ones once, whether they are one object or not."""

    arrays: list[np.ndarray] = field(default_factory=list)
    entries: dict[_ArrayEntry, int] = field(default_factory=dict)

    def number(self, array: np.ndarray) -> int:
        """The array's number; it is taken in when it is new."""
        little = array.dtype.newbyteorder("<")
        # Not by one call: asarray gives a new object for an equal dtype too, and a digest is known by its object.
        plain = np.asarray(array, dtype=None if array.dtype == little else little, order="C")
        entry = (little.str, plain.shape, array_digest(plain))
        if entry not in self.entries:
            self.entries[entry] = len(self.arrays)
            self.arrays.append(plain)
        return self.entries[entry]


def _gap(size: int) -> bytes:
    """Zeros up to the next multiple of the alignment."""
    return bytes(-size % _ALIGNMENT)


def _plain(value: Any, kind: Kind, table: _ArrayTable, at: str) -> Any:
    """The value as JSON has it, its arrays as numbers."""
    members = _members(kind)
    if members:
        return _plain_choice(value, members, table, at)
    if not _fits(value, kind):
        raise TypeError(f"{at} is {type(value).__name__} {value!r:.40}, not {kind}")
    if isinstance(kind, type) and issubclass(kind, AbstractArray):
        return table.number(value)
    if isinstance(kind, Mapping):
        return {name: _plain(part, kind[name], table, f"{at}.{name}") for name, part in value.items()}
    if _is_noun(kind):
        return {name: _plain(getattr(value, name), part, table, f"{at}.{name}") for name, part in _fields(kind).items()}
    return _plain_items(value, kind, table, at)


def _plain_items(value: Any, kind: Kind, table: _ArrayTable, at: str) -> Any:
    """A sequence, a mapping, or a value that JSON has itself."""
    origin, arguments = _origin(kind), get_args(kind)
    if origin is tuple:
        kinds = _kinds_of_items(arguments, len(value))
        if len(kinds) != len(value):
            raise TypeError(f"{at} has {len(value)} items, not {len(kinds)}")
        return [_plain(part, each, table, f"{at}[{i}]") for i, (part, each) in enumerate(zip(value, kinds, strict=True))]
    if origin is not None and origin is not Literal:
        return {_text(key, at): _plain(part, arguments[1], table, f"{at}[{key!r}]") for key, part in value.items()}
    return str(value) if isinstance(value, Path) else value


def _plain_choice(value: Any, members: Sequence[Kind], table: _ArrayTable, at: str) -> Any:
    """One of several kinds: null for None, else its number and the value."""
    if value is None and NoneType in members:
        return None
    chosen = next((i for i, member in enumerate(members) if _fits(value, member)), None)
    if chosen is None:
        raise TypeError(f"{at} is {type(value).__name__} {value!r:.40}, not one of {members}")
    return [chosen, _plain(value, members[chosen], table, at)]


def _fits(value: Any, kind: Kind) -> bool:
    """Whether a value is of this kind itself; what it is made of is not looked at."""
    origin = _origin(kind) or kind
    if origin is object:
        return _is_json(value)
    if origin is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if isinstance(kind, Mapping):
        return isinstance(value, Mapping) and value.keys() <= kind.keys()
    if isinstance(origin, type) and issubclass(origin, (AbstractArray, tuple, Mapping, Path)):
        return isinstance(value, origin)
    return type(value) is origin or (origin is float and type(value) is int)


def _is_json(value: Any) -> bool:
    """Whether JSON gives the very same value back."""
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_json, value.values()))
    return value is None or type(value) in (bool, int, float, str)


def _text(key: Any, at: str) -> str:
    if type(key) is not str:
        raise TypeError(f"{at} has the key {key!r}, which is no text")
    return key


def _is_noun(kind: Kind) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


@lru_cache(maxsize=64)
def _fields(noun: type) -> dict[str, Kind]:
    """The annotations of a dataclass's fields."""
    hints = get_type_hints(noun)
    return {entry.name: hints[entry.name] for entry in fields(noun)}


def _origin(kind: Kind) -> Any:
    """`tuple` of `tuple[int, ...]`; None for a plain class."""
    return get_origin(kind)


def _members(kind: Kind) -> tuple[Kind, ...]:
    """What a union chooses from; nothing for any other annotation."""
    return get_args(kind) if _origin(kind) in (Union, UnionType) else ()


def _kinds_of_items(arguments: tuple[Kind, ...], count: int) -> tuple[Kind, ...]:
    """One annotation an item of a tuple of so many."""
    return (arguments[0],) * count if arguments[-1] is Ellipsis else arguments


def _read_head(data: bytes) -> tuple[dict[str, Any], int]:
    """The head, and where the first array starts."""
    magic, length, expected = _PREFIX.unpack_from(data) if len(data) >= _PREFIX.size else (b"", 0, b"")
    end = _PREFIX.size + length
    if magic != _MAGIC or end > len(data) or length > _MOST_HEAD_BYTES:
        raise ValueError("they do not start as one does")
    head = bytes(data[_PREFIX.size : end])
    if hashlib.sha256(head).digest() != expected:
        raise ValueError("the head was changed")
    found = json.loads(head)
    if found["format"] != _FORMAT:
        raise ValueError(f"format {found['format']!r} is not {_FORMAT}")
    return found, end + len(_gap(end))


def _read_arrays(data: bytes, start: int, table: Sequence[Sequence[Any]]) -> list[np.ndarray]:
    """The arrays, each checked against its digest; nothing must follow the last."""
    arrays = []
    for letters, shape, expected in table:
        dtype = np.dtype(letters)
        size = prod(shape) * dtype.itemsize
        if dtype.kind not in _DTYPES or min(shape, default=0) < 0 or start + size > len(data):
            raise ValueError(f"an array of {letters} {shape} cannot be in {len(data)} bytes")
        array = np.frombuffer(data, dtype, count=prod(shape), offset=start).reshape(shape)
        if hashlib.sha256(memoryview(data)[start : start + size]).hexdigest() != expected:
            raise ValueError("an array was changed")
        remember(array, expected)
        arrays.append(array)
        start += size + len(_gap(size))
    if start != len(data):
        raise ValueError(f"they have {len(data)} bytes instead of {start}")
    return arrays


def _value(data: Any, kind: Kind, arrays: Sequence[np.ndarray], at: str) -> Any:
    """The value of what `_plain` made."""
    members = _members(kind)
    if members:
        return _chosen(data, members, arrays, at)
    if isinstance(kind, type) and issubclass(kind, AbstractArray):
        return _fitting(arrays[_number(data)], kind, at)
    if isinstance(kind, Mapping):
        return {name: _value(part, kind[name], arrays, f"{at}.{name}") for name, part in _object(data).items()}
    if _is_noun(kind):
        return _noun(_object(data), kind, arrays, at)
    return _items(data, kind, arrays, at)


def _noun(data: Mapping[str, Any], kind: Any, arrays: Sequence[np.ndarray], at: str) -> Any:
    """A dataclass; axes that share a name in its annotations must have one length."""
    expected = _fields(kind)
    if data.keys() != expected.keys():
        raise ValueError(f"{at} has other fields than {kind.__name__}")
    with jaxtyped("context"):
        return kind(**{name: _value(data[name], part, arrays, f"{at}.{name}") for name, part in expected.items()})


def _items(data: Any, kind: Kind, arrays: Sequence[np.ndarray], at: str) -> Any:
    """A sequence, a mapping, or a value that JSON has itself."""
    origin, arguments = _origin(kind), get_args(kind)
    if origin is tuple:
        kinds = _kinds_of_items(arguments, len(_list(data)))
        return tuple(_value(part, each, arrays, f"{at}[{i}]") for i, (part, each) in enumerate(zip(data, kinds, strict=True)))
    if origin is not None and origin is not Literal:
        return {key: _value(part, arguments[1], arrays, f"{at}[{key!r}]") for key, part in _object(data).items()}
    return _fitting(Path(data) if kind is Path else data, kind, at)


def _chosen(data: Any, members: Sequence[Kind], arrays: Sequence[np.ndarray], at: str) -> Any:
    if data is None and NoneType in members:
        return None
    number, part = data
    return _value(part, members[_number(number)], arrays, at)


def _fitting(value: Any, kind: Kind, at: str) -> Any:
    if not _fits(value, kind):
        raise ValueError(f"{at} is not {kind}")
    return value


def _number(data: Any) -> int:
    if type(data) is not int or data < 0:
        raise ValueError(f"{data!r} numbers nothing")
    return data


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise TypeError(f"{data!r:.40} is no list")
    return data


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError(f"{data!r:.40} is no table")
    return data

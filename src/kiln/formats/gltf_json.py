"""Reading a glTF's JSON without trusting it: every access checks type and bounds, and says where it failed."""

from __future__ import annotations

import json
import math
from typing import Any

from kiln.errors import ModelError

_MAX_JSON_ITEMS = 4_000_000
"""Brackets and commas outside of binary data; a Python object each, so more would fill the memory."""

_ANY = 2**53

Entry = dict[str, Any]


def parse(text: bytes) -> Entry:
    """The JSON object in these bytes. ModelError when it is none, is nested too deeply or is absurdly large."""
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > _MAX_JSON_ITEMS:
        raise ModelError(f"its JSON holds more than {_MAX_JSON_ITEMS:,} items")
    try:
        document = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"its JSON cannot be read ({error}): export it again") from None
    if not isinstance(document, dict):
        raise ModelError("its JSON is not an object: this is no glTF file")
    return document


def entries(owner: Entry, key: str) -> list[Entry]:
    """The array of objects under key; empty when absent."""
    found = owner.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ModelError(f'"{key}" is not an array of objects')
    return found


def entry(owner: Entry, key: str) -> Entry:
    """The object under key; empty when absent."""
    found = owner.get(key, {})
    if not isinstance(found, dict):
        raise ModelError(f'"{key}" is not an object')
    return found


def pick(document: Entry, key: str, index: int) -> Entry:
    """The object of this number in a top-level array; the others are not looked at, or each of 100,000 nodes would look at all."""
    found = document.get(key, [])
    if not isinstance(found, list):
        raise ModelError(f'"{key}" is not an array of objects')
    if not 0 <= index < len(found):
        raise ModelError(f"it refers to {key}[{index}], but has {len(found)} {key}")
    return entry({key: found[index]}, key)


def integer(owner: Entry, key: str, *, low: int = 0, high: int = _ANY, default: int | None = None) -> int:
    """The integer under key, within bounds."""
    value = owner.get(key, default)
    if isinstance(value, float) and value.is_integer():  # some exporters write 3.0
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        bounds = f"from {low} to {high:,}" if high < _ANY else f"of at least {low}"
        raise ModelError(f'"{key}" is {_shown(value)}; it must be an integer {bounds}')
    return value


def integers(owner: Entry, key: str) -> list[int]:
    """The array of non-negative integers under key; empty when absent."""
    found = owner.get(key, [])
    if not isinstance(found, list):
        raise ModelError(f'"{key}" is not an array')
    return [integer({key: value}, key) for value in found]


def numbers(owner: Entry, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """As many finite numbers under key as the default has."""
    found = owner.get(key, list(default))
    if not isinstance(found, list) or len(found) != len(default) or not all(_is_finite(value) for value in found):
        raise ModelError(f'"{key}" is {_shown(found)}; it must be {len(default)} finite numbers')
    return tuple(float(value) for value in found)


def number(owner: Entry, key: str, default: float) -> float:
    """The finite number under key."""
    return numbers({key: [owner.get(key, default)]}, key, (default,))[0]


def text(owner: Entry, key: str, default: str = "") -> str:
    """The string under key."""
    value = owner.get(key, default)
    if not isinstance(value, str):
        raise ModelError(f'"{key}" is {_shown(value)}; it must be text')
    return value


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."

"""Plain JSON: the only form in which anything of a job is kept. Reading it back can run no code."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from kiln.errors import InputError, StorageError


def canonical(value: Any) -> str:
    """The one ASCII text of a JSON value: keys sorted, no spaces. InputError for what JSON cannot say, such as NaN or bytes."""
    _check_keys(value)
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"this is no plain JSON: {error}; use text, finite numbers, true, false, null, lists and tables") from None


def parsed(text: str) -> Any:
    """The value of a text that `canonical` wrote. StorageError for any other text: somebody else wrote it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise StorageError("the job database holds text that is no JSON: restore it from a backup", kind="damaged") from None


def sha256_of(value: Any) -> str:
    """64 hexadecimal digits that are equal exactly for equal JSON values."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def _check_keys(value: Any) -> None:
    """InputError for keys that are no text: json.dumps would quietly turn 1 and "1" into the same."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            strangers = [key for key in item if not isinstance(key, str)]
            if strangers:
                raise InputError(f"the name {strangers[0]!r} in a table must be text")
            waiting += item.values()
        elif isinstance(item, (list, tuple)):
            waiting += item

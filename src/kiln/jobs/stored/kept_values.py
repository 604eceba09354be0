"""What a lane remembers: values by what they are known by, those that were used last, within a limit of bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any


class KeptValues:
    """What was not used for longest is forgotten when there is too much. For one thread."""

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._values: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, known_by: str) -> Any:
        """The value; None when it is not remembered."""
        if known_by not in self._values:
            return None
        self._values.move_to_end(known_by)
        return self._values[known_by][0]

    def put(self, known_by: str, value: Any, *, size: int) -> None:
        """Remember a value of so many bytes, in the place of one that was known by the same."""
        _, before = self._values.pop(known_by, (None, 0))
        self._values[known_by] = value, size
        self._bytes += size - before
        while self._bytes > self._most_bytes:
            _, (_, gone) = self._values.popitem(last=False)
            self._bytes -= gone

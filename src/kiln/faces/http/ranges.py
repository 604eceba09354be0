"""What of a content is asked for, and whether the client has it already (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ONE_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, kw_only=True)
class Span:
    """The bytes from `start` to before `stop` of a content of `size` bytes."""

    start: int
    stop: int
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether that is all of it."""
        return self.start == 0 and self.stop == self.size

    @property
    def header(self) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


class NoSuchBytes(Exception):
    """The content ends before what was asked for begins."""


def span_of(headers: Mapping[str, str], *, size: int, etag: str) -> Span | None:
    """The one range that is asked for; None for the whole, also where several are asked for, or nothing that can be understood.

    NoSuchBytes when the range has none of the content's bytes.
    """
    asked = _ONE_RANGE.fullmatch(headers.get("range", ""))
    if asked is None or asked[1] == asked[2] == "" or headers.get("if-range", etag) != etag:
        return None
    if asked[1] == "":
        return _span(max(0, size - int(asked[2])), size, size)
    start = int(asked[1])
    if asked[2] and int(asked[2]) < start:
        return None
    return _span(start, min(size, int(asked[2]) + 1) if asked[2] else size, size)


def is_known(headers: Mapping[str, str], *, etag: str) -> bool:
    """Whether If-None-Match names this content: then the client has it."""
    names = [name.strip().removeprefix("W/") for name in headers.get("if-none-match", "").split(",")]
    return "*" in names or etag in names


def _span(start: int, stop: int, size: int) -> Span:
    if start >= stop:
        raise NoSuchBytes
    return Span(start=start, stop=stop, size=size)

"""What parts and values of calls and results are called, so that lanes and workers agree. An asset's parts are called as its fields."""

from __future__ import annotations

from typing import Final

NAME: Final = "name"
"""A value: what an asset or package is called."""

NAMES: Final = "names"
"""A value: the names of uploaded files, by role."""

PICTURE: Final = "picture"
"""A part: one picture. Of several, each is called by its number, from 0."""

REPORT: Final = "report"
"""A part: what was measured on a package's files."""

VALUE: Final = "value"
"""A part: the result of a stage that gives no picture, asset or package."""

FILE: Final = "file/"
"""Begins the names of parts that are a package's files."""

ARCHIVE: Final = "archive/"
"""Begins the names of parts that are a package's zips."""

FILES: Final = "files"
"""A value: size in bytes and media type of each of those parts."""

CHANGED: Final = "changed"
"""A value: names of the fields that a quick stage changed, which are in no store."""

CLEARED: Final = "cleared"
"""A value: names of the fields that now are what a new asset has."""

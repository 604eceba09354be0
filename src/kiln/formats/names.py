"""Names that every engine and file system takes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from anyascii import anyascii

_MAX_LENGTH: Final = 64

_RESERVED: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin", "conout", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))]
)
"""Names of Windows' devices: no file may be called so there, whatever its extension."""


def safe_name(text: str) -> str:
    """The text as ASCII letters, digits and single underscores: never empty, never beginning with a digit, 64 long at most.

    Other scripts are transliterated letter by letter, so "черный меч" becomes "chernyy_mech". Names that Windows keeps for devices get a
    letter in front, as those that begin with a digit do.
    """
    # Composed first: macOS hands out decomposed file names, whose "й" would read "i" and whose Hangul would fall into single sounds.
    plain = anyascii(unicodedata.normalize("NFC", text))
    name = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")
    if not name:
        return "asset"
    if name[0].isdigit() or name.lower() in _RESERVED:
        name = f"a_{name}"
    return _cut(name, _MAX_LENGTH)


def asset_name(stem: str) -> str:
    """What an asset from a file is called: its name without Unreal's prefixes, which would stand there twice when it goes back."""
    return safe_name(re.sub(r"^(SM|SK)_(?=\w)", "", stem))


def is_reserved(name: str) -> bool:
    """Whether Windows takes a file's name for one of its devices, whatever the extension."""
    return name.split(".", 1)[0].rstrip(" ").lower().rstrip("$") in _RESERVED


def unique_names(texts: Iterable[str]) -> tuple[str, ...]:
    """A safe name for each text, no two of which are equal when case is ignored: see `distinct`."""
    return distinct([safe_name(text) for text in texts])


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, those numbered that are equal to an earlier one when case is ignored; what is numbered is 64 long at most.

    Who asks for a free name gets it: of "rock", "Rock" and "rock_2" the second becomes "Rock_3".
    """
    owners: dict[str, int] = {}
    for position, name in enumerate(names):
        owners.setdefault(name.lower(), position)
    taken, numbers = set(owners), dict.fromkeys(owners, 2)
    return tuple(name if owners[name.lower()] == position else _numbered(name, taken, numbers) for position, name in enumerate(names))


def _numbered(name: str, taken: set[str], numbers: dict[str, int]) -> str:
    """The name with the first free number, which is taken then; `numbers` says from where on to look."""
    key = name.lower()
    while (found := _with_number(name, numbers[key])).lower() in taken:
        numbers[key] += 1
    taken.add(found.lower())
    return found


def _with_number(name: str, number: int) -> str:
    tail = f"_{number}"
    return _cut(name, _MAX_LENGTH - len(tail)) + tail


def _cut(name: str, length: int) -> str:
    return name[:length].rstrip("_")

"""Names that every engine and file system takes."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_MAX_LENGTH: Final = 64

# What NFKD does not take apart.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "þ": "th"}
)


def safe_name(text: str) -> str:
    """The text as letters, digits and single underscores, accents dropped: never empty, never beginning with a digit, 64 long at most."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS)).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")
    if not name:
        return "asset"
    if name[0].isdigit():
        name = f"a_{name}"
    return name[:_MAX_LENGTH].rstrip("_")

"""Names and words from strangers: files get names of our own, and what was given is kept as inert text."""

from __future__ import annotations

import unicodedata
import uuid
from pathlib import PureWindowsPath
from typing import Final
from urllib.parse import quote

from kiln.errors import RefusedError
from kiln.formats.names import safe_name

_LONGEST_NAME: Final = 120
_LONGEST_PROMPT: Final = 4000
"""Characters."""

_LINE_BREAKS: Final = "\n\t"


def generated_name(ending: str) -> str:
    """A file name of ours that nobody can guess, such as "3f2a...c1.png"; `ending` is the kind that was found, without a dot."""
    return f"{uuid.uuid4().hex}.{safe_name(ending)}"


def inert_name(given: str) -> str:
    """A stranger's file name to show to people, never to open: the last part of it, without control, bidi or unassigned characters.

    At most 120 characters, and never empty. `formats.names.safe_name` makes an asset's name of it.
    """
    last = PureWindowsPath(given[-4 * _LONGEST_NAME :].replace("\0", "")).name
    shown = "".join(letter for letter in unicodedata.normalize("NFC", last) if _is_shown(letter)).strip(". ")
    return shown[:_LONGEST_NAME].strip() or "file"


def content_disposition(given: str) -> str:
    """The value of a Content-Disposition header that offers a download under this name (RFC 6266; never shown in the page)."""
    name = inert_name(given)
    stem, dot, ending = name.rpartition(".")
    plain = f"{safe_name(stem)}.{safe_name(ending)}" if dot and stem else safe_name(name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def checked_prompt(given: str) -> str:
    """A prompt as plain text: spaces around it and characters that cannot be seen taken away. RefusedError when too long or empty.

    It is data from here on: nothing may format, template or run it, so "{0}", "$(id)" and "{{7*7}}" stay as they are.
    """
    if len(given) > _LONGEST_PROMPT:
        raise RefusedError(f"the prompt has {len(given):,} characters, more than {_LONGEST_PROMPT:,}: shorten it", reason="text")
    text = "".join(letter for letter in unicodedata.normalize("NFC", given) if _is_shown(letter) or letter in _LINE_BREAKS).strip()
    if not text:
        raise RefusedError("the prompt is empty: say what is to be made", reason="text")
    return text


def _is_shown(letter: str) -> bool:
    """Not control (ANSI, CR, NUL), format (bidi overrides, zero width), surrogate, private, unassigned, line or paragraph separator.

    U+200D joins emoji and is needed by several scripts; it is let through.
    """
    category = unicodedata.category(letter)
    return letter == "\u200d" or not (category.startswith("C") or category in ("Zl", "Zp"))

"""What is said of assets, kept in memory: a search opens each record once, and then only those it shows."""

from __future__ import annotations

import threading
from typing import Final

MAX_CHARACTERS: Final = 16 << 20
"""Of all texts together, some 100,000 assets; what comes on top is opened at every search."""


class SaidOfAssets:
    """The searched text of records, by their keys; safe to use from many threads.

    A record is never replaced, so a text is right for as long as its record is listed.
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._characters = 0
        self._lock = threading.Lock()

    def of(self, key: str) -> str | None:
        """The text of a record; None where it has to be opened."""
        return self._texts.get(key)

    def keep(self, key: str, text: str) -> None:
        """Remember the text of a record that was opened."""
        with self._lock:
            if key not in self._texts and self._characters + len(text) <= MAX_CHARACTERS:
                self._texts[key] = text
                self._characters += len(text)

    def forget(self, key: str) -> None:
        """The record is gone, and another may come to its place."""
        with self._lock:
            self._characters -= len(self._texts.pop(key, ""))

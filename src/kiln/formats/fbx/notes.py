"""Sentences for people on what of a file was left out, each said once."""

from __future__ import annotations

from typing import Final

_MOST_SENTENCES: Final = 30
"""More nobody reads."""


class Notes:
    """Collects sentences; those with a count are added up."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, sentence: str, *, count: int = 0) -> None:
        """Say something once, or that it was so of `count` things more."""
        self._counts[sentence] = self._counts.get(sentence, 0) + count

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was said, in that order."""
        said = [f"{count:,} {sentence}" if count else sentence for sentence, count in self._counts.items()]
        more = len(said) - _MOST_SENTENCES
        return (*said[:_MOST_SENTENCES], *([f"and {more:,} things more of these kinds"] if more > 0 else []))

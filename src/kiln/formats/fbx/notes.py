"""Sentences for people on what of a file was left out, each said once."""

from __future__ import annotations


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
        return tuple(f"{count:,} {sentence}" if count else sentence for sentence, count in self._counts.items())

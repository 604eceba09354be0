"""Which contents of the service's store can go: what stages made long ago, and what no file, no asset and no stage's record needs.

    stages/<digest>    a record of what a stage made; it names contents by their SHA-256
    blobs/<SHA-256>    contents: what stages made, uploads, and the files of jobs and assets

A job that is begun finds records and holds on to what they name, which is written down nowhere. So a record that is too old goes to the
trash, where no job finds it any more, and leaves it only when every job has ended that was submitted before it came there; and for as long
as a record is anywhere, what it names stays. Whoever writes a record, puts the contents before and asks for them after (storage.sweep).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kiln.errors import StorageError
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.stored.record import STAGES
from kiln.jobs.upkeep.retention import HOUR_MS, Policy, Retention
from kiln.storage import Listed, Store
from kiln.storage.blobs import BLOBS, blob_key
from kiln.storage.keys import trash_key
from kiln.storage.shelf import FILES, Shelf
from kiln.storage.sweep import Swept, discard, sweep

_CLOCK_SLACK_MS: Final = HOUR_MS
"""By how much the clocks of the database's writers and of the store may differ, and for how long a record that is on its way into the trash
may still be found at its place."""

_SHA256: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was done."""

    outdated: tuple[str, ...]
    """Records of stages that were thrown away: too old, or too much."""

    contents: Swept
    """What became of contents."""


class Collector:
    """Collects the waste of a service's store; it may be killed anywhere."""

    def __init__(self, store: Store, retention: Retention, *, clock: Clock | None = None) -> None:
        self._store = store
        self._retention = retention
        self._shelf = Shelf(store)
        self._clock = clock or SystemClock()
        self._named: dict[Listed, frozenset[str]] = {}

    def collect(self, policy: Policy) -> Collected:
        """Throw away what has become too old, delete what was thrown away long enough ago, and bring back what is needed after all.

        Raises StorageError when something cannot be read: then nothing is deleted that was not looked at before.
        """
        now_ms = self._clock.now_ms()
        end_s = self._end_of_trash_ms(now_ms, policy) / 1000
        self._store.tidy()
        for entry in list(self._store.entries(trash_key(STAGES))):
            if entry.modified < end_s:
                self._store.delete(entry.key)
        outdated = discard(self._store, self._outdated(now_ms, policy))
        young_s = (now_ms - policy.young_ms) / 1000
        swept = sweep(self._store, (BLOBS, FILES), older_than=young_s, needed=self._needed, trashed_before=end_s)
        return Collected(outdated=outdated, contents=swept)

    def _end_of_trash_ms(self, now_ms: int, policy: Policy) -> int:
        """What came into the trash before then is deleted. Asked before anything else: jobs that begin later find only what is left."""
        begun_ms = self._retention.oldest_begun_ms()
        over_ms = now_ms - policy.trash_ms
        return over_ms if begun_ms is None else min(over_ms, begun_ms - _CLOCK_SLACK_MS)

    def _outdated(self, now_ms: int, policy: Policy) -> Iterator[str]:
        """Records that are too old, or name more bytes than all newer ones leave of the limit."""
        entries = sorted(self._store.entries(STAGES), key=lambda entry: entry.modified, reverse=True)
        within = entries if policy.stages_bytes is None else self._within(entries, policy.stages_bytes)
        for number, entry in enumerate(entries):
            if number >= len(within) or entry.modified * 1000 < now_ms - policy.stages_ms:
                yield entry.key

    def _within(self, entries: Sequence[Listed], limit: int) -> Sequence[Listed]:
        """The first so many, whose contents take no more bytes than that together."""
        sizes = {entry.key: entry.size for entry in self._store.entries(BLOBS)}
        named, counted = self._named_by(entries), set[str]()
        for number, entry in enumerate(entries):
            limit -= sum(sizes.get(key, 0) for key in named[entry] - counted)
            counted |= named[entry]
            if limit < 0:
                return entries[:number]
        return entries

    def _needed(self, keys: Collection[str]) -> frozenset[str]:
        return self._retention.needed_keys(keys) | self._shelf.live_keys() | self._named_by_stages()

    def _named_by_stages(self) -> frozenset[str]:
        """What the records of stages name, those in the trash, too, which come second: a record may be thrown away meanwhile."""
        self._named = self._named_by([*self._store.entries(STAGES), *self._store.entries(trash_key(STAGES))])
        return frozenset().union(*self._named.values())

    def _named_by(self, entries: Sequence[Listed]) -> dict[Listed, frozenset[str]]:
        """What each record names; those that were read for the last question are known."""
        unknown = [entry for entry in entries if entry not in self._named]
        read = self._store.each([entry.key for entry in unknown], self._names_in)
        return {entry: self._named[entry] if entry in self._named else read[entry.key] for entry in entries}

    def _names_in(self, key: str) -> frozenset[str]:
        """Keys of all contents whose SHA-256 is in a record, whichever Kiln wrote it; none of one that is gone or of no use."""
        try:
            found = _SHA256.findall(self._store.get(key))
        except StorageError as error:
            if error.kind not in ("missing", "damaged"):
                raise
            return frozenset()
        return frozenset(blob_key(sha256.decode()) for sha256 in found)

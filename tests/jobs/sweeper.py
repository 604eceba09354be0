"""A sweeper in a process of its own, which throws everything away at once that it may: no age protects anything from it.

Called with the database's URL and the store's; says "swept" after each collection, until it is killed.
"""

from __future__ import annotations

import itertools
import sys

from kiln.jobs.records.database import Database
from kiln.jobs.upkeep import collection
from kiln.jobs.upkeep.collection import Collector
from kiln.jobs.upkeep.retention import Policy, Retention
from kiln.storage import open_store

GREEDY = Policy(stages_ms=0, young_ms=0, trash_ms=0)
SAME_MACHINE_MS = 2000
"""Between a content's arrival in the trash and its leaving its place lie two waits for the disk, which may be busy."""

if __name__ == "__main__":
    collection._CLOCK_SLACK_MS = SAME_MACHINE_MS  # type: ignore[misc]
    collector = Collector(open_store(sys.argv[2], floor_bytes=0), Retention(Database(sys.argv[1])))
    for _ in itertools.count():
        collected = collector.collect(GREEDY)
        sys.stdout.write(f"swept {len(collected.outdated)} {len(collected.contents.trashed)} {len(collected.contents.deleted)}\n")
        sys.stdout.flush()

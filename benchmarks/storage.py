"""How fast the folder store is beside obstore's LocalStore, which neither syncs nor hashes: `python benchmarks/storage.py [FOLDER]`.

Prints JSON: contents of 4 KiB per second, contents of 64 MiB in MiB per second, and pages of a listing of 20,000 keys per second.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import obstore
from obstore.store import LocalStore

from kiln.storage import Store, open_store

SMALL, LARGE = 4 << 10, 64 << 20
SMALL_COUNT, LARGE_COUNT, KEYS = 500, 4, 20_000


def per_second(work: Callable[[int], object], count: int) -> float:
    started = time.perf_counter()
    for number in range(count):
        work(number)
    return count / (time.perf_counter() - started)


def kiln(store: Store, small: bytes, large: bytes) -> dict[str, float]:
    mib = LARGE / 2**20
    return {
        "put 4 KiB /s": per_second(lambda n: store.put(f"small/{n:05}", small), SMALL_COUNT),
        "get 4 KiB /s": per_second(lambda n: store.get(f"small/{n:05}"), SMALL_COUNT),
        "head /s": per_second(lambda n: store.head(f"small/{n:05}"), SMALL_COUNT),
        "put MiB/s": mib * per_second(lambda n: store.put(f"large/{n}", large), LARGE_COUNT),
        "get MiB/s": mib * per_second(lambda n: store.get(f"large/{n}"), LARGE_COUNT),
    }


def local_store(folder: Path, small: bytes, large: bytes) -> dict[str, float]:
    store, mib = LocalStore(folder, mkdir=True), LARGE / 2**20
    return {
        "put 4 KiB /s": per_second(lambda n: obstore.put(store, f"small/{n:05}", small, mode="create"), SMALL_COUNT),
        "get 4 KiB /s": per_second(lambda n: bytes(obstore.get(store, f"small/{n:05}").bytes()), SMALL_COUNT),
        "head /s": per_second(lambda n: obstore.head(store, f"small/{n:05}"), SMALL_COUNT),
        "put MiB/s": mib * per_second(lambda n: obstore.put(store, f"large/{n}", large, mode="create", use_multipart=False), LARGE_COUNT),
        "get MiB/s": mib * per_second(lambda n: bytes(obstore.get(store, f"large/{n}").bytes()), LARGE_COUNT),
    }


def listing(root: Path) -> dict[str, float]:
    """Contents are made by hand: putting them would take a minute of syncing."""
    store = open_store(str(root), floor_bytes=0)
    for number in range(KEYS):
        place = root / "objects" / f"{number % 256:02x}" / f"{number:05}@"
        place.mkdir(parents=True)
        (place / f"{number:05}").write_bytes(b"")
    return {"keys listed /s": KEYS * per_second(lambda _: len(list(store.entries())), 1)}


def main() -> None:
    small, large = os.urandom(SMALL), os.urandom(LARGE)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        place = Path(folder)
        found = {
            "kiln folder": kiln(open_store(str(place / "kiln")), small, large),
            "obstore LocalStore": local_store(place / "peer", small, large),
            "kiln listing": listing(place / "many"),
        }
    print(json.dumps({name: {what: round(value) for what, value in values.items()} for name, values in found.items()}, indent=1))


if __name__ == "__main__":
    main()

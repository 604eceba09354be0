"""Writers are killed at random moments: whatever was acknowledged is there, whole, and nothing else is visible by halves."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

from kiln.storage import Store, open_store

WRITER = """
import hashlib, random, sys
from kiln.storage import open_store

store, chance = open_store(sys.argv[1], floor_bytes=0), random.Random(int(sys.argv[2]))
while True:
    data = chance.randbytes(chance.choice([16, 100, 70_000, 1_500_000]))
    digest = hashlib.sha256(data).hexdigest()
    key = f"chaos/{digest[:2]}/{digest}"
    store.put(key, data)
    print(key, flush=True)
    if chance.random() < 0.2:
        store.delete(key)
        print("-" + key, flush=True)
"""


def started(root: Path, seed: int) -> subprocess.Popen[bytes]:
    path = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen([sys.executable, "-c", WRITER, str(root), str(seed)], stdout=subprocess.PIPE, env=path)


def killed(writer: subprocess.Popen[bytes], *, after: int) -> list[str]:
    """What a writer said before it was killed, which happens while it writes on."""
    with writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(after)]
        writer.kill()
        said += writer.stdout.readlines()
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


def check(store: Store, said: list[str]) -> None:
    """The checker over what one writer said: everything it kept is there, nothing it deleted is."""
    there = set(store.keys())
    deleted = {line[1:] for line in said if line.startswith("-")}
    kept = {line for line in said if not line.startswith("-")} - deleted
    assert kept - {said[-1]} <= there  # the last one may be deleted, and that not be said
    assert not deleted & there


def test_what_two_writers_acknowledged_before_they_were_killed_is_there(tmp_path: Path) -> None:
    chance, root = random.Random(5), tmp_path / "store"  # noqa: S311 - any moment will do
    for turn in range(4):
        pair = [started(root, seed=2 * turn + one) for one in range(2)]
        for said in [killed(writer, after=chance.randint(1, 25)) for writer in pair]:
            check(open_store(str(root), floor_bytes=0), said)
    store = open_store(str(root), floor_bytes=0)
    assert all(hashlib.sha256(store.get(entry.key)).hexdigest() == entry.key.rsplit("/", 1)[1] for entry in store.entries())

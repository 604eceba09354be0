"""Whatever is accepted as a key stays inside the store and comes back under that name."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kiln.storage import open_store
from kiln.storage.keys import is_key

NASTY = st.text(alphabet="aZ0._-=+/\\@:~ \0\n%*é", max_size=20) | st.text(max_size=20)


@settings(deadline=None, max_examples=60)
@given(st.lists(NASTY, max_size=12))
def test_accepted_keys_come_back_and_write_nothing_outside(keys: list[str]) -> None:
    accepted = {key for key in keys if is_key(key)}
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/store", floor_bytes=0)
        for key in accepted:
            store.put(key, key.encode())
        assert list(store.keys()) == sorted(accepted)
        assert all(store.get(key) == key.encode() for key in accepted)
        assert [path.name for path in Path(folder).iterdir()] == ["store"]


@given(NASTY)
def test_a_key_is_a_plain_relative_path(key: str) -> None:
    if is_key(key):
        assert key.isascii() and key.isprintable()
        assert not {"", ".", ".."} & set(key.split("/"))

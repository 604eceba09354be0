"""The JSON codec reads only what it was told to, and only when it is unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiln.errors import InputError, PostconditionError
from kiln.jobs.executors.codec import JsonCodec
from kiln.jobs.executors.interface import Reference


def test_a_thing_comes_back(tmp_path: Path) -> None:
    codec = JsonCodec(folder=str(tmp_path))
    thing = {"a": [1, 2.5, None], "b": {"ü": True}}
    written = codec.write(thing, prefix="x/y", gives=dict)
    assert codec.read(written, takes=dict) == thing
    assert codec.write(thing, prefix="x/y", gives=dict) == written
    assert sorted(path.name for path in (tmp_path / "x" / "y").iterdir()) == ["a.json", "b.json"]


def test_changed_and_missing_bytes_are_refused(tmp_path: Path) -> None:
    codec = JsonCodec(folder=str(tmp_path))
    written = codec.write({"a": 1}, prefix="x", gives=dict)
    (tmp_path / "x" / "a.json").write_text(json.dumps(2))
    with pytest.raises(InputError, match=r"x/a\.json has changed since it was stored"):
        codec.read(written, takes=dict)
    with pytest.raises(InputError, match="missing"):
        codec.read({"a": Reference(key="none.json", sha256="0" * 64)}, takes=dict)


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../../b", "", "a\\..\\b", "a\0b"])
def test_a_key_stays_below_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match="is no key"):
        JsonCodec(folder=str(tmp_path)).read({"a": Reference(key=key, sha256="0" * 64)}, takes=dict)


def test_only_mappings_can_be_stored(tmp_path: Path) -> None:
    with pytest.raises(PostconditionError, match="gave a list"):
        JsonCodec(folder=str(tmp_path)).write([1], prefix="x", gives=list)

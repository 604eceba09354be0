"""The JSON codec reads only what it was told to, and only when it is unchanged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kiln.errors import InputError, PostconditionError
from kiln.jobs.executors.codec import JsonCodec
from kiln.jobs.executors.interface import NamedFile, Reference
from lane_stages import noop
from lanes import a_call


def write(codec: JsonCodec, thing: Any, *, prefix: str) -> Mapping[str, Reference]:
    call = a_call("noop").model_copy(update={"output_prefix": prefix})
    return codec.write(thing, given={}, call=call, stage=noop).outputs


def read(codec: JsonCodec, inputs: Mapping[str, Reference]) -> Any:
    with codec.reading(a_call("noop").model_copy(update={"inputs": inputs}), noop) as thing:
        return thing


def test_a_thing_comes_back(tmp_path: Path) -> None:
    codec = JsonCodec(folder=str(tmp_path))
    thing = {"a": [1, 2.5, None], "b": {"ü": True}}
    written = write(codec, thing, prefix="x/y")
    assert read(codec, written) == thing
    assert write(codec, thing, prefix="x/y") == written
    assert sorted(path.name for path in (tmp_path / "x" / "y").iterdir()) == ["a.json", "b.json"]


def test_changed_and_missing_bytes_are_refused(tmp_path: Path) -> None:
    codec = JsonCodec(folder=str(tmp_path))
    written = write(codec, {"a": 1}, prefix="x")
    (tmp_path / "x" / "a.json").write_text(json.dumps(2))
    with pytest.raises(InputError, match=r"x/a\.json has changed since it was stored"):
        read(codec, written)
    with pytest.raises(InputError, match="missing"):
        read(codec, {"a": Reference(key="none.json", sha256="0" * 64)})


def test_files_that_parameters_name_are_looked_at_first(tmp_path: Path) -> None:
    codec = JsonCodec(folder=str(tmp_path))
    (tmp_path / "a.png").write_bytes(b"x")
    file = NamedFile(name="mask.png", key="a.png", sha256=hashlib.sha256(b"x").hexdigest())
    with codec.laying_out(a_call("noop").model_copy(update={"files": {"mask": file}})) as paths:
        assert paths == {"mask": str(tmp_path / "a.png")}
    (tmp_path / "a.png").write_bytes(b"y")
    with pytest.raises(InputError, match="has changed"), codec.laying_out(a_call("noop").model_copy(update={"files": {"mask": file}})):
        pass


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../../b", "", "a\\..\\b", "a\0b"])
def test_a_key_stays_below_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match="is no key"):
        read(JsonCodec(folder=str(tmp_path)), {"a": Reference(key=key, sha256="0" * 64)})


def test_only_mappings_can_be_stored(tmp_path: Path) -> None:
    with pytest.raises(PostconditionError, match="gave a list"):
        write(JsonCodec(folder=str(tmp_path)), [1], prefix="x")

"""A lane opens what a stage looks at, keeps what it changed, and takes nothing else along."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench_stages
from kiln.asset import Asset, Picture, Step
from kiln.errors import InputError, PostconditionError, StorageError
from kiln.jobs.executors.interface import NamedFile, Reference, StageCall
from kiln.jobs.stored.lane_stages import read_picture
from kiln.jobs.stored.store_codec import StoreCodec
from kiln.stages import generate
from kiln.stages.stage import stage
from kiln.storage.blobs import blob_key
from kiln.storage.connect import open_store
from kiln.storage.store import Store
from shapes import cube, tetrahedron
from workbench_stages import Context, Size, grow


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"), floor_bytes=0)


@pytest.fixture
def codec(store: Store, tmp_path: Path) -> StoreCodec:
    return StoreCodec(url=str(tmp_path / "store"), stages="workbench_stages:find")


def a_call(name: str, **more: Any) -> StageCall:
    return StageCall(**{"stage": name, "version": "1", "output_prefix": "blobs", "values": {"name": "thing"}, **more})


def written(codec: StoreCodec, asset: Asset) -> dict[str, Reference]:
    """All of an asset, as a stage gives it that makes one of pictures."""
    return dict(codec.write(asset, given=(), call=a_call("generate"), stage=generate).outputs)


def test_only_the_fields_that_are_named_are_opened(codec: StoreCodec, store: Store) -> None:
    outputs = written(codec, Asset(name="thing", source=cube(), mesh=tetrahedron()))
    assert set(outputs) == {"source", "mesh"}
    store.delete(outputs["source"].key)
    with StoreCodec(url=str(codec_url(store)), stages="workbench_stages:find").reading(
        a_call("paint", inputs={"mesh": outputs["mesh"]}), workbench_stages.paint
    ) as asset:
        assert asset.name == "thing"
        assert asset.mesh.triangle_count == 4
        assert asset.source.triangle_count == 0


def codec_url(store: Store) -> Path:
    return Path(store._bucket._root)  # type: ignore[attr-defined]


def test_what_was_made_last_is_the_very_same_object_for_the_next_stage(codec: StoreCodec) -> None:
    mesh = tetrahedron()
    outputs = written(codec, Asset(name="thing", source=cube(), mesh=mesh))
    with codec.reading(a_call("paint", inputs=outputs), workbench_stages.paint) as asset:
        assert asset.mesh is mesh


def test_only_what_changed_is_written_and_what_was_taken_away_is_told(codec: StoreCodec) -> None:
    given = Asset(name="thing", source=cube(), lods=(tetrahedron(),))
    made = codec.write(replace(given, mesh=tetrahedron(), lods=()), given=given, call=a_call("grow"), stage=grow)
    assert set(made.outputs) == {"mesh"}
    assert made.values == {"name": "thing", "cleared": ["lods"]}


@pytest.mark.parametrize("change", [{"name": "stolen"}, {"history": (Step(stage="forged", params={}),)}])
def test_a_stage_changes_neither_name_nor_history(codec: StoreCodec, change: dict[str, Any]) -> None:
    given = Asset(name="thing", source=cube())
    with pytest.raises(PostconditionError, match="without declaring it"):
        codec.write(replace(given, **change), given=given, call=a_call("grow"), stage=grow)


def test_an_uploaded_file_is_there_under_its_name_and_gone_afterwards(codec: StoreCodec, store: Store) -> None:
    call = a_call("read_picture", inputs={"picture": put(store, b"x")}, values={"names": {"picture": "a.png"}})
    with codec.reading(call, read_picture) as files:
        path = files["picture"]
        assert (path.name, path.read_bytes()) == ("a.png", b"x")
    assert not path.exists()


def test_files_that_parameters_name_are_there_under_their_names_and_gone_afterwards(codec: StoreCodec, store: Store) -> None:
    files = {name: named(put(store, name.encode()), "ö.png") for name in ("mask", "scribble")}
    with codec.laying_out(a_call("cutout", files=files)) as paths:
        assert [(Path(path).name, Path(path).read_text()) for path in paths.values()] == [("ö.png", "mask"), ("ö.png", "scribble")]
    assert not any(Path(path).exists() for path in paths.values())
    other = named(put(store, b"another content", sha256="5" * 64), "a.png")
    with pytest.raises(StorageError), codec.laying_out(a_call("cutout", files={"mask": other})):
        pass


def named(reference: Reference, name: str) -> NamedFile:
    return NamedFile(name=name, key=reference.key, sha256=reference.sha256)


def test_what_a_quick_stage_makes_with_files_is_kept(codec: StoreCodec) -> None:
    given = Asset(name="thing", source=cube())
    for files, kept in (((), set()), (("size",), {"mesh"})):
        quick = replace(workbench_stages.shift, files=frozenset(files))
        made = codec.write(replace(given, mesh=tetrahedron()), given=given, call=a_call("shift"), stage=quick)
        assert (set(made.outputs), "changed" in made.values) == (kept, not kept)


def put(store: Store, content: bytes, *, sha256: str | None = None) -> Reference:
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    store.put(blob_key(sha256), content)
    return Reference(key=blob_key(sha256), sha256=sha256)


def test_several_pictures_keep_their_order(codec: StoreCodec) -> None:
    pictures = [Picture(pixels=np.full((2, 2, 4), number, np.uint8), name=f"p{number}") for number in range(11)]
    refs = [codec.write(each, given=None, call=a_call("x"), stage=read_picture).outputs["picture"] for each in pictures]
    with codec.reading(a_call("generate", inputs={str(n): ref for n, ref in enumerate(refs)}), generate) as found:
        assert [picture.name for picture in found] == [picture.name for picture in pictures]


def test_bytes_of_another_kind_lost_ones_and_others_than_were_meant_are_refused(codec: StoreCodec, store: Store) -> None:
    lost = Reference(key=blob_key("3" * 64), sha256="3" * 64)
    other = put(store, b"another content", sha256="4" * 64)
    for reference, error in ((put(store, b"no noun"), InputError), (lost, StorageError), (other, StorageError)):
        with pytest.raises(error), codec.reading(a_call("grow", inputs={"source": reference}), grow):
            pass
    call = a_call("read_picture", inputs={"picture": other}, values={"names": {"picture": "a.png"}})
    with pytest.raises(StorageError), codec.reading(call, read_picture):
        pass


def test_what_no_store_holds_cannot_be_taken(codec: StoreCodec) -> None:
    @stage()
    def odd(thing: int, params: Size, context: Context) -> int:
        """Take a number."""
        return thing

    with pytest.raises(PostconditionError, match="which no store holds"), codec.reading(a_call("odd"), odd):
        pass


def test_a_worker_that_uses_the_workbench_stays_light() -> None:
    code = (
        "import sys, kiln.jobs.stored.workbench, kiln.jobs.stored.lane_stages, kiln.pipeline.run; "
        "print(sorted({'numba', 'cv2', 'scipy', 'PIL', 'embreex', 'kiln.pipeline.rehearsal'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.strip() == "[]"

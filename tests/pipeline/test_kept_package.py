"""A kept package is written again byte by byte wherever a run wants it, unless its contract says something else of it now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Asset, Line, Package, Report, Value, Verdict
from kiln.errors import SetupError
from kiln.formats.package import new_package, write_manifest
from kiln.pipeline import recall
from kiln.pipeline.cache import StageCache
from kiln.pipeline.kept_package import KeptPackage
from kiln.pipeline.ladder import TryAgain
from kiln.pipeline.recall import Recall
from kiln.pipeline.recipe import RecipeStep
from kiln.stages import Context
from kiln.stages.export import ExportParams, archives, finished_package
from kiln.stages.stage import stage
from shapes import tetrahedron

Judge = Callable[[Mapping[str, Value]], Verdict]

calls: list[str] = []
"""Who was asked, in order."""

RECIPE = {"name": "test", "export": {"out": "out"}}


@pytest.fixture(autouse=True)
def everything_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    monkeypatch.setattr(recall, "_WORTH_KEEPING_S", 0.0)


@stage(reads=("source",))
def export(asset: Asset, params: ExportParams, context: Context) -> Package:
    """Write two files."""
    calls.append("export")
    context.note("written")
    verdict = context.judge({"triangles": 4}) if context.judge else None
    report = Report(name=params.name or asset.name, measures={"triangles": 4}, contract=verdict)
    target = params.out / report.name
    with new_package(target, archives=archives(params)) as draft:
        draft.write("unreal/verdict.txt", repr(verdict).encode())
        draft.write("empty", b"")
        write_manifest(draft, {"kiln": "test", "name": asset.name})
    return finished_package(target, draft, report, archives=archives(params))


def verdict(*attempts: str) -> Verdict:
    return Verdict(contract="test", lines=(Line(key="triangles", limit="<= 8", value=4, passed=True),), attempts=attempts)


def saying(answer: Verdict) -> Judge:
    def judge(measures: Mapping[str, Value]) -> Verdict:
        calls.append("judge")
        return answer

    return judge


def made(cache: Path, out: Path, *, judge: Judge | None = None, name: str | None = None, **more: object) -> tuple[Package, bool, list[str]]:
    """The package, whether it was a kept one, and what export said."""
    access = Recall(StageCache(cache, limit_bytes=10**8))
    params = ExportParams.model_validate({"out": out, "name": name, **more})
    context = Context(recipe=RECIPE, judge=judge)
    asset = Asset(name="thing", source=tetrahedron())
    step = RecipeStep(stage=export, params=params)
    package, was_kept = access.result(step, asset, context, work=lambda: export.function(asset, params, context))
    assert access.close() == ()
    return package, was_kept, context.notes


def digests(package: Package) -> list[str]:
    """Of every file, and of every zip."""
    paths = [*(package.folder / name for name in package.files), package.archive, *package.engine_archives.values()]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path is not None]


def test_it_is_written_again_wherever_it_is_wanted(tmp_path: Path) -> None:
    first, was_kept, said = made(tmp_path / "cache", tmp_path / "one")
    again, was_kept_again, said_again = made(tmp_path / "cache", tmp_path / "two")
    assert (was_kept, was_kept_again) == (False, True)
    assert calls == ["export"]
    assert said == said_again == ["written"]
    assert again.folder == tmp_path / "two" / "thing"
    assert again.files == first.files == ("empty", "manifest.json", "unreal/verdict.txt")
    assert again.report == first.report
    assert again.archive is not None
    assert set(again.engine_archives) == {"unreal"}
    assert digests(again) == digests(first)


def test_another_name_or_another_way_of_writing_it_is_another_package(tmp_path: Path) -> None:
    made(tmp_path / "cache", tmp_path / "one")
    for more in ({"name": "other"}, {"archive": False}, {"engine": ()}):
        assert not made(tmp_path / "cache", tmp_path / "one", **more)[1]


def test_a_place_that_cannot_be_written_to_is_said_as_ever(tmp_path: Path) -> None:
    made(tmp_path / "cache", tmp_path / "one")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SetupError):
        made(tmp_path / "cache", tmp_path / "file")


def test_the_contract_is_asked_each_time_and_once(tmp_path: Path) -> None:
    first, *_ = made(tmp_path / "cache", tmp_path / "one", judge=saying(verdict()))
    again, was_kept, _ = made(tmp_path / "cache", tmp_path / "two", judge=saying(verdict()))
    assert was_kept
    assert calls == ["export", "judge", "judge"]
    assert digests(again) == digests(first)


def test_a_package_whose_contract_says_something_else_now_is_made_anew(tmp_path: Path) -> None:
    made(tmp_path / "cache", tmp_path / "one", judge=saying(verdict()))
    calls.clear()
    other, was_kept, _ = made(tmp_path / "cache", tmp_path / "two", judge=saying(verdict("unwrap method = box: kept")))
    assert not was_kept
    assert calls == ["judge", "export"]  # the judge keeps count of attempts: asked twice, it would take one for two
    assert other.report.contract == verdict("unwrap method = box: kept")
    assert b"box" in (other.folder / "unreal" / "verdict.txt").read_bytes()


def test_a_contract_that_wants_another_attempt_gets_it(tmp_path: Path) -> None:
    def refuse(measures: Mapping[str, Value]) -> Verdict:
        raise TryAgain("another")

    made(tmp_path / "cache", tmp_path / "one", judge=saying(verdict()))
    with pytest.raises(TryAgain):
        made(tmp_path / "cache", tmp_path / "two", judge=refuse)
    assert not (tmp_path / "two").exists()
    assert calls.count("export") == 1


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "C:/x", "C:x", "..\\x", "\\\\host\\x", "a:b", "", "a\0"])
def test_a_file_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        KeptPackage(files={"good/file.txt": np.zeros(1, np.uint8), name: np.zeros(1, np.uint8)}, report=Report(name="thing", measures={}))
    with pytest.raises(ValueError, match="outside"):
        KeptPackage(files={}, report=Report(name=name, measures={}))


def test_a_package_that_vanished_at_once_is_not_kept(tmp_path: Path) -> None:
    package, *_ = made(tmp_path / "cache", tmp_path / "one")
    (package.folder / "empty").unlink()
    with pytest.raises(OSError, match="empty"):
        KeptPackage.of(package)

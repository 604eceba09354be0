"""`kiln jobs` and `kiln batches` at a service that works on nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from command_line import run
from served import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("jobs"), "--no-worker") as running:
        yield running


@pytest.fixture
def at(server: Served, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("KILN_SERVER", server.url)
    monkeypatch.delenv("KILN_API_KEY", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return monkeypatch


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((10, 10, 54, 54), fill=(200, 60, 30, 255))
    image.save(tmp_path / "ball.png")
    return tmp_path / "ball.png"


def test_a_queued_job_is_listed_shown_cancelled_and_tried_again(
    at: pytest.MonkeyPatch, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def words() -> str:
        return capsys.readouterr().out.strip()

    assert run(at, "make", picture, "--detach", "--name", "a/b") == 0
    job_id = words()
    assert run(at, "jobs", "list", "--limit", 1) == 0
    assert job_id in words()
    assert run(at, "jobs", "show", job_id, "--json") == 0
    shown = json.loads(words())
    assert (shown["state"], shown["parameters"]) == ("queued", {"job": {"name": "a_b"}})
    assert run(at, "jobs", "retry", job_id) == 3
    assert run(at, "jobs", "cancel", job_id) == 0
    assert words() == f"{job_id}  cancelled"
    assert run(at, "jobs", "wait", job_id) == 130
    assert run(at, "jobs", "download", job_id) == 3
    assert run(at, "jobs", "retry", job_id) == 0
    assert words().startswith("job_")
    assert run(at, "jobs", "list", "--state", "cancelled") == 0
    assert job_id in words()


def test_pages_follow_each_other(at: pytest.MonkeyPatch, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        run(at, "make", picture, "--detach")
    capsys.readouterr()
    seen: list[str] = []
    cursor: tuple[str, ...] = ()
    while cursor is not None:
        assert run(at, "jobs", "list", "--limit", 2, "--json", *cursor) == 0
        page = json.loads(capsys.readouterr().out)
        seen += [job["id"] for job in page["jobs"]]
        cursor = None if page["cursor"] is None else ("--cursor", page["cursor"])  # type: ignore[assignment]
    assert len(seen) == len(set(seen)) >= 3


@pytest.mark.parametrize("job_id", ["job_000000000000000000000000", "../../metrics", "", "job_1?x"])
def test_what_is_no_job_is_code_3(job_id: str, at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("show", "cancel", "retry", "wait", "watch", "download"):
        assert run(at, "jobs", command, job_id) == 3, command
    assert "Traceback" not in capsys.readouterr().err


def test_lists_there_are_as_lists_here(at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("recipes", "stages", "contracts"):
        assert run(at, command, "--json", "--server", "none") == 0
        here = json.loads(capsys.readouterr().out)
        assert run(at, command, "--json") == 0
        assert json.loads(capsys.readouterr().out) == here
    assert run(at, "backends") == 0
    assert "silhouette" in capsys.readouterr().out


def test_detached_work_needs_somebody_to_do_it(at: pytest.MonkeyPatch, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(at, "make", picture, "--detach", "--server", "none") == 2
    assert "--server" in capsys.readouterr().err


def test_a_batch_uploads_each_file_once_and_its_bad_items_fail_alone(
    at: pytest.MonkeyPatch, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [
        {"inputs": {"picture_0": picture.name}},
        {"inputs": {"picture_0": picture.name}, "parameters": {"simplify": {"triangles": -1}}},
    ]
    (picture.parent / "many.json").write_text(json.dumps(items))
    assert run(at, "batches", "submit", picture.parent / "many.json", "--json") == 0
    batch = json.loads(capsys.readouterr().out)
    assert (batch["size"], batch["counts"]) == (2, {"queued": 1, "failed": 1})
    assert run(at, "batches", "show", batch["id"]) == 0
    assert "simplify.triangles" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{", "[]", '{"items": 1}', '[{"recepe": "prop"}]', '[{"inputs": []}]'])
def test_a_manifest_that_is_none_is_code_3(text: str, at: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.json").write_text(text)
    assert run(at, "batches", "submit", tmp_path / "m.json") == 3
    assert "m.json" in capsys.readouterr().err

"""`kiln assets`, as a shell calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from command_line import run
from kiln.formats.gltf_write import Part, write_glb
from kiln.formats.package import new_package, write_manifest
from shapes import sphere

Monkey = pytest.MonkeyPatch


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The smallest package: a model and a manifest, in a folder and a zip."""
    target = tmp_path / "out" / "ball"
    with new_package(target, archives=("",)) as draft:
        draft.write("ball.glb", write_glb([Part(name="ball", mesh=sphere(12, 24))]))
        write_manifest(draft, {"name": "ball", "kiln": "0.1.0", "recipe": {"name": "prop"}})
    return target


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def added(monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], store: object, package: Path, *more: object) -> dict[str, object]:
    assert run(monkeypatch, "assets", "add", package, "--store", store, "--json", *more) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_what_is_added_is_listed_shown_and_fetched_byte_by_byte(
    monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], package: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    picture = tmp_path / "front.png"
    Image.effect_noise((64, 64), 50).save(picture)
    made = added(monkeypatch, capsys, store, package, "--prompt", "a round ball", "--tag", "toy", "--picture", picture)
    assert made["recipe"] == "prop"
    assert len(made["pictures"]) == 1  # type: ignore[arg-type]
    assert run(monkeypatch, "assets", "list", "ROUND", "toy", "--store", store) == 0
    assert str(made["id"]) in capsys.readouterr().out
    assert run(monkeypatch, "assets", "list", "square", "--store", store, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"assets": [], "cursor": None}
    assert run(monkeypatch, "assets", "show", made["id"], "--store", store) == 0
    assert "ball.glb" in capsys.readouterr().out
    assert run(monkeypatch, "assets", "show", made["id"], "--store", store, "--json", "--urls", 60) == 0
    assert json.loads(capsys.readouterr().out)["urls"]["ball.glb"].startswith("/v1/files/assets/files/")
    assert run(monkeypatch, "assets", "get", made["id"], "--store", store, "--out", tmp_path / "back") == 0
    assert files(tmp_path / "back" / "ball") == files(package)


def test_a_zip_is_a_package_too(monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], package: Path, tmp_path: Path) -> None:
    made = added(monkeypatch, capsys, tmp_path / "store", package.with_name("ball.zip"))
    assert made["name"] == "ball"


def test_removed_assets_are_gone_and_their_room_is_freed_by_the_second_sweep(
    monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], package: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    made = added(monkeypatch, capsys, store, package)
    assert run(monkeypatch, "assets", "rm", made["id"], "--store", store) == 0
    assert run(monkeypatch, "assets", "show", made["id"], "--store", store) == 3
    capsys.readouterr()
    swept = []
    for _ in range(2):
        assert run(monkeypatch, "assets", "sweep", "--days", 0, "--store", store, "--json") == 0
        swept.append(json.loads(capsys.readouterr().out))
    assert swept[0]["trashed"] == swept[1]["deleted"] != []
    assert list((store / "objects").rglob("@.json")) == []


def test_a_damaged_file_is_never_written(monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], package: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    made = added(monkeypatch, capsys, store, package)
    for content in (store / "objects/assets/files").rglob("*"):
        if content.is_file() and content.name != "@.json":
            content.write_bytes(content.read_bytes()[:-1] + b"?")
    assert run(monkeypatch, "assets", "get", made["id"], "--store", store, "--out", tmp_path / "back") == 7
    assert "damaged" in capsys.readouterr().err
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["get", "nonsense"], 3, "looks like"),
        (["add", "no_such_folder"], 3, "no package"),
        (["list", "--cursor", "../.."], 3, "no id"),
        (["rm"], 2, "ID"),
        (["list", "--limit", "0"], 2, "limit"),
    ],
)
def test_what_is_wrong_is_said_with_the_documented_code(
    monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    assert run(monkeypatch, "assets", arguments[0], "--store", tmp_path / "store", *arguments[1:]) == code
    assert said in capsys.readouterr().err


def test_the_environment_names_the_store(monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setenv("KILN_STORE", str(tmp_path / "named"))
    assert run(monkeypatch, "assets", "list") == 0
    assert (tmp_path / "named" / "objects").is_dir()
    monkeypatch.setenv("KILN_STORE", "s3://key:secret@bucket")
    assert run(monkeypatch, "assets", "list") == 3
    assert "secret" not in capsys.readouterr().err.replace("AWS_SECRET_ACCESS_KEY", "")

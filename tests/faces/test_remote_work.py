"""`--server` behaves the same: real commands against a real server, with real kills."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageDraw

from served import LIMIT_S, Served, kiln, served, start

pytestmark = pytest.mark.long

SMALL = ("--triangles", 200, "--size", 256, "--no-previews")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("remote")
    picture = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    ImageDraw.Draw(picture).rounded_rectangle((20, 12, 76, 84), 12, fill=(180, 90, 40, 255), outline=(60, 30, 20, 255), width=6)
    picture.save(made / "crate_front.png")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with served(folder, "--cpu-lanes", 2) as running:
        yield running


def files_in(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def both(folder: Path, server: Served, *arguments: object, out: str) -> tuple[subprocess.CompletedProcess[str], ...]:
    """The command done here, and done there."""
    here = kiln(*arguments, "--out", f"here/{out}", cwd=folder)
    there = kiln(*arguments, "--out", f"there/{out}", "--server", server.url, cwd=folder)
    return here, there


def test_make_there_gives_byte_for_byte_what_make_here_gives(folder: Path, server: Served) -> None:
    (folder / "mine.toml").write_text('triangles = "<= 1000"\n')
    (folder / "old crate (1)_left.png").write_bytes((folder / "crate_front.png").read_bytes())
    pictures = ("crate_front.png", "old crate (1)_left.png")
    words = ("make", *pictures, *SMALL, "--engine", "unreal,web", "--contract", "mine.toml", "--json")
    here, there = both(folder, server, *words, out="make")
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    assert files_in(folder / "here/make") == files_in(folder / "there/make")
    assert json.loads(here.stdout.replace("here/make", "there/make")) == json.loads(there.stdout)


def test_files_that_parameters_name_go_along(folder: Path, server: Served) -> None:
    photo = Image.new("RGB", (96, 96), (90, 90, 90))
    ImageDraw.Draw(photo).ellipse((20, 12, 76, 84), fill=(180, 90, 40))
    photo.save(folder / "egg.png")
    mask, dot = Image.new("L", (48, 48), 0), Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    ImageDraw.Draw(mask).ellipse((10, 6, 38, 42), fill=255)
    ImageDraw.Draw(dot).rectangle((45, 45, 50, 50), fill=(0, 255, 0, 255))
    (folder / "masks").mkdir()
    mask.save(folder / "masks/Maske ö (1).jpg")
    dot.save(folder / "masks/dot.png")  # too small for a picture of a subject
    (folder / "masked.toml").write_text('stages = ["cutout", "generate", "export"]\n[cutout]\nmask = "masks/dot.png"\n')
    for number, words in enumerate(
        (
            ("--mask", "masks/Maske ö (1).jpg", *SMALL),
            ("--cutout-scribble", folder / "masks/dot.png", *SMALL),
            ("--mask", folder / "masks/Maske ö (1).jpg", "--recipe", "masked.toml", "--contract", "none", "--no-previews"),
        )
    ):
        here, there = both(folder, server, "make", "egg.png", *words, "--json", out=f"masked{number}")
        assert (here.returncode, there.returncode) == (0, 0), here.stderr + there.stderr
        assert files_in(folder / f"here/masked{number}") == files_in(folder / f"there/masked{number}")
        assert json.loads(here.stdout.replace(f"here/masked{number}", f"there/masked{number}")) == json.loads(there.stdout)


def test_process_and_export_likewise(folder: Path, server: Served) -> None:
    kiln("make", "crate_front.png", *SMALL, "--out", "given", cwd=folder)
    here, there = both(folder, server, "process", "given/crate/crate.glb", *SMALL, "--name", "box", "--quiet", out="process")
    assert here.stdout.replace("here/", "there/") == there.stdout
    assert files_in(folder / "here/process") == files_in(folder / "there/process")
    here, there = both(folder, server, "export", "given/crate", "--engine", "unity", "--quiet", out="export")
    assert here.stdout.replace("here/", "there/") == there.stdout
    assert files_in(folder / "here/export") == files_in(folder / "there/export")


def test_measuring_and_judging_likewise(folder: Path, server: Served) -> None:
    kiln("make", "crate_front.png", *SMALL, "--out", "measured", cwd=folder)
    for words in (
        ("inspect", "measured/crate", "--json"),
        ("inspect", "crate_front.png", "--json"),
        ("check", "measured/crate/crate.glb", "none.glb", "--contract", "unity", "--limit", "triangles <= 3", "--format", "json"),
        ("check", "measured/crate", "--limit", "triangles <= 3"),
    ):
        here, there = kiln(*words, cwd=folder), kiln(*words, "--server", server.url, cwd=folder)
        assert (here.returncode, here.stdout) == (there.returncode, there.stdout), there.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("make", "none.png"),
        ("make", "crate_front.png", "--recipe", "prp"),
        ("make", "crate_front.png", "--contract", "unty"),
        ("make", "crate_front.png", "--simplify-triangles", "1"),
        ("make", "crate_front.png", *SMALL, "--contract", "strict.toml"),
        ("make", "flat.png"),
        ("make", "crate_front.png", "--mask", "none.png"),
        ("make", "crate_front.png", "--mask", "broken.glb"),
        ("make", "crate_front.png", "--mask", "wide.png"),
        ("process", "broken.glb"),
        ("export", "crate_front.png"),
        ("check", "broken.glb"),
        ("check", "crate_front.png", "--limit", "no_such_measure <= 3"),
    ],
)
def test_what_fails_there_fails_with_the_code_of_failing_here(folder: Path, server: Served, words: tuple[object, ...]) -> None:
    (folder / "strict.toml").write_text('triangles = "<= 1"\n')
    (folder / "broken.glb").write_bytes(b"glTF" + bytes(60))
    Image.new("RGB", (64, 64), (9, 9, 9)).save(folder / "flat.png")
    Image.new("L", (96, 32), 255).save(folder / "wide.png")
    out = () if words[0] == "check" else ("--out", "failed")
    here, there = (kiln(*words, *out, *where, cwd=folder) for where in ((), ("--server", server.url)))
    assert there.returncode == here.returncode != 0, there.stderr
    assert "kiln: " in there.stderr and there.stdout == here.stdout
    assert not (folder / "failed").exists()


def test_ctrl_c_cancels_the_job_on_the_server_and_leaves_nothing(folder: Path, server: Served) -> None:
    process = start("make", "crate_front.png", "--out", "stopped", "--server", server.url, "--triangles", 190, cwd=folder)
    _wait_until_running(server)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "cancelled" in errors
    assert not (folder / "stopped").exists()
    newest = httpx.get(f"{server.url}/v1/jobs?limit=1", trust_env=False).json()["jobs"][0]
    assert newest["state"] == "cancelled"


def test_a_job_that_was_handed_in_is_watched_and_downloaded_later(folder: Path, server: Served) -> None:
    where = ("--server", server.url)
    handed_in = kiln("make", "crate_front.png", *SMALL, "--detach", *where, cwd=folder)
    job_id = handed_in.stdout.strip()
    assert kiln("jobs", "wait", job_id, *where, cwd=folder).stdout.strip() == f"{job_id}  succeeded"
    assert kiln("jobs", "watch", job_id, *where, cwd=folder).returncode == 0
    shown = kiln("jobs", "show", job_id, *where, cwd=folder).stdout
    assert "succeeded" in shown and "crate.glb" in shown
    assert kiln("jobs", "download", job_id, "--out", "fetched", *where, cwd=folder).stdout.startswith("fetched/crate  200 triangles")
    assert job_id in kiln("jobs", "list", "--state", "succeeded", *where, cwd=folder, COLUMNS="200").stdout
    again = kiln("jobs", "cancel", job_id, *where, cwd=folder)
    assert (again.returncode, "succeeded" in again.stderr) == (3, True)


def test_what_was_made_stands_on_the_servers_shelf(folder: Path, server: Served) -> None:
    where = ("--server", server.url)
    made = kiln("make", "crate_front.png", *SMALL, "--name", "shelved", "--out", "made", *where, cwd=folder)
    assert made.returncode == 0, made.stderr
    listed = json.loads(kiln("assets", "list", "shelved", "--json", *where, cwd=folder).stdout)["assets"]
    assert [asset["name"] for asset in listed] == ["shelved"]
    shown = json.loads(kiln("assets", "show", listed[0]["id"], "--json", "--urls", 60, *where, cwd=folder).stdout)
    assert len(shown["files"]) == len(shown["urls"])
    fetched = kiln("assets", "get", listed[0]["id"], "--out", "taken", *where, cwd=folder)
    assert fetched.returncode == 0, fetched.stderr
    assert files_in(folder / "taken/shelved") == files_in(folder / "made/shelved")


def test_a_batch_goes_by_its_manifest(folder: Path, server: Served) -> None:
    good = '[[items]]\ninputs = { picture_0 = "crate_front.png" }\nparameters = { simplify = { triangles = 150 } }\n'
    bad = '[[items]]\nrecipe = "prp"\ninputs = { picture_0 = "crate_front.png" }\n'
    (folder / "many.toml").write_text(good + bad)
    submitted = kiln("batches", "submit", "many.toml", "--server", server.url, cwd=folder)
    assert submitted.returncode == 0, submitted.stderr
    shown = kiln("batches", "show", submitted.stdout.strip(), "--server", server.url, cwd=folder, COLUMNS="200").stdout
    assert "2 jobs" in shown and "did you mean 'prop'?" in shown


def test_a_server_that_is_killed_and_comes_back_is_waited_for(tmp_path: Path, folder: Path) -> None:
    with served(tmp_path, "--cpu-lanes", 2) as server:
        picture = folder / "crate_front.png"
        process = start("make", picture, "--triangles", 180, "--size", 256, "--server", server.url, cwd=tmp_path)
        _wait_until_running(server)
        server.stop(signal.SIGKILL)
        server.start()
        out, errors = process.communicate(timeout=10 * LIMIT_S)
    assert process.returncode == 0, errors
    assert out.startswith("out/crate  ")
    assert (tmp_path / "out/crate/report.json").is_file()


def _wait_until_running(server: Served) -> None:
    """Until a stage of a job has begun."""
    give_up = time.monotonic() + LIMIT_S
    while not httpx.get(f"{server.url}/v1/jobs?state=running", trust_env=False).json()["jobs"]:
        assert time.monotonic() < give_up, "no job began"
        time.sleep(0.05)  # the list is asked; whoever follows a job's events would be what is tested here

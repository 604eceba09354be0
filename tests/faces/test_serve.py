"""`kiln serve` as people start it: a real process, real signals."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageDraw

from served import LIMIT_S, Served, kiln, served, start

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested is who is let in

_KEEP_OUT = ("numba", "cv2", "scipy.libs", "embree")
"""Of native libraries: work in stages belongs into lanes."""


def test_an_empty_folder_needs_no_configuration_and_the_process_stays_light(tmp_path: Path) -> None:
    with served(tmp_path, "--no-worker") as server:
        assert (tmp_path / "data").is_dir()
        assert httpx.get(f"{server.url}/readyz", trust_env=False).json() == {"status": "healthy", "troubles": []}
        assert httpx.get(f"{server.url}/v1/jobs", trust_env=False).json() == {"jobs": [], "cursor": None}
        loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert [name for name in _KEEP_OUT if name in loaded] == []
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        resident_kib = int(status.partition("VmRSS:")[2].split()[0])
        assert resident_kib < 200 * 1024


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(tmp_path: Path, number: int) -> None:
    with served(tmp_path, "--no-worker") as server:
        assert server.stop(number) == 0
        assert not server.answers()


def test_it_says_where_it_listens_where_data_lies_and_that_it_is_keyless(tmp_path: Path) -> None:
    process = start("serve", "--no-worker", "--port", "0", "--data", "mine", cwd=tmp_path)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LIMIT_S)
    assert lines[0].startswith("kiln listens at http://127.0.0.1:")
    assert str((tmp_path / "mine").resolve()) in lines[1]
    assert "no key is needed, because only this machine reaches it" in lines[2]


def test_a_port_that_is_taken_is_code_4(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = kiln("serve", "--port", taken.getsockname()[1], cwd=tmp_path)
    assert done.returncode == 4
    assert "choose another" in done.stderr and done.stderr.count("\n") == 1


def test_everybody_is_let_in_only_with_a_key_or_on_purpose(tmp_path: Path) -> None:
    refused = kiln("serve", "--no-worker", "--host", EVERYWHERE, "--port", "0", cwd=tmp_path)
    assert refused.returncode == 4
    assert "kiln keys create" in refused.stderr
    with served(tmp_path, "--no-worker", "--host", EVERYWHERE, "--public-without-key") as server:
        for host, status in (("studio-pc:8600", 200), ("192.168.0.5:8600", 200), ("kiln.example.com", 403)):
            assert httpx.get(f"{server.url}/v1/jobs", trust_env=False, headers={"Host": host}).status_code == status
    key = kiln("keys", "create", cwd=tmp_path).stdout.strip()
    with served(tmp_path, "--no-worker", "--host", EVERYWHERE) as server:
        assert httpx.get(f"{server.url}/v1/jobs", trust_env=False).status_code == 401
        assert httpx.get(f"{server.url}/v1/jobs", trust_env=False, headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (("--data", "file/data"), {}, "choose another folder"),
        ((), {"KILN_DATABASE_URL": "mysql://kiln:secret@host/kiln"}, "no database Kiln knows"),
        ((), {"KILN_STORE": "ftp://bucket"}, "ftp"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], words: str) -> None:
    (tmp_path / "file").write_text("in the way")
    done = kiln("serve", "--no-worker", "--port", "0", *arguments, cwd=tmp_path, **environment)
    assert done.returncode in (3, 4)
    assert done.stderr.startswith("kiln: ") and words in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(("missing", "words"), [("dbos", ("serve", "--port", "0")), ("httpx", ("jobs", "list"))])
def test_what_is_not_installed_is_one_sentence(tmp_path: Path, missing: str, words: tuple[str, ...]) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from kiln.faces.start import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 4
    assert done.stderr == f"kiln: {missing} is not installed, which services and their clients need: pip install 'kiln3d[service]'\n"


@pytest.mark.long
@pytest.mark.parametrize(("grace", "signals"), [("0", 1), ("3000", 2)])
def test_what_a_stop_leaves_unfinished_goes_on_after_the_next_start(tmp_path: Path, grace: str, signals: int) -> None:
    """With no grace at once; else at the second signal."""
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((10, 10, 54, 54), fill=(200, 60, 30, 255))
    picture.save(tmp_path / "ball.png")
    with served(tmp_path, "--grace", grace) as server:
        small = ("--triangles", 100, "--size", 256, "--no-previews")
        job_id = kiln("make", "ball.png", *small, "--detach", "--server", server.url, cwd=tmp_path).stdout.strip()
        _wait_for_a_stage(server, job_id)
        for _ in range(signals - 1):
            server.process.send_signal(signal.SIGTERM)
            assert server.process.stdout is not None
            assert any("kiln stops" in line for line in iter(server.process.stdout.readline, ""))
        assert server.stop() == 0
        server.start()
        done = kiln("jobs", "wait", job_id, "--server", server.url, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, f"{job_id}  succeeded"), done.stderr


@pytest.mark.long
def test_a_second_server_with_a_worker_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with served(tmp_path):
        second = kiln("serve", "--port", "0", cwd=tmp_path)
    assert second.returncode == 4
    assert second.stderr.count("kiln: ") == 1


def _wait_for_a_stage(server: Served, job_id: str) -> None:
    with httpx.stream("GET", f"{server.url}/v1/jobs/{job_id}/events", timeout=LIMIT_S, trust_env=False) as events:
        give_up = time.monotonic() + LIMIT_S
        for line in events.iter_lines():
            assert time.monotonic() < give_up
            if "stage_started" in line:
                return

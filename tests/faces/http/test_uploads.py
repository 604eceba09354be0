from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image

from faces.http.conftest import OPEN_HANDED, WAIT_S, Served, serving
from kiln.faces.http.options import HttpOptions
from kiln.jobs.service import Service


@pytest.fixture(scope="module")
def picture() -> bytes:
    drawn = io.BytesIO()
    Image.effect_mandelbrot((48, 48), (-2, -1, 1, 1), 50).convert("RGB").save(drawn, "PNG")
    return drawn.getvalue()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process puts its temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_picture_is_taken_shown_and_forgotten(client: httpx.Client, temporary: Path, picture: bytes) -> None:
    answer = client.post("/v1/uploads", files={"file": ("skewer.png", picture)})
    assert answer.status_code == 201
    file = answer.json()
    assert (file["role"], file["size"], file["name"]) == ("png", len(picture), "skewer.png")
    assert client.get(answer.headers["Location"]).json() == file
    assert client.get(file["url"]).content == picture
    assert list(temporary.iterdir()) == []
    job = client.post("/v1/jobs", json={"inputs": {"picture_0": file["id"]}}).json()["job"]
    assert client.delete(answer.headers["Location"]).status_code == 409
    client.post(f"/v1/jobs/{job['id']}/cancel")
    assert client.delete(answer.headers["Location"]).status_code == 204
    assert client.get(answer.headers["Location"]).status_code == 404


@pytest.mark.parametrize(
    "name",
    ["../../x", "a\0b.png", "x" * 3000 + ".png", "CON.png", "\u202egnp.exe", 'a".png', "C:\\windows\\a.png", "..", "é\r\nX: y.png"],
)
def test_a_name_is_only_shown(shared_client: httpx.Client, shared: Served, picture: bytes, name: str) -> None:
    """Case 29: it never becomes a path, and a header only in its encoded form."""
    file = shared_client.post("/v1/uploads", files={"file": (name, picture)}).json()
    assert file["name"].isprintable()
    assert not {"/", "\\"} & set(file["name"])
    assert len(file["name"]) <= 120
    header = shared_client.get(file["url"]).headers["Content-Disposition"]
    assert header.isascii()
    assert "X" not in shared_client.get(file["url"]).headers
    assert shared.service.files.get(file["id"], tenant="local").key.startswith("blobs/")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"<svg onload='alert(1)'/>", 415),
        (b"%PDF-1.7", 415),
        (b"", 415),
        (b"\x89PNG\r\n\x1a\n broken", 422),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\x7f\xff\xff\xff" * 2 + b"\x08\x02\0\0\0", 413),
    ],
)
def test_what_is_not_let_in_has_a_reason(shared_client: httpx.Client, temporary: Path, content: bytes, status: int) -> None:
    answer = shared_client.post("/v1/uploads", files={"file": ("a.png", content)})
    assert answer.status_code in (status, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("options_", "status"),
    [
        ({"json": {}}, 415),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"--a\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 422),
        ({"data": {"file": "text"}, "files": {"other": b""}}, 422),
        ({"data": {f"field{n}": "x" for n in range(10_000)}, "files": {"file": b"x"}}, 400),
        ({"files": [("file", b"x"), ("file", b"y")]}, 400),
    ],
)
def test_a_form_must_be_one(shared_client: httpx.Client, temporary: Path, options_: dict[str, object], status: int) -> None:
    """Case 22: 10,000 fields and the like."""
    answer = shared_client.post("/v1/uploads", **options_)  # type: ignore[arg-type]
    assert answer.status_code in (status, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert list(temporary.iterdir()) == []


def test_too_much_is_refused_however_it_comes(service: Service, temporary: Path) -> None:
    """Case 22: declared, in chunks, and declared as less than it is."""

    def chunks() -> Iterator[bytes]:
        yield b'--a\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 65536

    with serving(service, HttpOptions(upload_bytes=100_000)) as running, running.client() as client:
        assert client.post("/v1/uploads", files={"file": ("a", b"x" * 200_000)}).status_code == 413
        try:
            answer = client.post("/v1/uploads", content=chunks(), headers={"Content-Type": "multipart/form-data; boundary=a"})
            assert answer.status_code == 413
            assert answer.headers["Content-Type"] == "application/problem+json"
        except httpx.WriteError:  # it was answered before all was sent, and the connection is closed
            pass
        head = "POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=a\r\nContent-Length: 10\r\n\r\n"
        assert exchanged(running, head.encode() + b"--a\r\n" + b"x" * 90_000).split()[1] in (b"400", b"422")
        assert client.get("/health").status_code == 200
    assert list(temporary.iterdir()) == []


def test_who_drips_is_cut_off(service: Service, temporary: Path) -> None:
    """Case 22, slow-loris: 1 byte and then nothing."""
    with serving(service, HttpOptions(body_start_s=0.3)) as running:
        head = (
            "POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=a\r\nContent-Length: 999\r\n\r\n-"
        )
        answer = exchanged(running, head.encode())
        assert answer.split()[1] == b"408"
        assert b"application/problem+json" in answer
        json_head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"
        assert exchanged(running, json_head.encode()).split()[1] == b"408"
    assert list(temporary.iterdir()) == []


def test_only_so_many_upload_at_once(service: Service, picture: bytes) -> None:
    with serving(service, replace(OPEN_HANDED, uploads_at_once=1)) as running, running.client() as client:
        head = (
            "POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=a\r\nContent-Length: 999\r\n\r\n-"
        )
        site = running.server._site
        with socket.create_connection(("127.0.0.1", running.port), timeout=WAIT_S) as slow:
            slow.sendall(head.encode())
            wait_until(lambda: site.uploads._taken[""] == 1)
            refused = client.post("/v1/uploads", files={"file": ("a.png", picture)})
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "6")
            assert client.get("/health").status_code == 200
        wait_until(lambda: not site.uploads._taken)
        assert client.post("/v1/uploads", files={"file": ("a.png", picture)}).status_code == 201


def test_one_tenant_leaves_places_to_others(service: Service) -> None:
    """However slowly it sends."""
    options = replace(OPEN_HANDED, uploads_at_once=2, uploads_of_tenant=1)
    with serving(service, options) as running:
        slow, other, site = running.key("slow"), running.key("other"), running.server._site
        head = "POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=a\r\nContent-Length: 999\r\n"
        with socket.create_connection(("127.0.0.1", running.port), timeout=WAIT_S) as opened:
            opened.sendall(f"{head}Authorization: Bearer {slow}\r\n\r\n-".encode())
            wait_until(lambda: site.uploads_of_tenant._taken["slow"] == 1)
            with running.client(slow) as client:
                assert client.post("/v1/uploads", files={"file": ("a", b"%PDF")}).status_code == 503
            with running.client(other) as client:
                assert client.post("/v1/uploads", files={"file": ("a", b"%PDF")}).status_code == 415


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.png", "file:///etc/passwd", "http://[::1]:1/", "http://169.254.169.254/", "x", "http://\0"]
)
def test_a_url_must_lead_to_the_internet(shared_client: httpx.Client, temporary: Path, url: str) -> None:
    answer = shared_client.post("/v1/uploads/from_url", json={"url": url})
    assert answer.status_code == 422
    assert "passwd" not in answer.text
    assert list(temporary.iterdir()) == []


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)  # it offers no event to wait for


def exchanged(running: Served, request: bytes) -> bytes:
    """What the server answers until it hangs up."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=WAIT_S) as opened:
        opened.sendall(request)
        found = b""
        while more := opened.recv(65536):
            found += more
        return found

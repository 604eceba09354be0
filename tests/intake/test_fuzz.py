"""Whatever the bytes are: a plain refusal or a plain answer, soon, and in little memory."""

from __future__ import annotations

import io
import resource
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies
from PIL import Image

from hostile import CORNERS, animated_png, glb, ply, png, triangle, webp
from kiln.errors import InputError, ModelError, RefusedError
from kiln.formats.model import read_model
from kiln.formats.unzip import unzip
from kiln.intake.address import is_public
from kiln.intake.sniff import sniff
from kiln.intake.url import locate

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory can only be capped there")

SOON = timedelta(seconds=1)
MEMORY_BYTES = 256 * 1024**2


@contextmanager
def capped() -> Iterator[None]:
    """No more than 256 MiB of address space on top of what is in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (24, 24), (200, 30, 20)).save(file, kind)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", "x" * 1000)
        archive.writestr("c.txt", "y")
    return file.getvalue()


PICTURES = [png(24, 24), animated_png(3), webp(3), encoded("JPEG"), encoded("WEBP")]
MODELS = {"glb": glb(triangle(), CORNERS), "ply": ply(), "stl": bytes(80) + b"\1\0\0\0" + bytes(12) + CORNERS + bytes(2)}

NUMBERS = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x80",
    b"\xf0\xff\xff\xff",
    b"\1\0\0\0",
    b"99999",
]


@strategies.composite
def damaged(draw: strategies.DrawFn, seeds: list[bytes]) -> bytes:
    """A file with a few bytes replaced, often by numbers that are too large, and perhaps cut."""
    data = bytearray(draw(strategies.sampled_from(seeds)))
    for _ in range(draw(strategies.integers(0, 4))):
        at = draw(strategies.integers(0, len(data) - 1))
        new = draw(strategies.one_of(strategies.sampled_from(NUMBERS), strategies.binary(min_size=1, max_size=6)))
        data[at : at + len(new)] = new
    return bytes(data[: draw(strategies.integers(1, len(data)))]) if draw(strategies.booleans()) else bytes(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("strange")


@given(data=strategies.one_of(damaged([*PICTURES, *MODELS.values()]), strategies.binary(max_size=200)))
@settings(max_examples=400, deadline=SOON)
def test_24_to_27_headers_are_refused_or_understood(folder: Path, data: bytes) -> None:
    (path := folder / "upload").write_bytes(data)
    with capped(), suppress(RefusedError):
        found = sniff(path)
        assert found.picture is None or 0 < found.picture.width * found.picture.height <= 40_000_000


@pytest.mark.parametrize("kind", MODELS)
def test_26_27_readers_refuse_or_read(folder: Path, kind: str) -> None:
    @given(data=damaged([MODELS[kind]]))
    @settings(max_examples=150, deadline=SOON)
    def read(data: bytes) -> None:
        (path := folder / f"upload.{kind}").write_bytes(data)
        with capped(), suppress(ModelError):
            assert read_model(path).mesh.triangle_count > 0

    (folder / f"whole.{kind}").write_bytes(MODELS[kind])
    read_model(folder / f"whole.{kind}")  # the first one compiles
    read()


@given(data=damaged([zipped()]))
@settings(max_examples=200, deadline=SOON)
def test_28_zips_are_refused_or_unpacked_inside(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        (path := Path(place, "upload.zip")).write_bytes(data)
        with capped(), suppress(InputError):
            unzip(path, Path(place, "in", "out"))
        assert {found.relative_to(place).parts[:2] for found in Path(place).rglob("*")} <= {("upload.zip",), ("in",), ("in", "out")}


HOSTS = [
    "a.example",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "[::1]",
    "[::ffff:7f00:1]",
    "2130706433",
    "localhost",
    "169.254.169.254",
    "１２７.1",
    "ｌocalhost",
]
PIECES = [
    "http://",
    "https://",
    "file://",
    "//",
    "@",
    ":80",
    ":443",
    ":22",
    "/",
    "\\",
    "?",
    "#",
    "%00",
    "%2e",
    " ",
    "\r\n",
    ".",
    "\u3002",
    *HOSTS,
]


@given(pieces=strategies.lists(strategies.one_of(strategies.sampled_from(PIECES), strategies.text(max_size=5)), max_size=8))
@settings(max_examples=500, deadline=SOON)
def test_30_a_url_is_refused_or_leads_to_the_internet(pieces: list[str]) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34"] if host == "a.example" else ["127.0.0.1"]

    with suppress(RefusedError):
        target = locate("".join(pieces), resolve=resolve)
        assert target.host == "a.example"
        assert all(is_public(address) for address in target.addresses)
        assert (target.scheme, target.port) in (("http", 80), ("https", 443))
        assert target.path.isascii()
        assert target.path.isprintable()

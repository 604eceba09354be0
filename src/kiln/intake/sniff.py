"""What a stranger's file is: by its first bytes, never by its name; and whether it is small enough to be read at all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, get_args

from kiln.errors import RefusedError
from kiln.intake.mesh_header import check_glb, check_ply
from kiln.intake.picture_header import PictureHeader, jpeg_header, png_header, webp_header

Kind = Literal["png", "jpeg", "webp", "glb", "gltf", "fbx", "obj", "ply", "stl", "npz", "zip"]
"""Also the ending of the file's name, as readers know it."""

PICTURES: Final[tuple[Kind, ...]] = ("png", "jpeg", "webp")
MODELS: Final[tuple[Kind, ...]] = ("glb", "gltf", "fbx", "obj", "ply", "stl", "npz")
ANY: Final[tuple[Kind, ...]] = get_args(Kind)

_HEAD_BYTES: Final = 4096

_MOST_PIXELS: Final = 40_000_000
_LONGEST_SIDE: Final = 8192
"""Pixels."""

_MOST_FRAMES: Final = 64

_MOST_BYTES: Final[dict[Kind, int]] = {
    **dict.fromkeys(PICTURES, 32 * 1024**2),
    **dict.fromkeys(MODELS, 512 * 1024**2),
    "gltf": 64 * 1024**2,
    "zip": 1024**3,
}

_MAGICS: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"glTF", "glb"),
    (b"Kaydara FBX Binary  \0", "fbx"),
    (b"ply\n", "ply"),
    (b"ply\r", "ply"),
)

_OBJ_WORDS: Final = frozenset(b"v vn vt vp f l p o g s mtllib usemtl".split())
"""With which an OBJ's lines begin."""

_PICTURE_HEADERS: Final[dict[Kind, Callable[[IO[bytes], int], PictureHeader]]] = {
    "png": png_header,
    "jpeg": jpeg_header,
    "webp": webp_header,
}

_MESH_CHECKS: Final[dict[Kind, Callable[[IO[bytes], int], None]]] = {"glb": check_glb, "ply": check_ply}


@dataclass(frozen=True, kw_only=True)
class Sniffed:
    """What a file is found to be."""

    kind: Kind
    size: int
    """Bytes."""

    picture: PictureHeader | None = None
    """Of pictures."""


def sniff(path: Path, *, wanted: Collection[Kind] = ANY) -> Sniffed:
    """What the file is. RefusedError: "kind" for what is not wanted, "size" for what is over a limit, "damaged" for headers that lie.

    Reads headers only; memory does not grow with the file. Nothing is said yet of whether it can be read to the end.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        kind = kind_of(file.read(_HEAD_BYTES), size)
        if kind is None or kind not in wanted:
            raise RefusedError(f"its content is not of an accepted kind: give one of {', '.join(wanted)}", reason="kind")
        if size > _MOST_BYTES[kind]:
            raise RefusedError(
                f"it has {size >> 20:,} MiB, more than {_MOST_BYTES[kind] >> 20:,} for {kind}: make it smaller", reason="size"
            )
        try:
            if kind in _MESH_CHECKS:
                _MESH_CHECKS[kind](file, size)
            header = _PICTURE_HEADERS[kind](file, size) if kind in _PICTURE_HEADERS else None
        except ValueError as error:
            raise RefusedError(f"this {kind} file cannot be used: {error}; export it again", reason="damaged") from None
    if header is not None:
        _check_picture(header)
    return Sniffed(kind=kind, size=size, picture=header)


def kind_of(head: bytes, size: int) -> Kind | None:
    """The kind of a file with this beginning (4 KiB) and size; None for all that is not accepted, SVG, PDF, PostScript and HTML too."""
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(b"PK\3\4"):
        return "npz" if head[30 : 30 + int.from_bytes(head[26:28], "little")].endswith(b".npy") else "zip"
    if size >= 84 and size == 84 + 50 * int.from_bytes(head[80:84], "little"):
        return "stl"
    return _kind_of_text(head)


def _kind_of_text(head: bytes) -> Kind | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"\0" in text:
        return None
    if text.startswith(b"{"):
        return "gltf"
    if text[:6].lower().split() == [b"solid"]:
        return "stl"
    return "obj" if _looks_like_obj(text) else None


def _looks_like_obj(text: bytes) -> bool:
    """Whether the first line that is no comment begins as an OBJ's do; a beginning that is all comments may be one."""
    words = (line.split(maxsplit=1)[0] for line in text.splitlines() if line.strip())
    first = next((word for word in words if not word.startswith(b"#")), None)
    return text.startswith(b"#") if first is None else first in _OBJ_WORDS


def _check_picture(header: PictureHeader) -> None:
    width, height = header.width, header.height
    if width * height > _MOST_PIXELS or max(width, height) > _LONGEST_SIDE:
        limit = f"{_MOST_PIXELS / 1e6:.0f} megapixels or {_LONGEST_SIDE:,} on a side"
        raise RefusedError(f"it is {width:,} x {height:,} pixels, more than {limit}: make it smaller", reason="size")
    if not width or not height:
        raise RefusedError("it declares no pixels: export it again", reason="damaged")
    if header.frames > _MOST_FRAMES:
        raise RefusedError(f"it has {header.frames:,} frames, more than {_MOST_FRAMES}: give a still picture", reason="size")

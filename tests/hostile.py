"""Files that mean harm, each as small as it can be."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, color_type: int = 2) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0))


def png(width: int, height: int, *, between: bytes = b"", rows: bytes | None = None, color_type: int = 2) -> bytes:
    """A picture of zeros, or a claim of one: `rows` is what is really deflated."""
    channels = {0: 1, 2: 3, 6: 4}[color_type]
    data = b"\0" * (height * (1 + channels * width)) if rows is None else rows
    return PNG + png_header(width, height, color_type) + between + png_chunk(b"IDAT", zlib.compress(data, 9)) + png_chunk(b"IEND", b"")


def deflated_zeros(count: int) -> bytes:
    """zlib of so many zeros, made without holding them."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    whole = [packer.compress(block) for _ in range(count >> 20)]
    return b"".join([*whole, packer.compress(bytes(count & 0xFFFFF)), packer.flush()])


def true_png_bomb(side: int) -> bytes:
    """A whole, valid grey PNG of side x side zeros."""
    data = png_chunk(b"IDAT", deflated_zeros(side * (side + 1)))
    return PNG + png_header(side, side, color_type=0) + data + png_chunk(b"IEND", b"")


def animated_png(frames: int) -> bytes:
    control = png_chunk(b"acTL", struct.pack(">II", frames, 0))
    frame = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 10, 0, 0))
    return png(16, 16, between=control + frame * frames)


def webp(frames: int = 0, *, width: int = 16, height: int = 16) -> bytes:
    """An extended WebP's container; the frames hold nothing."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + size + (b"ANMF" + struct.pack("<I", 16) + bytes(16)) * frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


def glb(document: Any, chunk: bytes = b"", *, length: int | None = None, json_length: int | None = None) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text) if json_length is None else json_length, b"JSON") + text
    if chunk:
        body += struct.pack("<I4s", len(chunk), b"BIN\0") + chunk
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body) if length is None else length) + body


def triangle(**changes: Any) -> dict[str, Any]:
    """A glTF of one triangle whose 36 bytes lie in the GLB's chunk; top-level entries may be replaced."""
    return {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": 36}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
    } | changes


CORNERS = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)


def ply(vertices: str = "3", faces: str = "1", *, body: str = "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", extra: str = "", line: str = "\n") -> bytes:
    head = (
        f"ply\nformat ascii 1.0\nelement vertex {vertices}\nproperty float x\nproperty float y\nproperty float z\n{extra}"
        f"element face {faces}\nproperty list uint int vertex_indices\nend_header\n"
    )
    return (head + body).replace("\n", line).encode()

"""The outside of a glTF: GLB chunks, the JSON, and the buffers wherever they lie."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass, field
from urllib.parse import unquote

from kiln.errors import ModelError
from kiln.formats import gltf_json
from kiln.formats.folder import Folder
from kiln.formats.gltf_json import Entry

_COMPRESSED = {
    "KHR_draco_mesh_compression": "export without compression, or run `gltf-transform copy in.glb out.glb`",
    "EXT_meshopt_compression": "export without compression, or run `gltf-transform copy in.glb out.glb`",
    "KHR_meshopt_compression": "export without compression, or run `gltf-transform copy in.glb out.glb`",
    "KHR_texture_basisu": "export with PNG or JPEG textures",
}
"""Required extensions that Kiln cannot read, and the cure."""

_UNDERSTOOD = {"KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp", "KHR_lights_punctual", "MSFT_lod"}
"""Required extensions that change nothing Kiln would miss. So do all KHR_materials_*."""


@dataclass
class Gltf:
    """A glTF's JSON and how to reach its bytes. Buffers are opened when they are first asked for."""

    document: Entry
    folder: Folder
    chunk: memoryview | None = None
    """The GLB's binary chunk."""

    notes: list[str] = field(default_factory=list)
    _buffers: dict[int, memoryview] = field(default_factory=dict)

    def buffer(self, index: int) -> memoryview:
        """The bytes of a buffer, at least as many as it declares."""
        if index not in self._buffers:
            declared = gltf_json.pick(self.document, "buffers", index)
            data = self._open(declared, index)
            length = gltf_json.integer(declared, "byteLength", low=1)
            if len(data) < length:
                raise ModelError(f"buffer {index} should have {length:,} bytes and has {len(data):,}: the file is cut short")
            self._buffers[index] = data[:length]
        return self._buffers[index]

    def view(self, index: int) -> tuple[memoryview, int | None]:
        """The bytes of a bufferView, and its stride where it has one."""
        view = gltf_json.pick(self.document, "bufferViews", index)
        data = self.buffer(gltf_json.integer(view, "buffer"))
        offset = gltf_json.integer(view, "byteOffset", default=0)
        length = gltf_json.integer(view, "byteLength", low=1)
        if offset + length > len(data):
            raise ModelError(f"bufferView {index} ends at byte {offset + length:,} of a buffer of {len(data):,}")
        stride = gltf_json.integer(view, "byteStride", low=1, high=252) if "byteStride" in view else None
        return data[offset : offset + length], stride

    def resource(self, uri: str) -> bytes:
        """The bytes behind a data: URI or a file in the model's folder."""
        if not uri.startswith("data:"):
            return self.folder.read(unquote(uri))
        head, _, payload = uri.partition(",")
        if not head.endswith(";base64"):
            raise ModelError("it holds a data: URI that is not base64: export it as .glb")
        try:
            return base64.b64decode(payload, validate=True)
        except binascii.Error as error:
            raise ModelError(f"a data: URI is broken ({error}): export it again") from None

    def is_missing(self, uri: str) -> bool:
        """Whether the URI stays inside the model's folder, but there is no such file. ModelError when it leaves the folder."""
        if uri.startswith("data:"):
            return False
        self.folder.check(unquote(uri))
        return not self.folder.holds(unquote(uri))

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _open(self, declared: Entry, index: int) -> memoryview:
        if "uri" in declared:
            return memoryview(self.resource(gltf_json.text(declared, "uri")))
        if index == 0 and self.chunk is not None:
            return self.chunk
        raise ModelError(f"buffer {index} has no data: export it again without compression")


def open_gltf(data: bytes, folder: Folder) -> Gltf:
    """The container of a .glb or .gltf file's bytes, its version and required extensions checked."""
    text, chunk = _chunks(data) if data[:4] == b"glTF" else (data, None)
    gltf = Gltf(document=gltf_json.parse(text), folder=folder, chunk=chunk)
    version = gltf_json.text(gltf_json.entry(gltf.document, "asset"), "version")
    if not version.startswith("2."):
        raise ModelError(f"it is glTF version {version or 'unknown'!r}; Kiln reads version 2: export it again")
    required = gltf.document.get("extensionsRequired", [])
    for extension in required if isinstance(required, list) else []:
        if extension in _COMPRESSED:
            raise ModelError(f"it requires {extension}, which Kiln does not read: {_COMPRESSED[extension]}")
        if extension not in _UNDERSTOOD and not str(extension).startswith("KHR_materials_"):
            raise ModelError(f"it requires the extension {str(extension)[:60]!r}, which Kiln does not know: export it without")
    return gltf


def _chunks(data: bytes) -> tuple[bytes, memoryview | None]:
    """JSON and binary chunk of a GLB."""
    if len(data) < 20:
        raise ModelError("it is cut short: even a GLB's header has 20 bytes")
    _, version, length = struct.unpack_from("<4sII", data)
    if version != 2:
        raise ModelError(f"it is GLB version {version}; Kiln reads version 2: export it again")
    if length > len(data):
        raise ModelError(f"it should have {length:,} bytes and has {len(data):,}: the file is cut short; copy it again")
    found: dict[bytes, memoryview] = {}
    start = 12
    while start + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, start)
        if start + 8 + size > length:
            raise ModelError(f"a chunk of {size:,} bytes runs past the end of the file: it is damaged; export it again")
        found.setdefault(kind, memoryview(data)[start + 8 : start + 8 + size])
        start += 8 + size
    if b"JSON" not in found:
        raise ModelError("it has no JSON chunk: it is damaged; export it again")
    return bytes(found[b"JSON"]), found.get(b"BIN\0")

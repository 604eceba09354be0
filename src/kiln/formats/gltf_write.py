"""glTF 2.0 files (Khronos 2021), portable: metallic-roughness, PNG, no required extensions, and the same bytes every time."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Shaped, UInt8, UInt16, UInt32

from kiln.asset import Material, Mesh, Skeleton
from kiln.asset.rotation import quaternion_of
from kiln.formats.png import encode_pngs
from kiln.formats.vertex_color import to_linear
from kiln.version import VERSION

Slot = Literal["base_color", "normal", "orm", "emissive"]

_COMPONENT = {np.dtype(np.float32): 5126, np.dtype(np.uint32): 5125, np.dtype(np.uint16): 5123, np.dtype(np.uint8): 5121}
_WIDTH = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_VERTICES, _INDICES = 34962, 34963
"""bufferView targets."""

_IMAGE_EXTENSIONS = {"EXT_texture_webp", "KHR_texture_basisu"}
"""A file whose textures need one of these cannot be read without."""

_SAMPLER = {"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}
"""Trilinear, repeating."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One node: a named mesh, whose material ids (0 if it has none) count into the file's materials."""

    name: str
    mesh: Mesh
    materials: bool = True
    """Whether it is to be seen; a collision hull is not, and has none."""

    extras: Mapping[str, object] = field(default_factory=dict)
    """Plain data that travels with the node, for programs of one's own; readers ignore it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class EncodedMaterial:
    """A material as a file holds it: the factors of `material`, and its maps as files (PNG, JPEG, WebP, KTX 2)
    or as relative URIs of PNG or JPEG files."""

    material: Material
    images: Mapping[Slot, bytes | str] = field(default_factory=dict)


def material_maps(material: Material) -> dict[Slot, np.ndarray]:
    """The maps that go into a glTF file. Base colour loses an alpha that says nothing."""
    maps: dict[Slot, np.ndarray | None] = {
        "base_color": material.base_color,
        "normal": material.normal,
        "orm": material.orm,
        "emissive": material.emissive,
    }
    if material.base_color is not None and (material.alpha_mode == "OPAQUE" or material.base_color[..., 3].min() == 255):
        maps["base_color"] = material.base_color[..., :3]
    return {slot: pixels for slot, pixels in maps.items() if pixels is not None}


def encode_material(material: Material) -> EncodedMaterial:
    """The material with its maps as PNG files."""
    return EncodedMaterial(material=material, images=encode_pngs(material_maps(material)))  # type: ignore[arg-type]  # keys stay slots


def write_glb(parts: Sequence[Part], materials: Sequence[EncodedMaterial] = (), *, skeleton: Skeleton | None = None) -> bytes:
    """A GLB file with a node for each part; images given as bytes are embedded, URIs are referenced.

    Parts whose meshes have joints are skinned to the skeleton. Raises ValueError for a part without triangles, one whose material has
    images while it has no UVs, and one with joints where there is no skeleton.
    """
    return pack_glb(*gltf_document(parts, materials, skeleton))


def pack_glb(document: Mapping[str, Any], binary: bytes) -> bytes:
    """The JSON and the binary buffer, whose length must be a multiple of 4, as one GLB file."""
    text = _json(document)
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    header = struct.pack("<4sII", b"glTF", 2, total)
    return b"".join([header, struct.pack("<I4s", len(text), b"JSON"), text, struct.pack("<I4s", len(binary), b"BIN\0"), binary])


def write_gltf(
    parts: Sequence[Part], materials: Sequence[EncodedMaterial] = (), *, name: str, skeleton: Skeleton | None = None
) -> dict[str, bytes]:
    """Files, by relative path: <name>.gltf, <name>.bin and a PNG for each image given as bytes. Otherwise as `write_glb`."""
    files: dict[str, bytes] = {}
    linked = []
    for number, encoded in enumerate(materials):
        images: dict[Slot, bytes | str] = {}
        for slot, image in encoded.images.items():
            images[slot] = image if isinstance(image, str) else f"{name}_{number}_{slot}.png"
            if isinstance(image, bytes):
                files[f"{name}_{number}_{slot}.png"] = image
        linked.append(EncodedMaterial(material=encoded.material, images=images))
    document, binary = gltf_document(parts, linked, skeleton)
    document["buffers"][0]["uri"] = f"{name}.bin"
    return files | {f"{name}.gltf": _json(document), f"{name}.bin": binary}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def gltf_document(
    parts: Sequence[Part], materials: Sequence[EncodedMaterial] = (), skeleton: Skeleton | None = None
) -> tuple[dict[str, Any], bytes]:
    """The JSON and the binary buffer of `write_glb`'s file."""
    writer = _Writer()
    for part in parts:
        writer.add_part(part, materials)
    for encoded in materials:
        writer.add_material(encoded)
    if any(part.mesh.joints is not None for part in parts):
        if skeleton is None:
            raise ValueError("a mesh with joints needs a skeleton")
        writer.add_skeleton(skeleton)
    return writer.finish()


class _Writer:
    """Collects the arrays and the JSON of one file."""

    def __init__(self) -> None:
        self._json: dict[str, list[dict[str, Any]]] = {
            key: [] for key in ("nodes", "meshes", "skins", "materials", "textures", "images", "samplers", "accessors", "bufferViews")
        }
        self._chunks: list[bytes] = []
        self._size = 0
        self._extensions: set[str] = set()
        self._roots: list[int] = []

    def add_part(self, part: Part, materials: Sequence[EncodedMaterial]) -> None:
        """A node and its mesh: one primitive for each material in use, all over the same vertices."""
        mesh = part.mesh
        if not mesh.triangle_count:
            raise ValueError(f"{part.name}: no triangles to write")
        attributes = self._attributes(mesh)
        primitives = []
        for material, triangles in by_material(mesh):
            primitive: dict[str, Any] = {"attributes": attributes, "indices": self._indices(triangles, mesh.vertex_count)}
            if materials and part.materials:
                if materials[material].images and mesh.uvs is None:
                    raise ValueError(f"{part.name}: a material with images needs UVs")
                primitive["material"] = material
            primitives.append(primitive)
        node: dict[str, Any] = {"name": part.name, "mesh": self._add("meshes", {"name": part.name, "primitives": primitives})}
        node |= {"extras": dict(part.extras)} if part.extras else {}
        self._roots.append(self._add("nodes", node | ({"skin": 0} if mesh.joints is not None else {})))

    def add_skeleton(self, skeleton: Skeleton) -> None:
        """A node for each joint, and the one skin."""
        first, parents = len(self._json["nodes"]), skeleton.parents.tolist()
        for joint, name in enumerate(skeleton.names):
            children = [first + child for child, parent in enumerate(parents) if parent == joint]
            self._add("nodes", {"name": name, **_placed(skeleton.local_matrices[joint]), **({"children": children} if children else {})})
        roots = [first + joint for joint, parent in enumerate(parents) if parent < 0]
        self._roots += roots
        # Bound in the asset's frame. Inverted in 64 bits; columns follow each other in glTF.
        inverse = np.linalg.inv(skeleton.global_matrices)
        inverse[:, 3] = (0, 0, 0, 1)
        binding = self._accessor(inverse.transpose(0, 2, 1).reshape(-1, 16).astype(np.float32), None)
        joints = list(range(first, first + len(parents)))
        self._add("skins", {"joints": joints, "inverseBindMatrices": binding, **({"skeleton": roots[0]} if len(roots) == 1 else {})})

    def add_material(self, encoded: EncodedMaterial) -> None:
        """A material, its textures and images."""
        textures = {slot: {"index": self._texture(f"{encoded.material.name}_{slot}", image)} for slot, image in encoded.images.items()}
        material = encoded.material
        shading: dict[str, Any] = {
            "baseColorFactor": list(material.base_color_factor),
            "metallicFactor": material.metallic_factor,
            "roughnessFactor": material.roughness_factor,
        }
        entry: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": shading}
        if "base_color" in textures:
            shading["baseColorTexture"] = textures["base_color"]
        if "orm" in textures:
            shading["metallicRoughnessTexture"] = entry["occlusionTexture"] = textures["orm"]
        if "normal" in textures:
            entry["normalTexture"] = textures["normal"]
        if "emissive" in textures:
            entry["emissiveTexture"] = textures["emissive"]
        self._add("materials", entry | self._emission(material.emissive_factor) | _options(material))

    def finish(self) -> tuple[dict[str, Any], bytes]:
        """The whole document, without empty lists, and the binary buffer."""
        document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"Kiln {VERSION}"},
            "scene": 0,
            "scenes": [{"nodes": self._roots}],
        }
        if self._extensions:
            document["extensionsUsed"] = sorted(self._extensions)
        if self._extensions & _IMAGE_EXTENSIONS:
            document["extensionsRequired"] = sorted(self._extensions & _IMAGE_EXTENSIONS)
        document |= {key: entries for key, entries in self._json.items() if entries}
        document["buffers"] = [{"byteLength": self._size}]
        return document, b"".join(self._chunks)

    def _add(self, key: str, entry: dict[str, Any]) -> int:
        self._json[key].append(entry)
        return len(self._json[key]) - 1

    def _view(self, data: bytes, **extra: int) -> int:
        """A bufferView over new bytes, which start at a multiple of 4."""
        view = self._add("bufferViews", {"buffer": 0, "byteOffset": self._size, "byteLength": len(data), **extra})
        padding = b"\0" * (-len(data) % 4)
        self._chunks += [data, padding]
        self._size += len(data) + len(padding)
        return view

    def _accessor(self, array: Shaped[np.ndarray, "n k"], target: int | None, **extra: Any) -> int:
        entry = {
            "bufferView": self._view(array.tobytes(), **({} if target is None else {"target": target})),
            "componentType": _COMPONENT[array.dtype],
            "count": len(array),
            "type": _WIDTH[array.shape[1]],
        }
        return self._add("accessors", entry | extra)

    def _attributes(self, mesh: Mesh) -> dict[str, int]:
        low, high = mesh.bounds
        # Python floats of float32 numbers print all digits, so the bounds equal the stored data exactly, as the standard demands.
        attributes = {"POSITION": self._accessor(mesh.positions, _VERTICES, min=low.tolist(), max=high.tolist())}
        # Sets of texture coordinates must count up without gaps, so a second one needs a first.
        second = None if mesh.uvs is None else mesh.lightmap_uvs
        importance = None if mesh.importance is None else mesh.importance[:, None]
        arrays = {"NORMAL": mesh.normals, "TANGENT": mesh.tangents, "TEXCOORD_0": mesh.uvs, "TEXCOORD_1": second, "_IMPORTANCE": importance}
        for key, array in arrays.items():
            if array is not None:
                attributes[key] = self._accessor(array, _VERTICES)
        if mesh.colors is not None:
            attributes["COLOR_0"] = self._accessor(to_linear(mesh.colors), _VERTICES, normalized=True)
        if mesh.joints is not None and mesh.weights is not None:
            needed = np.flatnonzero(mesh.weights.any(axis=0)).max(initial=0)
            for number in range(needed // 4 + 1):  # a second set that moves nothing would only slow engines down
                four = slice(4 * number, 4 * number + 4)
                attributes[f"JOINTS_{number}"] = self._accessor(_narrow(mesh.joints[:, four]), _VERTICES)
                attributes[f"WEIGHTS_{number}"] = self._accessor(np.ascontiguousarray(mesh.weights[:, four]), _VERTICES)
        return attributes

    def _indices(self, triangles: UInt32[np.ndarray, "n 3"], vertices: int) -> int:
        # 65,535 means "restart the strip" in 16 bits and must not occur.
        small = vertices <= 65_535
        return self._accessor(triangles.reshape(-1, 1).astype(np.uint16 if small else np.uint32), _INDICES)

    def _texture(self, name: str, image: bytes | str) -> int:
        if not self._json["samplers"]:
            self._add("samplers", dict(_SAMPLER))
        if isinstance(image, str):
            return self._add("textures", {"sampler": 0, "source": self._add("images", {"name": name, "uri": image})})
        mime_type, extension = _image_kind(image)
        source = {"source": self._add("images", {"name": name, "bufferView": self._view(image), "mimeType": mime_type})}
        if extension is None:
            return self._add("textures", {"sampler": 0, **source})
        self._extensions.add(extension)
        return self._add("textures", {"sampler": 0, "extensions": {extension: source}})

    def _emission(self, factor: tuple[float, float, float]) -> dict[str, Any]:
        """glTF's factor ends at 1; beyond, KHR_materials_emissive_strength says how many times brighter, and readers may ignore it."""
        strength = max(factor)
        if strength == 0:
            return {}
        if strength <= 1:
            return {"emissiveFactor": list(factor)}
        self._extensions.add("KHR_materials_emissive_strength")
        return {
            "emissiveFactor": [value / strength for value in factor],
            "extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": strength}},
        }


def _image_kind(image: bytes) -> tuple[str, str | None]:
    """A picture's MIME type, and the extension by which textures refer to it, where glTF alone knows it not."""
    if image.startswith(b"\xabKTX 20"):
        return "image/ktx2", "KHR_texture_basisu"
    if image.startswith(b"RIFF") and image[8:12] == b"WEBP":
        return "image/webp", "EXT_texture_webp"
    return ("image/jpeg" if image.startswith(b"\xff\xd8") else "image/png"), None


def _narrow(joints: UInt16[np.ndarray, "n 4"]) -> UInt8[np.ndarray, "n 4"] | UInt16[np.ndarray, "n 4"]:
    """In bytes where they fit."""
    return joints.astype(np.uint8) if joints.max(initial=0) < 256 else np.ascontiguousarray(joints)


def _placed(matrix: Float64[np.ndarray, "4 4"]) -> dict[str, list[float]]:
    """A node's transform: in parts, as animations need them; as a matrix where it is sheared."""
    scale = np.linalg.norm(matrix[:3, :3], axis=0) * np.sign(np.linalg.det(matrix[:3, :3]) or 1.0)
    turn = matrix[:3, :3] / np.where(scale == 0, 1.0, scale)
    if not np.allclose(turn.T @ turn, np.eye(3), atol=1e-5):
        return {"matrix": matrix.T.ravel().tolist()}
    placed = {"translation": matrix[:3, 3].tolist(), "rotation": quaternion_of(turn).tolist()}
    return placed | ({} if np.allclose(scale, 1, atol=1e-6) else {"scale": scale.tolist()})


def by_material(mesh: Mesh) -> list[tuple[int, UInt32[np.ndarray, "n 3"]]]:
    """Triangles of each material in use, by ascending material."""
    if mesh.material_ids is None:
        return [(0, mesh.triangles)]
    return [(int(material), mesh.triangles[mesh.material_ids == material]) for material in np.unique(mesh.material_ids)]


def _options(material: Material) -> dict[str, Any]:
    """What differs from glTF's defaults."""
    options: dict[str, Any] = {}
    if material.alpha_mode != "OPAQUE":
        options["alphaMode"] = material.alpha_mode
    if material.double_sided:
        options["doubleSided"] = True
    return options

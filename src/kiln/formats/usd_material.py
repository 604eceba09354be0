"""Materials as UsdPreviewSurface networks ("UsdPreviewSurface Specification", version 2.6), which all of USD's viewers draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pxr import Gf, Sdf, Usd, UsdShade

from kiln.asset import Material
from kiln.formats.gltf_write import Slot

_ALPHA_CUTOFF: Final = 0.5
"""glTF's default, which Kiln's masked materials mean."""

_FLOAT, _FLOAT4, _COLOR, _TOKEN = Sdf.ValueTypeNames.Float, Sdf.ValueTypeNames.Float4, Sdf.ValueTypeNames.Color3f, Sdf.ValueTypeNames.Token

_OUTPUTS: Final = {
    "rgb": Sdf.ValueTypeNames.Float3,
    "r": _FLOAT,
    "g": _FLOAT,
    "b": _FLOAT,
    "a": _FLOAT,
    "result": Sdf.ValueTypeNames.Float3,
}


def add_material(stage: Usd.Stage, path: Sdf.Path, material: Material, maps: Mapping[Slot, str], *, colored: bool) -> UsdShade.Material:
    """The material with textures at these paths relative to the layer. Without a base colour map, a `colored` mesh's colours are it."""
    made = UsdShade.Material.Define(stage, path)
    network = _Network(stage, path, maps)
    made.CreateSurfaceOutput().ConnectToSource(network.surface.ConnectableAPI(), "surface")
    network.add_base_color(material, colored=colored)
    network.add_shading(material)
    network.add_emission(material)
    network.add_normal()
    return made


class _Network:
    """The shaders within one material."""

    def __init__(self, stage: Usd.Stage, path: Sdf.Path, maps: Mapping[Slot, str]) -> None:
        self._stage, self._path, self._maps = stage, path, maps
        self.surface = self._shader("surface", "UsdPreviewSurface")

    def add_base_color(self, material: Material, *, colored: bool) -> None:
        """Colour and, where it is not opaque, alpha."""
        red, green, blue, alpha = material.base_color_factor
        texture = self._texture("base_color", is_color=True, scale=material.base_color_factor)
        if texture is not None:
            self._connect("diffuseColor", _COLOR, texture, "rgb")
        elif colored:
            self._connect("diffuseColor", _COLOR, self._reader("colors", "UsdPrimvarReader_float3", "displayColor"), "result")
        else:
            self.surface.CreateInput("diffuseColor", _COLOR).Set(Gf.Vec3f(red, green, blue))
        if material.alpha_mode == "OPAQUE":
            return
        if texture is not None:
            self._connect("opacity", _FLOAT, texture, "a")
        else:
            self.surface.CreateInput("opacity", _FLOAT).Set(alpha)
        if material.alpha_mode == "MASK":
            self.surface.CreateInput("opacityThreshold", _FLOAT).Set(_ALPHA_CUTOFF)

    def add_shading(self, material: Material) -> None:
        """Occlusion, roughness and metallic, from the channels of one texture or from factors."""
        texture = self._texture("orm", is_color=False, scale=(1.0, material.roughness_factor, material.metallic_factor, 1.0))
        if texture is not None:
            for name, channel in (("occlusion", "r"), ("roughness", "g"), ("metallic", "b")):
                self._connect(name, _FLOAT, texture, channel)
            return
        self.surface.CreateInput("roughness", _FLOAT).Set(material.roughness_factor)
        self.surface.CreateInput("metallic", _FLOAT).Set(material.metallic_factor)

    def add_emission(self, material: Material) -> None:
        """Emitted light; factors above 1 stay above 1."""
        texture = self._texture("emissive", is_color=True, scale=(*material.emissive_factor, 1.0))
        if texture is not None:
            self._connect("emissiveColor", _COLOR, texture, "rgb")
        elif any(material.emissive_factor):
            self.surface.CreateInput("emissiveColor", _COLOR).Set(Gf.Vec3f(*material.emissive_factor))

    def add_normal(self) -> None:
        """The normal map, from 0..1 to -1..1; OpenGL's direction, as UsdPreviewSurface means it."""
        texture = self._texture("normal", is_color=False, scale=(2.0, 2.0, 2.0, 1.0))
        if texture is not None:
            texture.CreateInput("bias", _FLOAT4).Set(Gf.Vec4f(-1, -1, -1, 0))
            self._connect("normal", Sdf.ValueTypeNames.Normal3f, texture, "rgb")

    def _connect(self, name: str, kind: Sdf.ValueTypeName, source: UsdShade.Shader, output: str) -> None:
        made = source.GetOutput(output) or source.CreateOutput(output, _OUTPUTS[output])
        self.surface.CreateInput(name, kind).ConnectToSource(made)

    def _texture(self, slot: Slot, *, is_color: bool, scale: tuple[float, float, float, float]) -> UsdShade.Shader | None:
        """A texture of the material, if it has one; its values are multiplied by `scale`, in linear light."""
        if slot not in self._maps:
            return None
        texture = self._shader(slot, "UsdUVTexture")
        texture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(Sdf.AssetPath(f"./{self._maps[slot]}"))
        texture.CreateInput("sourceColorSpace", _TOKEN).Set("sRGB" if is_color else "raw")
        texture.CreateInput("wrapS", _TOKEN).Set("repeat")
        texture.CreateInput("wrapT", _TOKEN).Set("repeat")
        texture.CreateInput("scale", _FLOAT4).Set(Gf.Vec4f(*scale))
        made = self._reader("uvs", "UsdPrimvarReader_float2", "st")
        texture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(made.GetOutput("result"))
        return texture

    def _reader(self, name: str, shader: str, primvar: str) -> UsdShade.Shader:
        """What hands on an attribute of the mesh; one for all textures."""
        found = UsdShade.Shader.Get(self._stage, self._path.AppendChild(name))
        if found:
            return found
        reader = self._shader(name, shader)
        reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set(primvar)
        reader.CreateOutput("result", getattr(Sdf.ValueTypeNames, "Float2" if shader.endswith("2") else "Float3"))
        return reader

    def _shader(self, name: str, shader: str) -> UsdShade.Shader:
        made = UsdShade.Shader.Define(self._stage, self._path.AppendChild(name))
        made.CreateIdAttr(shader)
        return made

"""Channel packing: any named maps into the channels of one picture, as an engine's shader wants them.

A recipe is one line of text that says what each channel of the new picture is made of:

    R=metallic G=occlusion B=1 A=1-roughness

    recipe   = R, or R G B, or R G B A, in any order, each "CHANNEL=source", with spaces or commas between
    source   = number | ["1-"] map ["." channel]
    number   = a constant, 0 (black) to 1 (white)
    map      = a name among the maps given: `named_maps` says which those of a material are
    channel  = r, g, b or a of that map; left out for a map that has only one
    1-       = the map inverted, as smoothness is 1-roughness

Values are copied as they are stored, so channels of base_color and emissive stay sRGB-encoded; all others are linear.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import UInt8, UInt16

from kiln.asset import Material
from kiln.errors import RecipeError, did_you_mean
from kiln.imaging.color import linear_to_srgb, srgb_to_linear

Map = UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]
"""(h, w) or (h, w, channels), 8 or 16 bits."""

ORM: Final = "R=occlusion G=roughness B=metallic"
"""glTF, Unreal, Godot."""

UNITY_MASK_MAP: Final = "R=metallic G=occlusion B=1 A=1-roughness"
"""Unity's HDRP/Lit (_MaskMap; B says where a detail map shows, 1 as without any mask) and URP/Lit, which reads the same R, G and A."""

METALLIC_SMOOTHNESS: Final = "R=metallic G=metallic B=metallic A=1-roughness"
"""Unity's built-in Standard shader, which reads R and A (_MetallicGlossMap)."""

_CHANNELS: Final = "RGBA"
_SOURCE: Final = re.compile(r"(?P<inverted>1\s*-\s*)?(?P<map>[A-Za-z_]\w*)(?:\.(?P<channel>[rgba]))?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What one channel is copied from."""

    map: str
    channel: int | None
    """None: the only one the map has."""

    inverted: bool


Recipe = tuple[Source | float, ...]
"""What each channel is made of, R first; a number is a constant from 0 to 1."""


def pack_channels(maps: Mapping[str, Map], recipe: str | Recipe) -> UInt8[np.ndarray, "height width channels"]:
    """One picture of 1, 3 or 4 channels, made of the maps as the recipe says; as high and as wide as the largest map it uses.

    Smaller maps are enlarged between texel centres (bilinear, edges repeat), 16 bits become 8; of constants alone it is one pixel.
    RecipeError for a recipe that does not read, and for maps or channels that are not there.
    """
    sources = parse_recipe(recipe) if isinstance(recipe, str) else recipe
    planes = [source if isinstance(source, float) else _plane(maps, source) for source in sources]
    pictures = [plane for plane in planes if not isinstance(plane, float)]
    height = max((plane.shape[0] for plane in pictures), default=1)
    width = max((plane.shape[1] for plane in pictures), default=1)
    return np.stack([_filled(plane, height, width) for plane in planes], axis=-1)


def parse_recipe(text: str) -> Recipe:
    """The recipe that the text says (the module tells the grammar). RecipeError where it does not read."""
    before, *rest = re.split(r"\b([RGBA])\s*=", text, flags=re.IGNORECASE)
    named = [(channel.upper(), source.strip(" ,\t\n")) for channel, source in zip(rest[::2], rest[1::2], strict=True)]
    if before.strip(" ,\t\n") or sorted(channel for channel, _ in named) not in (["R"], ["B", "G", "R"], ["A", "B", "G", "R"]):
        raise RecipeError(f"packing {text!r}: say R=, or R= G= B=, or R= G= B= A=, each once, such as {UNITY_MASK_MAP!r}")
    return tuple(_parse_source(source, text) for _, source in sorted(named, key=lambda pair: _CHANNELS.index(pair[0])))


def _parse_source(source: str, text: str) -> Source | float:
    match = _SOURCE.fullmatch(source)
    if match is not None:
        channel = match["channel"]
        return Source(
            map=match["map"], channel=None if channel is None else _CHANNELS.index(channel.upper()), inverted=match["inverted"] is not None
        )
    if not re.fullmatch(r"\d*\.?\d+", source) or float(source) > 1:
        raise RecipeError(
            f"packing {text!r}: {source!r} is no source; those are 0 to 1, orm.g, 1-orm.g, or the name of a map of one channel"
        )
    return float(source)


def _plane(maps: Mapping[str, Map], source: Source) -> UInt8[np.ndarray, "height width"]:
    """The one channel, 8 bits."""
    if source.map not in maps:
        raise RecipeError(f"there is no map {source.map!r} to pack: {did_you_mean(source.map, maps)}")
    pixels = maps[source.map]
    count = 1 if pixels.ndim == 2 else pixels.shape[2]
    if source.channel is None and count > 1:
        raise RecipeError(f"{source.map} has {count} channels: say which, such as {source.map}.r")
    if (source.channel or 0) >= count:
        raise RecipeError(f"{source.map} has no channel {_CHANNELS[source.channel or 0].lower()}, only {_CHANNELS[:count].lower()}")
    plane = pixels if pixels.ndim == 2 else pixels[..., source.channel or 0]
    if plane.dtype == np.uint16:
        plane = ((plane.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.bitwise_not(plane) if source.inverted else plane


def _filled(plane: UInt8[np.ndarray, "h w"] | float, height: int, width: int) -> UInt8[np.ndarray, "height width"]:
    if isinstance(plane, float):
        return np.full((height, width), int(plane * 255 + 0.5), np.uint8)
    if plane.shape == (height, width):
        return plane
    import cv2

    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def named_maps(material: Material) -> dict[str, Map]:
    """Every map a recipe may name, factors folded in: base_color, normal, orm, emissive, the extras under their own names, and occlusion,
    roughness and metallic, which are orm's channels.

    Where the material has no map of a kind, its factors make one of one pixel; the normal is flat then.
    Emission beyond 1 is cut off: multiply by `emissive_factor` instead where that matters.
    """
    flat = np.array([[[128, 128, 255]]], np.uint8)
    return {
        **material.extras,
        "base_color": _tinted(_or_white(material.base_color, 4), material.base_color_factor),
        "normal": flat if material.normal is None else material.normal,
        "emissive": _tinted(_or_white(material.emissive, 3), material.emissive_factor),
        **surface_maps(material),
    }


def surface_maps(material: Material) -> dict[str, Map]:
    """Of `named_maps` orm, occlusion, roughness and metallic: all that the ready recipes name, without the cost of tinting colours."""
    orm = _times(_or_white(material.orm, 3), (1.0, material.roughness_factor, material.metallic_factor))
    return {"orm": orm, "occlusion": orm[..., 0], "roughness": orm[..., 1], "metallic": orm[..., 2]}


def flip_green(normal: Map) -> Map:
    """An OpenGL normal map (+Y) as DirectX wants it (-Y), or the other way round; twice is the same as never.

    Of 8 bits, green becomes 255 - green, which is exactly the opposite component, as texel / 127.5 - 1 is read: there is no byte for zero,
    and the flat 128 (+0.004) becomes 127 (-0.004), a tilt of 0.22 degrees in either map.
    """
    flipped = np.array(normal)
    flipped[..., 1] = np.iinfo(normal.dtype).max - flipped[..., 1]
    return flipped


def _or_white(pixels: UInt8[np.ndarray, "h w c"] | None, channels: int) -> UInt8[np.ndarray, "h2 w2 c2"]:
    return np.full((1, 1, channels), 255, np.uint8) if pixels is None else pixels


def _times(pixels: UInt8[np.ndarray, "h w c"], factors: tuple[float, ...]) -> UInt8[np.ndarray, "h w c"]:
    """Linear maps, each channel times its factor."""
    if set(factors) == {1.0}:
        return pixels
    return np.clip(pixels * np.array(factors, np.float32) + np.float32(0.5), 0, 255).astype(np.uint8)


def _tinted(pixels: UInt8[np.ndarray, "h w c"], factors: tuple[float, ...]) -> UInt8[np.ndarray, "h w c"]:
    """Colours times their factors in linear light; the fourth channel, alpha, is linear as it is."""
    if set(factors) == {1.0}:
        return pixels
    colors = linear_to_srgb(srgb_to_linear(pixels[..., :3]) * np.array(factors[:3], np.float32))
    return np.concatenate([colors, _times(pixels[..., 3:], factors[3:])], axis=-1) if len(factors) > 3 else colors

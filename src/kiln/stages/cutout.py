"""cutout: the subject with a soft matte and clean rim colours, cropped to a small margin, by whichever cutter the recipe names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field

from kiln.asset import Picture
from kiln.backends import registry
from kiln.backends.card import Role
from kiln.backends.roles import Cutter, Hints, Matte
from kiln.errors import CutoutError
from kiln.stages.stage import BackendParams, Context, stage

if TYPE_CHECKING:
    from jaxtyping import Bool, UInt8

_CURE = "mark the subject with --box, --foreground and --background points, or a --scribble, or give a --mask"

_SMALLEST_SUBJECT = 16
"""Pixels on the longer side."""

_LEAST_BACKGROUND = 0.001
"""Share of the picture: with less background than this, nothing was told from anything."""


def _points(given: Any) -> Any:
    """`"10,20; 30,40"` as pairs of numbers; anything else as it is."""
    return [pair.split(",") for pair in given.split(";") if pair.strip()] if isinstance(given, str) else given


def _box(given: Any) -> Any:
    """`"left,top,right,bottom"` as four numbers; anything else as it is."""
    return given.split(",") if isinstance(given, str) else given


Points = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_points)]
Box = Annotated[tuple[float, float, float, float], BeforeValidator(_box)]


class CutoutParams(BackendParams):
    """Which cutter tells the subject from the background, and what the user says of it. Coordinates: pixels, origin top-left."""

    role: ClassVar[Role] = "cutter"

    backend: str = Field("classic", description="cutter that makes the matte (see `kiln backends`)")
    foreground: Points = Field((), description="points on the subject: x,y; x,y (pixels)")
    background: Points = Field((), description="points off the subject: x,y; x,y (pixels)")
    box: Box | None = Field(None, description="left,top,right,bottom around the subject (pixels); nothing outside belongs to it")
    scribble: str | None = Field(None, description="picture file of strokes: green or white on the subject, red or black off it")
    mask: str | None = Field(None, description="picture file used as the matte: white (or opaque) is the subject")
    margin: float = Field(0.04, ge=0, le=1, description="empty rim left around the subject, as a share of its longer side")


@stage(files=("scribble", "mask"))
def cutout(picture: Picture, params: CutoutParams, context: Context) -> Picture:
    """Cut the subject out of its background."""
    from kiln.imaging.matte import confidence, crop
    from kiln.imaging.matting import decontaminate

    matte = _given_mask(picture, params.mask) if params.mask else _cut(picture, params, context)
    context.progress(0.7, "rim colours")
    refuse_useless(matte.alpha)
    for note in matte.notes:
        context.note(note)
    context.measure(**matte.measures, **confidence(matte.alpha))
    _warn_of_doubts(context)
    own_matte = picture.has_matte and not params.mask
    cleaned = decontaminate(np.dstack([picture.pixels[..., :3], matte.alpha]), background=not own_matte)
    cropped = crop(cleaned, margin=params.margin)
    context.note(f"cut to {cropped.shape[1]} x {cropped.shape[0]} of {picture.width} x {picture.height} pixels")
    return replace(picture, pixels=cropped, has_matte=True)


def _cut(picture: Picture, params: CutoutParams, context: Context) -> Matte:
    """The cutter's matte, hints checked first."""
    hints = read_hints(picture, params)
    cutter: Cutter = registry.find("cutter", params.backend).load()
    matte = cutter.cut(picture, hints, params.options, lambda share, words: context.progress(0.7 * share, words))
    if matte.alpha.shape != picture.alpha.shape:
        raise CutoutError(f"{params.backend} answered with a matte of another size than the picture: use another cutter")
    return matte


def read_hints(picture: Picture, params: CutoutParams) -> Hints:
    """What the user said of the picture, as arrays. CutoutError when a point or the box lies outside it."""
    scribbles: dict[str, Bool[np.ndarray, "height width"]] = {}
    if params.scribble:
        subject, background = _read_scribble(params.scribble, picture)
        scribbles = {"scribble_foreground": subject, "scribble_background": background}
    return Hints(
        foreground=_inside(params.foreground, picture),
        background=_inside(params.background, picture),
        box=_clipped(params.box, picture),
        **scribbles,
    )


def _inside(points: Points, picture: Picture) -> np.ndarray | None:
    for x, y in points:
        if not (0 <= x < picture.width and 0 <= y < picture.height):
            raise CutoutError(f"the point ({x:g}, {y:g}) lies outside the picture, which is {picture.width} x {picture.height} pixels")
    return np.array(points, np.float32) if points else None


def _clipped(box: Box | None, picture: Picture) -> Box | None:
    if box is None:
        return None
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], picture.width), min(box[3], picture.height)
    if right - left < 2 or bottom - top < 2:
        raise CutoutError(
            f"the box {box[0]:g},{box[1]:g},{box[2]:g},{box[3]:g} holds nothing of the picture, which is {picture.width} x "
            f"{picture.height} pixels: give left,top,right,bottom"
        )
    return left, top, right, bottom


def _read_scribble(path: str, picture: Picture) -> tuple[np.ndarray, np.ndarray]:
    """(subject, background) strokes: green or white, and red or black; what is transparent or of another colour says nothing."""
    pixels = _fitted(path, picture)
    red, green, blue = (pixels[..., channel] > 127 for channel in range(3))
    drawn = pixels[..., 3] > 127
    subject, background = drawn & green & (red == blue), drawn & ~green & ~blue
    if not subject.any() and not background.any():
        raise CutoutError(
            f"{Path(path).name} has no strokes: draw green or white on the subject and red or black off it, elsewhere transparent"
        )
    return subject, background


def _given_mask(picture: Picture, path: str) -> Matte:
    """The mask file as the matte: its alpha where it has any, else its brightness."""
    import cv2

    pixels = _fitted(path, picture)
    transparent = pixels[..., 3].min() < 255
    alpha = pixels[..., 3] if transparent else cv2.cvtColor(pixels, cv2.COLOR_RGBA2GRAY).astype(np.uint8)
    return Matte(alpha=alpha, notes=("the mask that was given is the matte",))


def _fitted(path: str, picture: Picture) -> UInt8[np.ndarray, "height width 4"]:
    """A mask's or scribble's pixels at the picture's size; CutoutError when their proportions differ."""
    import cv2

    from kiln.formats.picture import read_pixels

    pixels = read_pixels(path)
    height, width = pixels.shape[:2]
    if abs(width / height - picture.width / picture.height) > 0.02 * width / height:
        raise CutoutError(
            f"{Path(path).name} is {width} x {height}, the picture {picture.width} x {picture.height}: make them the same shape"
        )
    return cv2.resize(pixels, (picture.width, picture.height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def refuse_useless(alpha: UInt8[np.ndarray, "height width"]) -> None:
    """Raise CutoutError, with the cure, when a matte shows nothing, next to nothing, or everything."""
    from kiln.imaging.matte import SOLID, bounding_box

    solid = alpha >= SOLID
    if not solid.any():
        raise CutoutError(f"no subject was found: nothing stands out from the background; {_CURE}")
    top, bottom, left, right = bounding_box(solid)
    height, width = bottom - top, right - left
    if max(height, width) < _SMALLEST_SUBJECT:
        raise CutoutError(f"the subject that was found is only {width} x {height} pixels; {_CURE}")
    if np.count_nonzero(~solid) < _LEAST_BACKGROUND * alpha.size:
        raise CutoutError(f"the whole picture was taken for the subject: it has no background to be told from; {_CURE}")


def _warn_of_doubts(context: Context) -> None:
    """Notes where the numbers look like a mistake."""
    measures = context.measures
    if measures["border_touch"] > 0.1:
        context.note(f"the subject touches {measures['border_touch']:.0%} of the border: is it cut off? If background was kept, {_CURE}")
    if measures["largest_component"] < 0.9:
        context.note(f"the subject is in {measures['components']:.0f} parts: if one of them is background, {_CURE}")

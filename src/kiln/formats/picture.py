"""Reads a picture file as upright RGBA, or says in plain words why it cannot be used.

PNG, JPEG, WebP, TIFF, BMP and GIF, of any bit depth and colour model. What can be refused is refused from the header, before anything is
decoded: a small file can claim to be terabytes of pixels.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from kiln.asset import VIEWS, FileRecord, Picture, View
from kiln.errors import PictureError
from kiln.formats.whole_file import read_whole

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
"""Pillow's names of what is accepted. Others are left out on purpose: some of Pillow's readers run programs of the host."""

LONGEST_SIDE = 2048
"""Pixels; larger pictures are reduced. The baked maps are 2048, so more could not be seen."""

_SMALLEST_SIDE = 16
"""Pixels; a smaller picture, or subject, has no outline to speak of."""

_FILE_LIMIT = 200 * 2**20
"""Bytes."""

_PIXEL_LIMIT = 64_000_000
"""A picture of this size takes up to 1.2 GB while it is being read."""

_SIDE_LIMIT = 16_384
"""Pixels."""

_MATTE_SHARE = 0.002
"""An alpha channel with less than this share of transparent pixels is no matte. A square icon whose corners are rounded by 5 % of its side
has 0.2 %; stray transparent pixels in photographs have less."""

_FLAT_LEVELS = 3
"""A picture whose every channel stays within this many levels is one flat colour (JPEG may be off by one or two)."""

_OTHER_KINDS = (
    (b"glTF", "a GLB model, not a picture: `kiln process` takes models"),
    (b"PK\x03\x04", "a zip archive, not a picture: unpack it first"),
    (b"%PDF", "a PDF document, not a picture: export the page as a PNG"),
    (b"8BPS", "a Photoshop document: export it as a PNG"),
    (b"gimp xcf", "a GIMP document: export it as a PNG"),
    (b"v/1\x01", "an OpenEXR picture: convert it to a PNG"),
    (b"DDS ", "a DDS texture: convert it to a PNG"),
)


def view_from_name(stem: str) -> View | None:
    """The view a file's stem names, alone or after `_`, `-`, `.` or a space, in any case: `knight_left` is left. None without one."""
    last = re.split(r"[_\-. ]", stem.strip().lower())[-1]
    return next((view for view in VIEWS if view == last), None)


def name_without_view(stem: str) -> str:
    """The stem without its view, so that `knight_front` and `knight_left` are both `knight`; a stem that is only a view stays."""
    stem = stem.strip()
    view = view_from_name(stem)
    return stem if view is None else stem[: -len(view)].rstrip("_-. ") or stem


def read_picture(path: str | Path, *, view: View | None = None) -> tuple[Picture, tuple[str, ...]]:
    """The picture in a file, and sentences about what had to be done to it.

    Its view is taken from the file's name when none is given; without either it is the front. Raises PictureError, with the cure, for
    what is missing, broken, too large or small, empty or flat.
    """
    path = Path(path)
    data = _read_bytes(path)
    pixels, notes = _decode(data, name=path.name)
    _refuse_empty(pixels, name=path.name)
    has_matte = _is_matte(pixels)
    if not has_matte:
        if pixels[..., 3].min() < 255:
            notes.append(f"{path.name}: its alpha is opaque but for specks, so it was ignored")
        pixels = np.dstack([pixels[..., :3], np.full(pixels.shape[:2], 255, np.uint8)])
        _refuse_flat(pixels, name=path.name)
    picture = Picture(
        pixels=pixels,
        name=name_without_view(path.stem),
        view=view or view_from_name(path.stem) or "front",
        has_matte=has_matte,
        file=FileRecord.of(path.name, data),
    )
    return picture, tuple(notes)


def read_pixels(path: str | Path) -> UInt8[np.ndarray, "height width 4"]:
    """Upright sRGB pixels with straight alpha of any picture file, flat ones too: for masks and scribbles. Raises PictureError."""
    path = Path(path)
    return _decode(_read_bytes(path), name=path.name)[0]


def _read_bytes(path: Path) -> bytes:
    return read_whole(path, limit=_FILE_LIMIT, error=PictureError)


@contextmanager
def _plain_words(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises, and warns of, into PictureError."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            yield
        except PictureError:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise PictureError(f"{name} has more than {_PIXEL_LIMIT / 1e6:.0f} megapixels: make it smaller") from None
        except MemoryError:
            raise PictureError(f"{name} does not fit in memory: make it smaller") from None
        except Exception as error:  # a broken file can make a decoder raise anything
            raise PictureError(f"{name} is damaged or cut short ({error}): export it again, as a PNG") from error


def _decode(data: bytes, *, name: str) -> tuple[UInt8[np.ndarray, "height width 4"], list[str]]:
    """Upright RGBA, at most LONGEST_SIDE, and notes."""
    notes: list[str] = []
    with _plain_words(name), _open(data, name=name) as image:
        _refuse_size(image.size, name=name)
        if getattr(image, "is_animated", False):
            notes.append(f"{name}: it has several frames or pages; the first was used")
            image.seek(0)
        image.load()
        profile = image.info.get("icc_profile")
        rgba = _to_rgba(_to_srgb(_to_eight_bits(_turn_upright(image, notes, name)), profile, notes, name))
        pixels = np.asarray(rgba)
    if max(pixels.shape[:2]) > LONGEST_SIDE:
        height, width = pixels.shape[:2]
        pixels = _reduce(pixels)
        notes.append(f"{name}: reduced from {width} x {height} to {pixels.shape[1]} x {pixels.shape[0]} pixels")
    return pixels, notes


def _open(data: bytes, *, name: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        raise PictureError(f"{name} is {_kind(data)}") from None


def _kind(data: bytes) -> str:
    """What a file that is no picture seems to be, with the cure."""
    for magic, words in _OTHER_KINDS:
        if data.startswith(magic):
            return words
    if data[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file: convert it to a PNG or JPEG"
    head = data[:512]
    if b"<svg" in head:
        return "an SVG drawing: export it as a PNG, 1024 pixels or so"
    if b"\0" not in head and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return "a text file, not a picture: give a PNG, JPEG, WebP, TIFF, BMP or GIF"
    return "not a picture that can be read, or its beginning is damaged: give a PNG, JPEG, WebP, TIFF, BMP or GIF"


def _refuse_size(size: tuple[int, int], *, name: str) -> None:
    width, height = size
    if width * height > _PIXEL_LIMIT or max(size) > _SIDE_LIMIT:
        limit = f"{_PIXEL_LIMIT / 1e6:.0f} megapixels or {_SIDE_LIMIT:,} on a side"
        raise PictureError(f"{name} is {width:,} x {height:,} pixels, more than {limit}: make it smaller")
    if min(size) < _SMALLEST_SIDE:
        raise PictureError(f"{name} is only {width} x {height} pixels: give one of at least {_SMALLEST_SIDE}, better 512 or more")


def _turn_upright(image: Image.Image, notes: list[str], name: str) -> Image.Image:
    """Apply the EXIF orientation; a broken EXIF block is noted, not fatal."""
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) not in (0, 1)
        return ImageOps.exif_transpose(image) if turned else image
    except Exception:  # noqa: BLE001 - EXIF is hand-made by a thousand programs
        notes.append(f"{name}: its EXIF block is broken and was ignored")
        return image


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """16- and 32-bit grey scaled to 0..255; Pillow's own conversion would clip it. Floats are taken as 0 to 1."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype(np.float32)
    top = 1.0 if image.mode == "F" else 255.0 if values.max() <= 255 else 65535.0
    return Image.fromarray(np.round(np.clip(values / top, 0, 1) * 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str], name: str) -> Image.Image:
    """Colours converted from the embedded ICC profile to sRGB; alpha is carried past."""
    if profile is None:
        return image
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    opaque = image.convert({"LA": "L", "RGBA": "RGB", "1": "L"}.get(image.mode, image.mode))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if (source.profile.profile_description or "").startswith("sRGB"):
            return image
        converted = ImageCms.profileToProfile(opaque, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        notes.append(f"{name}: its colour profile does not fit and was ignored")
        return image
    assert converted is not None  # noqa: S101 - only None when asked to work in place
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _to_rgba(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _reduce(pixels: UInt8[np.ndarray, "height width 4"]) -> UInt8[np.ndarray, "rows columns 4"]:
    """Shrunk to LONGEST_SIDE by area averaging of premultiplied light.

    Light is taken as the square of the sRGB value: near the true curve (0.25 for 0.21 at middle grey), undone by a square root, and in
    16-bit integers. One channel at a time, that keeps the peak of reading 64 megapixels at 0.9 GB; all at once it was 2.2.
    """
    height, width = pixels.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    alpha = cv2.extractChannel(pixels, 3)
    coverage = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    channels = [_reduce_channel(cv2.extractChannel(pixels, channel), alpha, size) for channel in range(3)]
    color = np.sqrt(np.dstack(channels) / np.maximum(coverage[..., None] / np.float32(255), 1 / 255))
    return np.dstack([np.round(np.clip(color, 0, 255)).astype(np.uint8), coverage])


def _reduce_channel(
    channel: UInt8[np.ndarray, "height width"], alpha: UInt8[np.ndarray, "height width"], size: tuple[int, int]
) -> UInt16[np.ndarray, "rows columns"]:
    light = cv2.multiply(channel, channel, dtype=cv2.CV_16U)
    light = cv2.multiply(light, alpha.astype(np.uint16), dst=light, scale=1 / 255)
    return cv2.resize(light, size, interpolation=cv2.INTER_AREA).astype(np.uint16)


def _is_matte(pixels: UInt8[np.ndarray, "height width 4"]) -> bool:
    return bool(np.count_nonzero(pixels[..., 3] < 128) >= _MATTE_SHARE * pixels[..., 3].size)


def _refuse_empty(pixels: UInt8[np.ndarray, "height width 4"], *, name: str) -> None:
    """PictureError when there is nothing, or next to nothing, to be seen. Alpha below 8 of 255 cannot be."""
    seen = pixels[..., 3] >= 8
    if not seen.any():
        raise PictureError(f"{name} is fully transparent: there is no subject in it; export it again with the layer switched on")
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    height, width = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
    if max(height, width) < _SMALLEST_SIDE:
        raise PictureError(f"the subject of {name} is only {width} x {height} pixels: give a larger picture of it")


def _refuse_flat(pixels: UInt8[np.ndarray, "height width 4"], *, name: str) -> None:
    colors = pixels[..., :3].reshape(-1, 3)
    if int((colors.max(axis=0) - colors.min(axis=0)).max()) < _FLAT_LEVELS:
        raise PictureError(f"{name} is one flat colour: there is no subject in it; give a picture of something")

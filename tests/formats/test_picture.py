from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from kiln.errors import PictureError
from kiln.formats.picture import LONGEST_SIDE, name_without_view, read_picture, read_pixels, view_from_name


def subject(width: int = 48, height: int = 32) -> np.ndarray:
    """A red block with a blue top-left corner on nothing."""
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[4:-4, 4:-4] = (200, 30, 20, 255)
    pixels[4:12, 4:12] = (20, 40, 200, 255)
    return pixels


def saved(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("stem", "view", "name"),
    [
        ("knight_front", "front", "knight"),
        ("knight-LEFT", "left", "knight"),
        ("knight.back", "back", "knight"),
        ("big knight Right", "right", "big knight"),
        ("left", "left", "left"),
        ("knight", None, "knight"),
        ("upright", None, "upright"),
        ("front_door", None, "front_door"),
        ("", None, ""),
    ],
)
def test_view_and_name_come_from_the_stem(stem: str, view: str | None, name: str) -> None:
    assert view_from_name(stem) == view
    assert name_without_view(stem) == name


def test_rgba_is_read_as_it_is(tmp_path: Path) -> None:
    path = saved(tmp_path / "block_left.png", subject())
    picture, notes = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, subject())
    assert (picture.name, picture.view, picture.has_matte, notes) == ("block", "left", True, ())
    assert picture.file is not None
    assert picture.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_picture(path, view="back")[0].view == "back"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "bmp", "gif"])
def test_every_format_shows_the_same_picture(tmp_path: Path, suffix: str) -> None:
    flat = subject()[..., :3] + np.uint8(10)
    picture, _ = read_picture(saved(tmp_path / f"block.{suffix}", flat))
    assert not picture.has_matte
    assert np.abs(picture.pixels[18, 30, :3].astype(int) - flat[18, 30]).max() <= 12
    assert picture.pixels.shape == (32, 48, 4)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    Image.fromarray(np.tile(ramp, (32, 1))).save(tmp_path / "ramp.png")
    picture, _ = read_picture(tmp_path / "ramp.png")
    np.testing.assert_allclose(picture.pixels[0, :, 0], ramp / 257, atol=0.51)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "1", "CMYK", "YCbCr", "LAB", "I", "F"])
def test_every_colour_model_becomes_rgba(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(subject())
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image.convert("RGB"), *profiles, outputMode="LAB")
    elif mode in ("LA", "PA"):
        converted = image.convert(mode)
    else:
        converted = image.convert("RGB").convert("L").convert(mode) if mode in ("I", "F") else image.convert("RGB").convert(mode)
    assert converted is not None
    if mode == "F":
        converted = converted.point(lambda value: value * (1 / 255) + 0)
    path = tmp_path / ("block.tiff" if mode != "P" else "block.png")
    converted.save(path)
    picture, _ = read_picture(path)
    assert picture.pixels.shape == (32, 48, 4)
    assert picture.has_matte == (mode in ("LA", "PA"))
    assert picture.pixels[16:20, 28:34, 0].max() > 50
    assert mode not in ("CMYK", "YCbCr", "LAB") or np.abs(picture.pixels[18, 30].astype(int) - (200, 30, 20, 255)).max() < 6


def test_exif_rotation_is_honoured(tmp_path: Path) -> None:
    upright = subject()[..., :3]
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: rotate 90 degrees clockwise to see it upright
    path = saved(tmp_path / "turned.png", np.ascontiguousarray(np.rot90(upright)), exif=exif)
    np.testing.assert_array_equal(read_picture(path)[0].pixels[..., :3], upright)


def test_first_frame_of_an_animation_is_used_and_said(tmp_path: Path) -> None:
    frames = [Image.fromarray(subject()[..., :3] + np.uint8(shade)) for shade in (0, 50)]
    frames[0].save(tmp_path / "blink.gif", save_all=True, append_images=frames[1:])
    picture, notes = read_picture(tmp_path / "blink.gif")
    assert abs(int(picture.pixels[18, 30, 0]) - 200) < 8
    assert "several frames" in notes[0]


def test_icc_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    # A profile whose red and blue primaries are swapped against sRGB's: any sensible reader swaps the channels.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    name = profile.index("sRGB".encode("utf-16-be"))
    profile[name : name + 8] = "test".encode("utf-16-be")
    path = saved(tmp_path / "swapped.png", subject(), icc_profile=bytes(profile))
    picture, notes = read_picture(path)
    assert notes == ()
    assert np.abs(picture.pixels[18, 30].astype(int) - (20, 30, 200, 255)).max() <= 3


def test_broken_profile_is_ignored_and_said(tmp_path: Path) -> None:
    picture, notes = read_picture(saved(tmp_path / "odd.png", subject(), icc_profile=b"not a profile at all" * 8))
    np.testing.assert_array_equal(picture.pixels, subject())
    assert "profile" in notes[0]


def test_large_pictures_are_reduced_without_fringes(tmp_path: Path) -> None:
    pixels = np.zeros((1000, LONGEST_SIDE * 2, 4), np.uint8)
    pixels[200:801, 101:4001] = (200, 30, 20, 255)  # odd edges: half-covered pixels after the reduction
    picture, notes = read_picture(saved(tmp_path / "wide.png", pixels, compress_level=1))
    assert picture.pixels.shape == (500, LONGEST_SIDE, 4)
    assert "reduced from 4096 x 1000 to 2048 x 500" in notes[0]
    seen = picture.pixels[picture.alpha > 60]
    assert np.abs(seen[:, :3].astype(int) - (200, 30, 20)).max() <= 1
    assert 100 < picture.pixels[300, 50, 3] < 155


def test_opaque_alpha_and_specks_are_no_matte(tmp_path: Path) -> None:
    pixels = subject() | np.uint8([0, 0, 0, 255])
    assert not read_picture(saved(tmp_path / "opaque.png", pixels))[0].has_matte
    pixels[0, 0, 3] = 0
    picture, notes = read_picture(saved(tmp_path / "speck.png", pixels))
    assert not picture.has_matte
    assert picture.alpha.min() == 255
    assert "specks" in notes[0]


def claiming(width: int, height: int) -> bytes:
    """A PNG of some 60 bytes whose header claims this size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def png(pixels: np.ndarray, folder: Path) -> bytes:
    return saved(folder / "made.png", pixels).read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"just some words\n" * 9, "text file"),
        (b"PK\x03\x04" + b"\0" * 60, "zip"),
        (b"glTF\x02\0\0\0" + b"\0" * 60, "GLB model"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 60, "HEIC"),
        (b"<?xml version='1.0'?><svg xmlns=''></svg>", "SVG"),
        (bytes(range(256)) * 4, "not a picture"),
        (claiming(60_000, 60_000), "megapixels"),
        (claiming(8_200, 8_200), "8,200 x 8,200"),
        (claiming(20_000, 20), "16,384 on a side"),
        (claiming(1, 1), "only 1 x 1"),
        (claiming(64, 64), "damaged or cut short"),
    ],
)
def test_bad_files_are_refused_in_plain_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=words) as raised:
        read_picture(path)
    assert "bad.png" in str(raised.value)


def test_truncated_pictures_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    for suffix in ("png", "jpg", "webp", "tiff", "bmp", "gif"):
        whole = saved(tmp_path / f"whole.{suffix}", noise).read_bytes()
        path = tmp_path / f"half.{suffix}"
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(PictureError):
            read_picture(path)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((32, 32, 4), np.uint8), "fully transparent"),
        (np.full((32, 32, 4), 255, np.uint8), "one flat colour"),
        (np.full((32, 32, 3), 90, np.uint8), "one flat colour"),
        (np.pad(np.full((6, 6, 4), 255, np.uint8), ((20, 20), (20, 20), (0, 0))), "only 6 x 6"),
    ],
)
def test_pictures_of_nothing_are_refused(tmp_path: Path, pixels: np.ndarray, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        read_picture(saved(tmp_path / "nothing.png", pixels))


def test_a_flat_silhouette_with_a_matte_is_a_picture(tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[6:26, 6:26] = (0, 0, 0, 255)
    assert read_picture(saved(tmp_path / "icon.png", pixels))[0].has_matte


def test_masks_may_be_flat(tmp_path: Path) -> None:
    assert read_pixels(saved(tmp_path / "mask.png", np.full((20, 20), 255, np.uint8))).min() == 255


EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "pictures").iterdir())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_our_own_artwork_is_read_without_a_word(path: Path) -> None:
    picture, notes = read_picture(path)
    assert notes == ()
    assert (picture.width, picture.height) == (1024, 1024)
    assert picture.has_matte == (path.suffix == ".png")
    assert path.stat().st_size < 2**20


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no file"):
        read_picture(tmp_path / "absent.png")
    with pytest.raises(PictureError, match="is a folder"):
        read_picture(tmp_path)

"""Runs a real browser without a window. When Chromium is missing, tests fail: a skipped judge judges nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

_FLAGS = ("--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars", "--no-first-run")
"""SwiftShader draws WebGL on the CPU, the same everywhere."""

_PATIENCE_MS = 6000
"""Of the page's own time, which runs ahead of the clock when nothing happens."""


def screenshot(page: Path, *flags: str, fragment: str = "", size: tuple[int, int] = (512, 512)) -> np.ndarray:
    """What the page looks like: (height, width, 4) uint8, sRGB with straight alpha, transparent where the page draws nothing."""
    shown = page.with_name(f"{page.stem}_{abs(hash((fragment, flags, size)))}.png")
    window = f"--window-size={size[0]},{size[1]}"
    _run(page, fragment, window, "--default-background-color=00000000", f"--screenshot={shown}", *flags)
    pixels = cv2.imread(str(shown), cv2.IMREAD_UNCHANGED)
    assert pixels is not None and pixels.shape[:2] == (size[1], size[0])
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGBA)


def document(page: Path, *flags: str, fragment: str = "") -> str:
    """The page's elements as HTML, after its scripts have run."""
    return _run(page, fragment, "--dump-dom", *flags)


def _run(page: Path, fragment: str, *flags: str) -> str:
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail("no Chromium: install it (`apt-get install chromium`), the page must be seen in a real browser")
    address = page.resolve().as_uri() + (f"#{fragment}" if fragment else "")
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [found, *_FLAGS, profile, f"--virtual-time-budget={_PATIENCE_MS}", *flags, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout

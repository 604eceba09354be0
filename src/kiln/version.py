"""Which Kiln this is, for the files it writes."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

VERSION: Final = version("kiln3d")
"""As installed. (`kiln.__version__` says the same, but importing `kiln` from within a room would tie it to every room above.)"""

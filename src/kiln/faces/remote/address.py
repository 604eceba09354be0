"""Where a Kiln service answers, and the key that opens it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kiln import settings
from kiln.errors import InputError, SetupError

USUAL_URL: Final = "http://127.0.0.1:8600"
"""Where `kiln serve` listens unless it is told otherwise."""

_LONGEST_KEY: Final = 500
"""Characters."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """One service."""

    url: str
    """Without a slash at its end."""

    api_key: str | None = field(default=None, repr=False)

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, so that no proxy stands between."""
        return is_loopback(urlsplit(self.url).hostname or "")


def read_address(url: str | None, *, key_file: Path | None = None) -> Address:
    """The service at this URL, else at KILN_SERVER, else on this machine; its key is in the file, else in KILN_API_KEY.

    InputError for what is no URL of a server, SetupError for a file that holds no key. No message repeats the key.
    """
    asked = url or settings.server_url() or USUAL_URL
    return Address(url=_checked(asked), api_key=settings.api_key() if key_file is None else _key_in(key_file))


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach what listens at this host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _checked(url: str) -> str:
    """The URL without its last slash. InputError unless it is http(s)://host[:port][/path]; a password in it is not repeated."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise InputError("the server's URL cannot be read: write it like http://127.0.0.1:8600") from None
    if not good or parts.query or parts.fragment:
        raise InputError(f"{parts.scheme}://... is no URL of a server: write it like http://127.0.0.1:8600 or https://kiln.example.com")
    if parts.username or parts.password:
        raise InputError("the server's URL holds a name or password: leave them out, and put an API key into KILN_API_KEY")
    return url.rstrip("/")


def _key_in(path: Path) -> str:
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise SetupError(f"{path} cannot be read as an API key: give a text file that holds nothing but the key") from None
    if not key or len(key) > _LONGEST_KEY or not key.isprintable() or " " in key:
        raise SetupError(f"{path} holds no API key: put the one line into it that `kiln keys create` printed")
    return key

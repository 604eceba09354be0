"""URLs that let one content be fetched for a while, signed by HMAC-SHA256. For stores that have no such thing of their own."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from kiln.errors import InputError, StorageError

MIN_SECRET_BYTES: Final = 32
MAX_TTL_S: Final = 7 * 24 * 3600
"""S3 signs for no longer either."""


def check_ttl(ttl_s: int) -> int:
    """The time itself. InputError when a URL may not live so long."""
    if not 1 <= ttl_s <= MAX_TTL_S:
        raise InputError(f"a URL cannot live for {ttl_s} s: choose 1 to {MAX_TTL_S:,} s (7 days)")
    return ttl_s


class UrlSigner:
    """Makes and checks URLs of the form `<base>/<key>?expires=<seconds since 1970>&signature=<hex>`."""

    def __init__(self, secret: bytes, *, base_url: str, clock: Callable[[], float] = time.time) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise InputError(f"a secret for signing URLs has {MIN_SECRET_BYTES} bytes at least")
        self._secret, self._base, self._clock = secret, base_url.rstrip("/"), clock

    def url(self, key: str, *, ttl_s: int) -> str:
        """A URL by which whoever holds it may get the content for so many seconds."""
        expires = int(self._clock()) + check_ttl(ttl_s)
        return f"{self._base}/{key}?{urlencode({'expires': expires, 'signature': self._signature(key, expires)})}"

    def check(self, key: str, *, expires: str, signature: str) -> None:
        """StorageError of kind "forbidden" unless this very key was signed until this very moment, and it has not come yet."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and signature.isascii()):
            raise StorageError("this URL was not signed here", kind="forbidden")
        if not hmac.compare_digest(self._signature(key, int(expires)), signature):
            raise StorageError("this URL was not signed here, or was changed since", kind="forbidden")
        if self._clock() >= int(expires):
            raise StorageError("this URL has expired: ask for a new one", kind="forbidden")

    def _signature(self, key: str, expires: int) -> str:
        return hmac.new(self._secret, f"kiln-url-1\nGET\n{key}\n{expires}".encode(), hashlib.sha256).hexdigest()

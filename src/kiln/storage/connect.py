"""A store from a URL: a folder, s3://bucket/prefix or memory://."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import ParseResult, parse_qs, unquote, urlparse

from kiln import settings
from kiln.errors import AlreadyStored, InputError, SetupError, StorageError
from kiln.storage.disk import DEFAULT_FLOOR_BYTES, FreeSpace
from kiln.storage.folder import FolderBucket
from kiln.storage.keys import check_prefix
from kiln.storage.objects import ObjectBucket
from kiln.storage.signed import MIN_SECRET_BYTES, UrlSigner, check_ttl
from kiln.storage.store import Store

LOCAL_BASE_URL: Final = "/v1/files"
"""Where the service hands out contents by signed URLs; relative to it unless a public address is set."""

PUBLIC: Final = "public/"
"""On S3 with a public address, keys in this folder have plain URLs; the bucket's policy must let anybody get them, and nothing else."""

_CONNECT_S: Final = 5.0
_RETRIES: Final = 6
_RETRY_WITHIN_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_SECRET_KEY: Final = "url-secret"  # noqa: S105 - the name under which the secret is kept


def open_store(
    url: str | None = None, *, public_url: str | None = None, floor_bytes: int = DEFAULT_FLOOR_BYTES, clock: Callable[[], float] = time.time
) -> Store:
    """The store at a folder's path, file://, s3://bucket/prefix[?endpoint=...&region=...] or memory://.

    Without a URL it is KILN_STORE's, or the folder data/store. `public_url` (KILN_PUBLIC_URL) is the address at which a hosted generator
    reaches the service, or the bucket's folder `public/`. A folder's disk keeps `floor_bytes` free. S3 takes credentials, region and
    endpoint from the usual AWS_... variables.

    Raises InputError for a URL it cannot take, SetupError when the extra is missing, StorageError when the folder cannot be used.
    """
    url = settings.store_url() if url is None else url
    public_url = settings.public_url() if public_url is None else public_url
    parsed = _parsed(url)
    if parsed.scheme == "s3":
        return _open_s3(parsed, public_url)
    if parsed.scheme == "memory":
        return _open_memory(public_url or LOCAL_BASE_URL, clock)
    return _open_folder(_folder(url, parsed), public_url or LOCAL_BASE_URL, floor_bytes, clock)


def _parsed(url: str) -> ParseResult:
    try:
        return urlparse(url)
    except ValueError:
        raise InputError("this is no URL of a store: use a folder, s3://bucket/prefix or memory://") from None


def _folder(url: str, parsed: ParseResult) -> Path:
    if parsed.scheme == "file":
        if parsed.netloc not in ("", "localhost"):
            raise InputError("a file:// URL has three slashes before an absolute path: file:///srv/kiln")
        return Path(unquote(parsed.path))
    if "://" in url:
        raise InputError(f"{parsed.scheme}:// is no store Kiln knows: use a folder, file:///..., s3://bucket/prefix or memory://")
    if not url.strip():
        raise InputError("the store's URL is empty: use a folder, s3://bucket/prefix or memory://")
    return Path(url)


def _open_folder(root: Path, base_url: str, floor_bytes: int, clock: Callable[[], float]) -> Store:
    root = root.expanduser()
    free = FreeSpace(root, floor_bytes=floor_bytes)
    bucket = FolderBucket(root, free=free)
    own = Store(FolderBucket(root, area="private", free=FreeSpace(root, floor_bytes=0)), link=_no_link)
    return _signing(bucket, _shared_secret(own), base_url, clock)


def _open_memory(base_url: str, clock: Callable[[], float]) -> Store:
    _need_obstore("memory://")
    from obstore.store import MemoryStore

    kept = MemoryStore()
    return _signing(ObjectBucket(lambda _: kept), secrets.token_bytes(MIN_SECRET_BYTES), base_url, clock)


def _signing(bucket: FolderBucket | ObjectBucket, secret: bytes, base_url: str, clock: Callable[[], float]) -> Store:
    """A store whose URLs lead to the service, which checks them."""
    signer = UrlSigner(secret, base_url=base_url, clock=clock)
    return Store(bucket, link=lambda key, ttl_s: signer.url(key, ttl_s=ttl_s), signer=signer)


def _open_s3(parsed: ParseResult, public_url: str | None) -> Store:
    _need_obstore("s3://")
    if "@" in parsed.netloc:
        raise InputError("a store's URL holds no credentials, it would end in logs: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not parsed.netloc:
        raise InputError("the bucket's name is missing: s3://bucket/prefix")
    asked = parse_qs(parsed.query, keep_blank_values=True)
    if unknown := asked.keys() - {"endpoint", "region"}:
        raise InputError(f"{unknown.pop()!r} is no option of s3://: there are endpoint and region")
    options = {name: values[-1] for name, values in asked.items()}
    bucket = ObjectBucket(_s3_connector(parsed.netloc, check_prefix(parsed.path.strip("/")), options))

    def link(key: str, ttl_s: int) -> str:
        if public_url and key.startswith(PUBLIC):
            return f"{public_url.rstrip('/')}/{key}"
        return bucket.presigned(key, ttl_s=check_ttl(ttl_s))

    return Store(bucket, link=link)


def _s3_connector(bucket: str, prefix: str, options: dict[str, str]) -> Callable[[float], Any]:
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    endpoint = options.get("endpoint") or settings.s3_endpoint()
    given: Any = options | ({"endpoint": endpoint} if endpoint else {}) | settings.s3_credentials()

    def connect(timeout_s: float) -> Any:
        client: Any = {
            "connect_timeout": timedelta(seconds=_CONNECT_S),
            "timeout": timedelta(seconds=timeout_s),
            "allow_http": (endpoint or "").startswith("http://"),  # only what was asked for by name
        }
        try:
            return S3Store(bucket, prefix=prefix or None, client_options=client, retry_config=_retries(), **given)
        except (BaseError, ValueError):
            raise InputError(f"the store s3://{bucket} cannot be set up: check the bucket's name, the endpoint and the region") from None

    return connect


def _retries() -> Any:
    return {
        "max_retries": _RETRIES,
        "retry_timeout": timedelta(seconds=_RETRY_WITHIN_S),
        "backoff": {
            "init_backoff": timedelta(seconds=_FIRST_PAUSE_S),
            "max_backoff": timedelta(seconds=_LONGEST_PAUSE_S),
            "base": 2,
        },
    }


def _shared_secret(own: Store) -> bytes:
    """The secret that signs this folder's URLs: the same for every process that opens it, made by the first one."""
    if not own.exists(_SECRET_KEY):
        with suppress(AlreadyStored):  # by another process, just now
            own.put(_SECRET_KEY, os.urandom(MIN_SECRET_BYTES))
    return own.get(_SECRET_KEY)


def _no_link(key: str, ttl_s: int) -> str:  # noqa: ARG001 - the shape of a link
    raise StorageError(f"{key} is never handed out", kind="forbidden")


def _need_obstore(scheme: str) -> None:
    if find_spec("obstore") is None:
        raise SetupError(f"a {scheme} store needs the extra `service`: pip install 'kiln3d[service]', or use a folder")

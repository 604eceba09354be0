"""A server that checks signatures and conditions, named by KILN_TEST_S3 (s3://bucket/prefix?endpoint=...), with credentials in AWS_...."""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs

import pytest

from kiln.errors import AlreadyStored, StorageError
from kiln.storage import Store, open_store
from stores import S3

pytestmark = [pytest.mark.long, pytest.mark.skipif(not S3, reason="KILN_TEST_S3 names no S3-compatible store")]

PATIENCE_S = 15


@pytest.fixture
def store() -> Store:
    return open_store(S3)


@pytest.fixture
def keys(store: Store) -> Iterator[list[str]]:
    """Two keys with contents."""
    names = [f"test/{uuid.uuid4().hex}" for _ in range(2)]
    for name in names:
        store.put(name, name.encode(), media_type="image/png")
    yield names
    for name in names:
        store.delete(name)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the address is the tester's own
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def test_a_presigned_url_gives_the_content_and_its_type(store: Store, keys: list[str]) -> None:
    with urllib.request.urlopen(store.url(keys[0], ttl_s=60), timeout=30) as answer:  # noqa: S310 - the address is the tester's own
        assert (answer.read(), answer.headers["Content-Type"]) == (keys[0].encode(), "image/png")


@pytest.mark.parametrize(
    "change",
    [
        lambda url, keys: url[:-1] + ("0" if url[-1] != "0" else "1"),
        lambda url, keys: url.replace(keys[0], keys[1]),
        lambda url, keys: url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        lambda url, keys: url.partition("?")[0],
    ],
    ids=["signature", "key", "end", "unsigned"],
)
def test_a_changed_url_is_refused(store: Store, keys: list[str], change: Callable[[str, list[str]], str]) -> None:
    url = store.url(keys[0], ttl_s=60)
    assert change(url, keys) != url
    assert status(change(url, keys)) == 403


def test_an_expired_url_is_refused(store: Store, keys: list[str]) -> None:
    url, end = store.url(keys[0], ttl_s=1), time.monotonic() + PATIENCE_S
    while status(url) != 403:
        assert time.monotonic() < end
        threading.Event().wait(0.25)


def test_wrong_credentials_are_refused_without_being_told(monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-and-secret")
    with pytest.raises(StorageError, match="credentials") as error:
        open_store(S3).get(keys[0])
    assert error.value.kind == "forbidden"
    assert "wrong-and-secret" not in str(error.value)


def test_of_many_clients_one_wins() -> None:
    key, start, lost = f"test/{uuid.uuid4().hex}", threading.Barrier(6), []

    def write(number: int) -> None:
        mine = open_store(S3)
        start.wait(30)
        try:
            mine.put(key, f"writer {number}".encode())
        except AlreadyStored:
            lost.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    store = open_store(S3)
    won = int(store.get(key).split()[1])
    store.delete(key)
    assert sorted([*lost, won]) == list(range(6))


def test_what_may_be_seen_by_all_has_a_plain_url_and_nothing_else_does() -> None:
    """The bucket's policy is the one that docs/storage.md shows."""
    place, _, options = S3.partition("?")
    prefix = place.removeprefix("s3://")
    public = f"{parse_qs(options)['endpoint'][0]}/{prefix}"
    store, name = open_store(S3, public_url=public), uuid.uuid4().hex
    store.put(f"public/{name}.png", b"picture", media_type="image/png")
    store.put(f"uploads/{name}.png", b"private", media_type="image/png")
    try:
        url = store.url(f"public/{name}.png", ttl_s=60)
        assert url == f"{public}/public/{name}.png"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the address is the tester's own
            assert (answer.read(), answer.headers["Content-Type"]) == (b"picture", "image/png")
        assert status(f"{public}/uploads/{name}.png") == 403
        assert status(f"{public}/public/") in (403, 404)
        assert status(store.url(f"uploads/{name}.png", ttl_s=60)) == 200
    finally:
        for folder in ("public", "uploads"):
            store.delete(f"{folder}/{name}.png")


def test_parts_of_a_long_content_come_alone(store: Store) -> None:
    key, data = f"test/{uuid.uuid4().hex}", os.urandom(9 << 20)
    store.put(key, data)
    try:
        assert b"".join(store.stream(key)) == data
        assert b"".join(store.stream(key, start=5 << 20, stop=(5 << 20) + 7)) == data[5 << 20 : (5 << 20) + 7]
    finally:
        store.delete(key)


def test_a_long_content_goes_up_in_one_put_and_comes_back(store: Store) -> None:
    key, data = f"test/{uuid.uuid4().hex}", os.urandom(40 << 20)
    store.put(key, data)
    try:
        assert store.get(key) == data
    finally:
        store.delete(key)

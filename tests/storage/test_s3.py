"""S3's failures, one by one: what is tried again, what is said, and that no secret is in it. The server is ours, the client is real."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlparse

import pytest

from kiln.errors import AlreadyStored, InputError, StorageError
from kiln.storage import Store, connect, objects, open_store
from s3_server import Bucket, Fault, s3_server

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - Amazon's own example
Reading = Callable[[Store, str], bytes]
META = "x-amz-meta-sha256"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr(objects, "REQUEST_S", 1.0)
    monkeypatch.setattr(objects, "_PAUSES_S", (0.01, 0.02))
    monkeypatch.setattr(connect, "_RETRY_WITHIN_S", 1.0)
    monkeypatch.setattr(connect, "_FIRST_PAUSE_S", 0.01)
    with s3_server() as server:
        yield server


@pytest.fixture
def store(bucket: Bucket) -> Store:
    return open_store(f"s3://bucket/kiln/one?endpoint={bucket.url}&region=us-east-1")


def told(call: object, *arguments: object, kind: str) -> str:
    with pytest.raises(StorageError) as error:
        call(*arguments)  # type: ignore[operator]
    assert error.value.kind == kind
    text = f"{error.value!r} {error.value.__cause__!r}"
    assert "AKIDEXAMPLE" not in text and SECRET not in text
    return str(error.value)


def test_contents_lie_below_the_prefix_with_their_digest(store: Store, bucket: Bucket) -> None:
    stored = store.put("a/b.png", b"picture", media_type="image/png")
    body, headers = bucket.objects["kiln/one/a/b.png"]
    assert body == b"picture"
    assert (headers[META], headers["content-type"]) == (stored.sha256, "image/png")
    assert store.get("a/b.png") == b"picture"
    assert store.head("a/b.png") == stored
    assert list(store.keys("a")) == ["a/b.png"]
    store.delete("a/b.png")
    assert bucket.objects == {}


def test_another_bucket_in_the_same_place_is_not_seen(store: Store, bucket: Bucket) -> None:
    bucket.objects |= {"kiln/other/x": (b"", {}), "kiln/one/not a key": (b"", {})}
    store.put("mine", b"")
    assert list(store.keys()) == ["mine"]


def test_long_contents_come_and_go_in_one_put_and_several_gets(store: Store, bucket: Bucket) -> None:
    data = os.urandom((17 << 20) + 5)
    store.put("long", data)
    assert [line for line in bucket.asked if "uploads" in line] == []
    assert store.get("long") == data
    assert sum(line.startswith("GET") for line in bucket.asked) == 4


def test_a_flipped_bit_is_never_handed_out(store: Store, bucket: Bucket) -> None:
    store.put("a", b"content")
    body, headers = bucket.objects["kiln/one/a"]
    bucket.objects["kiln/one/a"] = (b"cont\x45nt", headers)
    told(store.get, "a", kind="damaged")
    told(next, store.stream("a"), kind="damaged")
    bucket.objects["kiln/one/a"] = (body, {})
    assert "not put there by Kiln" in told(store.get, "a", kind="damaged")


def test_the_first_of_two_writers_wins(store: Store) -> None:
    store.put("a", b"first")
    with pytest.raises(AlreadyStored):
        store.put("a", b"second")
    assert store.put("a", b"first").size == 5


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [500, 503, 0])
def test_a_passing_failure_is_not_noticed(store: Store, bucket: Bucket, method: str, status: int) -> None:
    store.put("a", b"content")
    bucket.faults = [Fault(method=method, times=2, status=status, code="SlowDown")]
    if method == "GET":
        assert store.get("a") == b"content"
    else:
        store.delete("a")
        assert bucket.objects == {}
    assert bucket.faults[0].times == 0


@pytest.mark.parametrize("after_doing", [False, True])
@pytest.mark.parametrize("status", [500, 503, 0])
def test_a_put_whose_answer_is_lost_is_put_once(store: Store, bucket: Bucket, status: int, after_doing: bool) -> None:
    bucket.faults = [Fault(method="PUT", times=1, status=status, after_doing=after_doing)]
    assert store.put("a", b"content").size == 7
    assert store.get("a") == b"content"


@pytest.mark.parametrize("size", [7, 9 << 20])
def test_a_put_that_breaks_off_halfway_is_put_whole_and_leaves_nothing_else(store: Store, bucket: Bucket, size: int) -> None:
    data = os.urandom(size)
    bucket.faults = [Fault(method="PUT", times=2, halfway=True)]
    store.put("a", data)
    assert bucket.objects["kiln/one/a"][0] == data
    assert list(bucket.objects) == ["kiln/one/a"]
    assert not any("upload" in line for line in bucket.asked)  # no parts, so nothing is left over that would have to be cleaned


def open_all(store: Store, key: str) -> bytes:
    with store.open(key) as file:
        return file.read()


@pytest.mark.parametrize("read", [Store.get, lambda store, key: b"".join(store.stream(key)), open_all])
@pytest.mark.parametrize("fault", [Fault(method="GET", times=2, halfway=True), Fault(method="GET", times=2, status=503)])
def test_a_read_that_breaks_off_halfway_is_gone_on_with(store: Store, bucket: Bucket, read: Reading, fault: Fault) -> None:
    data = os.urandom(9 << 20)
    store.put("a", data)
    bucket.faults = [replace(fault)]
    assert read(store, "a") == data
    assert bucket.faults[0].times == 0


def test_parts_are_asked_for_as_parts(store: Store, bucket: Bucket) -> None:
    data = os.urandom(9 << 20)
    store.put("a", data)
    bucket.asked.clear()
    assert b"".join(store.stream("a", start=5, stop=12)) == data[5:12]
    assert len(bucket.asked) == 2  # a look at what is there, and the bytes
    parts = store.stream("a")
    assert next(parts) == data[: 4 << 20]  # long before the whole is here


def test_a_damaged_content_is_never_handed_out_to_its_end(store: Store, bucket: Bucket) -> None:
    data = os.urandom(9 << 20)
    store.put("a", data)
    _, headers = bucket.objects["kiln/one/a"]
    bucket.objects["kiln/one/a"] = (b"X" + data[1:], headers)
    parts = store.stream("a")
    given = next(parts) + next(parts)
    told(next, parts, kind="damaged")
    assert len(given) < len(data)


def test_a_content_that_is_replaced_while_it_is_read_is_noticed(store: Store, bucket: Bucket) -> None:
    data = os.urandom(9 << 20)
    store.put("a", data)
    parts = store.stream("a", start=1)
    next(parts)
    bucket.objects["kiln/one/a"] = (data[::-1], bucket.objects["kiln/one/a"][1])
    assert "replaced while it was read" in told(next, parts, kind="damaged")


def test_a_content_that_is_too_long_for_one_put_is_refused_before_it_fills_the_disk(
    store: Store, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless:
        def read(self, size: int = -1) -> bytes:
            return b"x" * size

    monkeypatch.setattr(objects, "MAX_CONTENT_BYTES", 3 << 20)
    assert store.put("fits", b"x" * (3 << 20)).size == 3 << 20
    with pytest.raises(InputError, match=r"more than 0\.00292969 GiB, which is all that an object store takes at once"):
        store.put("a", Endless())  # type: ignore[arg-type]
    assert list(store.keys()) == ["fits"]


def test_a_conflict_of_two_writers_is_settled_by_trying_again(store: Store, bucket: Bucket) -> None:
    bucket.faults = [Fault(method="PUT", times=1, status=409, code="ConditionalRequestConflict")]
    assert store.put("a", b"content").size == 7


@pytest.mark.parametrize("method", ["PUT", "GET"])
@pytest.mark.parametrize("status", [503, 0])
def test_a_store_that_stays_away_is_given_up_in_time(store: Store, bucket: Bucket, method: str, status: int) -> None:
    bucket.faults = [Fault(method=method, times=1000, status=status, code="SlowDown")]
    started = time.monotonic()
    message = told(store.put, "a", b"content", kind="unavailable") if method == "PUT" else told(store.get, "a", kind="unavailable")
    assert "check the endpoint" in message
    assert time.monotonic() - started < 12
    assert bucket.objects == {}


@pytest.mark.parametrize("method", ["PUT", "GET"])
@pytest.mark.parametrize("code", ["AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId"])
def test_a_refusal_is_said_at_once(store: Store, bucket: Bucket, method: str, code: str) -> None:
    bucket.faults = [Fault(method=method, times=1000, status=403, code=code)]
    message = told(store.put, "a", b"", kind="forbidden") if method == "PUT" else told(store.get, "a", kind="forbidden")
    assert "credentials" in message and code in message
    assert 1000 - bucket.faults[0].times == 1


def test_a_server_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> None:
    store = open_store("s3://bucket?endpoint=http://127.0.0.1:9&region=us-east-1")
    told(store.get, "a", kind="unavailable")


def test_a_presigned_url_names_its_end_and_no_secret(store: Store) -> None:
    url = store.url("a/b.png", ttl_s=60)
    query = parse_qs(urlparse(url).query)
    assert urlparse(url).path == "/bucket/kiln/one/a/b.png"
    assert query["X-Amz-Expires"] == ["60"]
    assert SECRET not in url
    assert store.signer is None


def test_only_the_public_folder_has_plain_urls(bucket: Bucket) -> None:
    store = open_store(f"s3://bucket/kiln?endpoint={bucket.url}&region=us-east-1", public_url="https://cdn.example/kiln/")
    assert store.url("public/a.png", ttl_s=60) == "https://cdn.example/kiln/public/a.png"
    assert "X-Amz-Signature" in store.url("uploads/a.png", ttl_s=60)
    assert "X-Amz-Signature" in store.url("publicity/a.png", ttl_s=60)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://AKIDEXAMPLE:secret@bucket", "no credentials"),
        ("s3://", "bucket's name"),
        ("s3:///x", "bucket's name"),
        ("s3://bucket?endpint=x", "'endpint' is no option"),
        ("s3://bucket?x", "'x' is no option"),
        ("s3://[bucket", "no URL"),
        ("s3://bucket/../x", "no key"),
        ("gs://bucket", "gs:// is no store"),
        ("https://bucket", "https:// is no store"),
        ("file://host/x", "three slashes"),
        ("", "empty"),
        ("  ", "empty"),
    ],
)
def test_a_url_that_is_wrong_is_refused_without_repeating_secrets(bucket: Bucket, url: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        open_store(url)
    assert "secret@" not in str(error.value)


def test_a_bucket_that_is_not_there_is_not_an_empty_one(store: Store, bucket: Bucket) -> None:
    bucket.faults = [Fault(method=method, times=1000, status=404, code="NoSuchBucket") for method in ("GET", "PUT")]
    for call in (lambda: store.get("a"), lambda: store.put("a", b""), lambda: list(store.keys())):
        assert "no such bucket" in told(call, kind="unavailable")

from __future__ import annotations

import hashlib
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.http.conftest import Served
from kiln.faces.http.ranges import NoSuchBytes, Span, is_known, span_of

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several pieces of the store's


@pytest.fixture
def url(shared: Served) -> str:
    return f"/v1/artifacts/{shared.keep(CONTENT, name='out/asset.glb').id}"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=1048570-1048590", slice(1048570, 1048591)),
        ("bytes=3071990-", slice(3071990, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=0-99999999999", slice(0, None)),
        ("bytes=-99999999999", slice(0, None)),
    ],
)
def test_a_range_is_those_bytes(shared_client: httpx.Client, url: str, asked: str, found: slice) -> None:
    answer = shared_client.get(url, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == CONTENT[found]
    start, stop, _ = found.indices(len(CONTENT))
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "bytes=x-y", "bytes=1", "bytes = 1-2", "bytes= 1 - 2"]
)
def test_what_is_no_single_range_is_ignored(shared_client: httpx.Client, url: str, asked: str) -> None:
    answer = shared_client.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=3072000-", "bytes=9999999-99999999", "bytes=-0"])
def test_bytes_that_are_not_there_are_416(shared_client: httpx.Client, url: str, asked: str) -> None:
    answer = shared_client.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_etag_is_the_contents_sha256(shared_client: httpx.Client, url: str) -> None:
    etag = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    head = shared_client.head(url)
    assert (head.headers["ETag"], head.headers["Content-Length"], head.content) == (etag, str(len(CONTENT)), b"")
    for known in (etag, f"W/{etag}", "*", f'"other", {etag}'):
        assert shared_client.get(url, headers={"If-None-Match": known}).status_code == 304
    assert shared_client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert shared_client.get(url, headers={"Range": "bytes=0-9", "If-Range": etag}).status_code == 206
    assert shared_client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200


def test_a_content_never_runs_in_a_browser(shared_client: httpx.Client, url: str) -> None:
    headers = shared_client.get(url).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in headers["Content-Security-Policy"]


def test_an_empty_content_is_one(shared: Served, shared_client: httpx.Client) -> None:
    answer = shared_client.get(f"/v1/artifacts/{shared.keep(b'').id}")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")


def test_a_signed_url_needs_no_key_and_bears_no_change(served: Served) -> None:
    """Case 33."""
    file = served.keep(CONTENT)
    served.key("somebody")
    url = served.service.store.url(file.key, ttl_s=60)
    with served.client() as client:
        assert client.get(url).content == CONTENT
        assert client.get(url, headers={"Range": "bytes=-3"}).content == CONTENT[-3:]
        other = served.keep(b"another")
        for forged in (
            url.replace(file.key, other.key),
            url.replace("expires=", "expires=9"),
            url[:-1] + ("0" if url[-1] != "0" else "1"),
            url.replace("signature=", "signature=%00"),
            url.replace(file.key, "../private/url-secret"),
            url.replace(file.key, "%2e%2e/private/url-secret"),
            url.replace(file.key, f"{file.key}/../{other.key}"),
        ):
            assert client.get(forged).status_code in (403, 404, 401), forged
        assert client.get(url.partition("?")[0]).status_code == 422
        gone = served.service.store.url("blobs/00/" + "0" * 64, ttl_s=60)
        assert client.get(gone).status_code == 404


def test_a_damaged_content_is_never_handed_out(served: Served, client: httpx.Client) -> None:
    """Case 33: a flipped bit is told as a problem when it is in the first part, and breaks the answer off where it is later."""
    file = served.keep(CONTENT)
    path = next((served.service.data / "store" / "objects").glob(f"blobs/*/{file.sha256}@/{file.sha256}"))
    for place in (5, len(CONTENT) - 5):
        damaged = bytearray(CONTENT)
        damaged[place] ^= 1
        path.chmod(0o600)
        path.write_bytes(damaged)
        if place == 5:
            answer = client.get(f"/v1/artifacts/{file.id}")
            assert (answer.status_code, answer.json()["type"]) == (500, "urn:kiln:problem:stored-damaged")
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(f"/v1/artifacts/{file.id}")


@given(size=st.integers(0, 50), first=st.none() | st.integers(0, 60), last=st.none() | st.integers(0, 60))
def test_every_range_is_a_slice(size: int, first: int | None, last: int | None) -> None:
    """Against Python's own slices."""
    shown = ["" if number is None else str(number) for number in (first, last)]
    try:
        span = span_of({"range": f"bytes={shown[0]}-{shown[1]}"}, size=size, etag="x")
    except NoSuchBytes:
        assert (first is None and last == 0) or size == 0 or (first is not None and first >= size)
        return
    content = list(range(size))
    if span is None:
        assert (first is None and last is None) or (first is not None and last is not None and last < first)
    elif first is None:
        assert content[span.start : span.stop] == content[-(last or 0) :]
    else:
        assert content[span.start : span.stop] == content[first : None if last is None else last + 1]
    assert span is None or 0 <= span.start < span.stop <= size


def test_a_header_of_spaces_takes_no_time() -> None:
    began = time.process_time()
    for _ in range(20):
        assert span_of({"range": "bytes=" + " " * 32_000 + "x"}, size=5, etag="x") is None
    assert time.process_time() - began < 5  # s; it took 25


def test_spans_and_names_say_what_they_are() -> None:
    assert Span(start=2, stop=5, size=9).header == "bytes 2-4/9"
    assert Span(start=0, stop=9, size=9).is_whole
    assert not is_known({}, etag='"x"')

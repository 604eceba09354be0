"""URLs signed by HMAC: whoever changes one bit of them, or comes too late, gets nothing."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from kiln.errors import InputError, StorageError
from kiln.storage import Store, open_store
from kiln.storage.signed import UrlSigner

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(clock: Clock) -> UrlSigner:
    return UrlSigner(b"s" * 32, base_url="https://kiln.example/v1/files/", clock=clock)


def parts(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlparse(url).query).items()}


def refused(signer: UrlSigner, key: str, **given: str) -> bool:
    try:
        signer.check(key, **given)
    except StorageError as error:
        assert error.kind == "forbidden"
        return True
    return False


def test_a_url_is_good_for_its_key_until_it_expires(signer: UrlSigner, clock: Clock) -> None:
    url = signer.url("uploads/a.png", ttl_s=60)
    assert url.startswith("https://kiln.example/v1/files/uploads/a.png?expires=1800000060&signature=")
    clock.now += 59.9
    signer.check("uploads/a.png", **parts(url))
    clock.now += 0.1
    with pytest.raises(StorageError, match="expired"):
        signer.check("uploads/a.png", **parts(url))


def test_every_changed_digit_of_the_signature_is_refused(signer: UrlSigner) -> None:
    given = parts(signer.url("a", ttl_s=60))
    for place, digit in enumerate(given["signature"]):
        changed = given["signature"][:place] + ("0" if digit != "0" else "1") + given["signature"][place + 1 :]
        assert refused(signer, "a", expires=given["expires"], signature=changed)


def test_another_key_or_a_later_end_is_refused(signer: UrlSigner) -> None:
    given = parts(signer.url("a/b", ttl_s=60))
    assert refused(signer, "a/c", **given)
    assert refused(signer, "a", **given)
    assert refused(signer, "a/b", **{**given, "expires": "1800000061"})


@pytest.mark.parametrize("expires", ["", "-1", "1e12", "９", "9" * 13, "0x10", "1800000060\n", "nan", " 1800000060", "+1800000060"])
def test_a_strange_end_is_refused(signer: UrlSigner, expires: str) -> None:
    assert refused(signer, "a", **{**parts(signer.url("a", ttl_s=60)), "expires": expires})


@pytest.mark.parametrize("signature", ["", "é", "0" * 64, "\0", "A" * 100_000])
def test_a_strange_signature_is_refused(signer: UrlSigner, signature: str) -> None:
    assert refused(signer, "a", **{**parts(signer.url("a", ttl_s=60)), "signature": signature})


def test_another_secret_signs_otherwise(signer: UrlSigner, clock: Clock) -> None:
    other = UrlSigner(b"t" * 32, base_url="", clock=clock)
    assert refused(other, "a", **parts(signer.url("a", ttl_s=60)))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InputError, match="32 bytes"):
        UrlSigner(b"short", base_url="")


def test_every_process_that_opens_the_folder_accepts_its_urls(tmp_path: Path) -> None:
    first, second = (signer_of(open_store(str(tmp_path))) for _ in range(2))
    second.check("a", **parts(first.url("a", ttl_s=60)))
    other = signer_of(open_store(str(tmp_path / "other")))
    assert refused(other, "a", **parts(first.url("a", ttl_s=60)))


def test_the_secret_is_no_content_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert list(store.keys()) == []
    for folder in ("private", "drafts"):  # it passes through drafts
        assert (tmp_path / folder).stat().st_mode & 0o077 == 0


def signer_of(store: Store) -> UrlSigner:
    assert store.signer is not None
    return store.signer

"""Case 30 of the abuse list, as far as it needs no connection: which URLs may be asked at all, and which addresses are public."""

from __future__ import annotations

import threading
from ipaddress import ip_address

import pytest
from hypothesis import given, strategies

from kiln.errors import RefusedError
from kiln.intake.address import is_public
from kiln.intake.url import locate

PUBLIC = "93.184.216.34"

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - listed in order to be refused
    "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254", "172.16.0.1", "192.0.0.8",
    "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "::7f00:1", "::5db8:d822", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "::ffff:0:7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:5db8:d822::f5ff:fffe", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "2002:c0a8:101::1",
    "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "4000::1",
]  # fmt: skip

TRULY_PUBLIC = [PUBLIC, "8.8.8.8", "1.1.1.1", "2606:2800:220:1::1", "2a00:1450::1", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("text", PRIVATE)
def test_30_addresses_that_are_not_the_internet(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", TRULY_PUBLIC)
def test_30_addresses_that_are(text: str) -> None:
    assert is_public(ip_address(text))


@given(strategies.ip_addresses(v=4))
def test_30_wrapping_an_address_changes_nothing(inner: object) -> None:
    number = int(ip_address(str(inner)))
    wrapped = [number | 0xFFFF << 32, number | 0x64FF9B << 96, 0x2002 << 112 | number << 80]
    assert {is_public(ip_address(value.to_bytes(16))) for value in wrapped} == {is_public(ip_address(str(inner)))}


def public(host: str, port: int) -> list[str]:
    return [PUBLIC]


URLS = [
    "file:///etc/passwd", "ftp://a.example/x", "gopher://a.example/", "data:image/png;base64,AA", "javascript:alert(1)", "//a.example/x",
    "a.example/x", "", "http://", "http:///x", "http://user@a.example/", "http://user:secret@a.example/", "http://a.example@127.0.0.1/",
    "http://a.example:8080/", "http://a.example:443/", "https://a.example:80/", "http://a.example:22/", "http://a.example:99999/",
    "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.1/", "http://127.0.0.1./x",
    "http://1.2.3.4.5/", "http://[::1]/", "http://[fe80::1%25eth0]/", "http://[::ffff:127.0.0.1]/", "http://[::]/", "http://[127.0.0.1]/",
    "http://a.example\\@127.0.0.1/", "http://a.example /", "http://a.example/\r\nHost: b", "http://a..example/", "http://a_/\0",
    "http://-a.example/", "http://a.example%2f@b/", "http://" + "a" * 3000 + "/", "http://１２７.0.0.1/", "http://127。0。0。1/",
]  # fmt: skip


@pytest.mark.parametrize("text", URLS)
def test_30_urls_that_are_never_asked(text: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return [host if host[0].isdigit() or ":" in host else PUBLIC]

    with pytest.raises(RefusedError) as refused:
        locate(text, resolve=resolve)
    assert refused.value.reason == "address"
    assert "secret" not in str(refused.value)


def test_30_one_private_answer_among_public_ones_is_enough() -> None:
    with pytest.raises(RefusedError):
        locate("http://a.example/", resolve=lambda host, port: [PUBLIC, "10.0.0.1"])


def test_30_a_plain_url_is_located() -> None:
    target = locate("https://Bücher.example:443/a b?q=ü".replace(" ", "%20"), resolve=public)
    assert (target.host, target.port, target.path) == ("xn--bcher-kva.example", 443, "/a%20b?q=%C3%BC")
    assert [str(address) for address in target.addresses] == [PUBLIC]
    assert locate("http://[2606:2800:220:1::1]/", resolve=lambda host, port: [host]).host_header == "[2606:2800:220:1::1]"


def test_30_a_resolver_that_hangs_is_left_alone() -> None:
    never = threading.Event()
    with pytest.raises(RefusedError) as refused:
        locate("http://a.example/", resolve=lambda host, port: never.wait(1) or [PUBLIC], within_s=0.05)
    assert refused.value.reason == "unreachable"

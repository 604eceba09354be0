"""Case 30 of the abuse list, with real servers: on loopback, which only the test's `connect` takes a public address to."""

from __future__ import annotations

import re
import resource
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hostile import png
from kiln.errors import RefusedError
from kiln.intake.connection import Network
from kiln.intake.fetch import FetchLimits, fetch
from kiln.intake.sniff import sniff
from kiln.intake.webhook import check_webhook_url, post_webhook

PUBLIC, OTHER, METADATA = "93.184.216.34", "93.184.216.35", "169.254.169.254"
HOSTS = {"a.example": [PUBLIC], "b.example": [OTHER], "inside.example": [METADATA]}

PICTURE = png(16, 16)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
WHOLE = OK + b"Content-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE

Answer = Callable[[socket.socket], None]


def whole_request(sock: socket.socket) -> bytes:
    """Head and body: a server that answers before it has read all resets the connection."""
    data = b""
    while (piece := sock.recv(65_536)) and (data := data + piece):
        head, ends, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if ends and len(body) >= (int(length[1]) if length else 0):
            break
    return data


class Server:
    """Answers each connection with the next of its answers, and remembers what it was asked, and at which public address."""

    def __init__(self, answers: Sequence[bytes | Answer], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[bytes] = []
        self.places: list[tuple[str, int]] = []
        self._answers, self._tls = list(answers), tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def connect(self, place: tuple[str, int], timeout_s: float) -> socket.socket:
        self.places.append(place)
        return socket.create_connection(self._listening.getsockname(), timeout=timeout_s)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            with suppress(OSError), plain:
                self._answer(plain, answer)

    def _answer(self, plain: socket.socket, answer: bytes | Answer) -> None:
        plain.settimeout(10)
        sock = plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)
        with sock:
            self.asked.append(whole_request(sock))
            if callable(answer):
                answer(sock)
            else:
                sock.sendall(answer)


def network(server: Server, resolve: Callable[[str, int], Sequence[str]] = lambda host, port: HOSTS[host]) -> Network:
    return Network(resolve=resolve, connect=server.connect)


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@contextmanager
def refused(reason: str) -> Iterator[pytest.ExceptionInfo[RefusedError]]:
    with pytest.raises(RefusedError) as found:
        yield found
    assert found.value.reason == reason
    assert "169.254" not in str(found.value)


def test_a_picture_arrives_from_the_address_that_was_checked(tmp_path: Path) -> None:
    with Server([WHOLE]) as server:
        path = fetch("http://a.example/x.png?size=1", tmp_path / "x", network=network(server))
    assert path.read_bytes() == PICTURE
    assert sniff(path).kind == "png"
    assert server.places == [(PUBLIC, 80)]
    assert server.asked[0].startswith(b"GET /x.png?size=1 HTTP/1.1\r\n")
    assert b"Host: a.example\r\n" in server.asked[0]


def test_redirects_are_followed_each_to_its_own_checked_address(tmp_path: Path) -> None:
    with Server([redirect("/y"), redirect("http://b.example/z"), WHOLE]) as server:
        fetch("http://a.example/x", tmp_path / "x", network=network(server))
    assert server.places == [(PUBLIC, 80), (PUBLIC, 80), (OTHER, 80)]


@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest/meta-data/", "http://inside.example/", "file:///etc/passwd", "http://[::1]/"]
)
def test_30_redirects_into_our_network_are_not_followed(tmp_path: Path, to: str) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        return HOSTS.get(host, [host])

    with Server([redirect(to), WHOLE]) as server, refused("address"):
        fetch("http://a.example/x", tmp_path / "x", network=network(server, resolve))
    assert server.places == [(PUBLIC, 80)]
    assert not (tmp_path / "x").exists()


def test_30_a_fourth_redirect_is_one_too_many(tmp_path: Path) -> None:
    with Server([redirect("/")] * 5) as server, refused("unreachable"):
        fetch("http://a.example/x", tmp_path / "x", network=network(server))
    assert len(server.places) == 4


def test_30_rebinding_the_name_changes_nothing(tmp_path: Path) -> None:
    """The resolver's second answer is private: nobody asks for it while connecting, and a redirect that asks again is refused."""
    answers = [[PUBLIC], [METADATA]]
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), 2) - 1]

    with Server([WHOLE]) as server:
        fetch("http://a.example/x", tmp_path / "x", network=network(server, resolve))
    assert (asked, server.places) == (["a.example"], [(PUBLIC, 80)])
    asked.clear()
    with Server([redirect("/again"), WHOLE]) as server, refused("address"):
        fetch("http://a.example/x", tmp_path / "y", network=network(server, resolve))
    assert server.places == [(PUBLIC, 80)]


def endless(head: bytes, piece: bytes, pause_s: float = 0.0) -> Answer:
    def answer(sock: socket.socket) -> None:
        sock.sendall(head)
        while True:
            sock.sendall(piece)
            time.sleep(pause_s)

    return answer


MIB = bytes(1 << 20)


@pytest.mark.parametrize(
    "answer",
    [
        endless(OK + b"\r\n", MIB),
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + MIB + b"\r\n"),
        OK + b"Content-Length: 1073741824\r\n\r\n",
    ],
    ids=["no length", "chunked", "declared 1 GiB"],
)
def test_30_an_endless_body_costs_neither_memory_nor_disk(tmp_path: Path, answer: bytes | Answer) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Server([answer]) as server, refused("size"):
        fetch("http://a.example/x", tmp_path / "x", network=network(server))
    assert not (tmp_path / "x").exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


def silent(sock: socket.socket) -> None:
    with suppress(OSError):
        while sock.recv(1):
            pass


@pytest.mark.parametrize(
    "answer",
    [
        silent,
        endless(OK + b"\r\n", b"x", 0.02),
        endless(OK, b"X-Slow: 1\r\n", 0.02),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n", 0.02),
    ],
    ids=["silence", "body by drops", "headers by drops", "continue for ever", "trailers by drops"],
)
def test_30_a_slow_server_is_hung_up_on(tmp_path: Path, answer: Answer) -> None:
    started = time.monotonic()
    with Server([answer]) as server, refused("effort") if answer is silent else pytest.raises(RefusedError):
        fetch("http://a.example/x", tmp_path / "x", network=network(server), limits=FetchLimits(seconds=0.5))
    assert time.monotonic() - started < 2
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsecret",
        b"HTTP/1.1 206 Partial Content\r\n\r\n",
        b"nothing of the kind\r\n\r\n",
        b"",
        OK + b"Content-Encoding: gzip\r\n\r\n",
        OK + b"Content-Length: 100\r\n\r\nshort",
        OK + b"X" * 70_000,
        OK + b"X-Many: 1\r\n" * 200 + b"\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        redirect(""),
    ],
)
def test_30_what_goes_wrong_is_said_in_our_own_words(tmp_path: Path, answer: bytes) -> None:
    with Server([answer] * 4) as server, refused("unreachable") as found:
        fetch("http://a.example/x", tmp_path / "x", network=network(server))
    assert "secret" not in str(found.value)
    assert not (tmp_path / "x").exists()


def test_a_name_that_is_not_there_and_a_port_that_is_closed(tmp_path: Path) -> None:
    def refuse(place: tuple[str, int], timeout_s: float) -> socket.socket:
        raise ConnectionRefusedError

    with refused("unreachable"):
        fetch("http://a.example/x", tmp_path / "x", network=Network(resolve=lambda host, port: [], connect=refuse))
    with refused("unreachable"):
        fetch("http://a.example/x", tmp_path / "x", network=Network(resolve=lambda host, port: [PUBLIC], connect=refuse))


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(FileExistsError):
        fetch("http://a.example/x", tmp_path / "x")
    assert (tmp_path / "x").read_text() == "mine"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side that shows a certificate for a.example, and a client's that trusts it."""
    key = tmp_path_factory.mktemp("tls") / "key.pem"
    certificate = key.with_name("certificate.pem")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2", "-nodes")
    subject = ("-subj", "/CN=a.example", "-addext", "subjectAltName=DNS:a.example")
    subprocess.run(["openssl", "req", *kind, *subject, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    return serving, ssl.create_default_context(cafile=str(certificate))


def test_https_checks_the_certificate_against_the_name_not_the_address(tmp_path: Path, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    serving, trusting = tls
    names: list[str | None] = []
    serving.sni_callback = lambda sock, name, context: names.append(name)
    with Server([WHOLE, WHOLE, WHOLE], serving) as server:
        ours = Network(resolve=lambda host, port: HOSTS[host], connect=server.connect, tls=trusting)
        assert fetch("https://a.example/x", tmp_path / "x", network=ours).read_bytes() == PICTURE
        with refused("unreachable"):
            fetch("https://b.example/x", tmp_path / "y", network=ours)
        with refused("unreachable"):
            fetch("https://a.example/x", tmp_path / "y", network=network(server))
    assert names[:2] == ["a.example", "b.example"]
    assert server.places == [(PUBLIC, 443), (OTHER, 443), (PUBLIC, 443)]


def test_30_a_tls_handshake_that_never_ends_is_hung_up_on(tmp_path: Path) -> None:
    with Server([silent]) as server, refused("effort"):
        fetch("https://a.example/x", tmp_path / "x", network=network(server), limits=FetchLimits(seconds=0.5))


# --- webhooks ---


def test_30_webhooks_are_https_to_public_hosts() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        return HOSTS.get(host, [host])

    network = Network(resolve=resolve, connect=never)
    assert check_webhook_url("https://a.example/hook", network=network).path == "/hook"
    for text in ("http://a.example/hook", "https://a.example:8443/hook", "https://169.254.169.254/", "https://inside.example/"):
        with refused("address"):
            check_webhook_url(text, network=network)
        with refused("address"):
            post_webhook(text, b"{}", headers={}, network=network)


def test_30_webhooks_go_to_private_hosts_only_where_the_operator_has_named_them() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        return HOSTS.get(host, [host])

    network = Network(resolve=resolve, connect=never, own_hosts=frozenset({"inside.example", "10.1.2.3:8443"}))
    assert check_webhook_url("https://INSIDE.example/hook", network=network).host_header == "inside.example"
    assert check_webhook_url("https://10.1.2.3:8443/hook", network=network).host_header == "10.1.2.3:8443"
    for text in ("http://inside.example/", "https://inside.example:8443/", "https://10.1.2.3/", "https://10.1.2.4:8443/", "https://a.b:0/"):
        with refused("address"):
            check_webhook_url(text, network=network)


def never(place: tuple[str, int], timeout_s: float) -> socket.socket:
    raise AssertionError(place)


def test_30_a_webhook_is_posted_to_the_checked_address_and_redirects_are_an_answer(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    serving, trusting = tls
    with Server([b"HTTP/1.1 204 No Content\r\n\r\n", redirect("https://169.254.169.254/"), b""], serving) as server:
        ours = Network(resolve=lambda host, port: HOSTS[host], connect=server.connect, tls=trusting)
        assert post_webhook("https://a.example/hook?job=1", b'{"a": 1}', headers={"Kiln-Signature": "x"}, network=ours) == 204
        assert post_webhook("https://a.example/hook", b"{}", headers={}, network=ours) == 302
        with refused("unreachable"):
            post_webhook("https://a.example/hook", b"{}", headers={}, network=ours)
    assert server.places == [(PUBLIC, 443)] * 3
    assert server.asked[0].startswith(b"POST /hook?job=1 HTTP/1.1\r\n")
    assert server.asked[0].count(b"\r\nHost: a.example\r\n") == server.asked[0].count(b"Host") == 1
    assert b"\r\nKiln-Signature: x\r\n" in server.asked[0]

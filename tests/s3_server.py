"""A small S3 server for tests, which can be told to fail: enough of the protocol for Store, every signature unchecked."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>secret AKIDEXAMPLE</Message></Error>"


@dataclass
class Fault:
    """What happens to the next requests of one method."""

    method: str
    times: int
    status: int = 0
    """0: the connection is reset."""

    code: str = "InternalError"
    after_doing: bool = False
    """The request is carried out, and only its answer is lost."""

    halfway: bool = False
    """The connection is reset when half of the body, the request's or the answer's, has gone by."""


@dataclass
class Bucket:
    """What is kept, what was asked, and what goes wrong next."""

    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    url: str = ""

    def fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and fault.times > 0:
                fault.times -= 1
                return fault
        return None


@contextmanager
def s3_server() -> Iterator[Bucket]:
    """A server on a free port of this machine, until the block ends."""
    bucket = Bucket()

    class Handler(_Handler):
        kept = bucket

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    bucket.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    kept: Bucket
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        fault = self.kept.fault(self.command)
        body = self.rfile.read(length // 2 if fault is not None and fault.halfway else length)
        self.kept.asked.append(f"{self.command} {self.path}")
        if fault is not None and fault.halfway:
            self._break_off(body)
        elif fault is not None:
            if fault.after_doing:
                self._do(body)
            if fault.status == 0:
                self._reset()
            else:
                self._answer(fault.status, ERROR.format(code=fault.code).encode())
        else:
            self._answer(*self._do(body))

    do_GET = do_PUT = do_HEAD = do_POST = _serve  # noqa: N815 - the names are the base class's

    def _do(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        url = urlparse(self.path)
        key = unquote(url.path).partition("/bucket/")[2]
        if self.command == "PUT":
            return self._put(key, body)
        if self.command == "POST":
            return self._delete(body.decode())
        if not key:
            return 200, self._listing(parse_qs(url.query)), {"Content-Type": "application/xml"}
        return self._get(key)

    def _put(self, key: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        if self.headers.get("If-None-Match") == "*" and key in self.kept.objects:
            return 412, ERROR.format(code="PreconditionFailed").encode(), {}
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.kept.objects[key] = (
            body,
            {name: headers[name] for name in headers if name.startswith("x-amz-meta-") or name == "content-type"},
        )
        return 200, b"", {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}  # noqa: S324 - what S3 calls an ETag

    def _delete(self, body: str) -> tuple[int, bytes, dict[str, str]]:
        """DeleteObjects, which obstore also uses for one."""
        names = re.findall(r"<Key>(.*?)</Key>", body)
        for key in names:
            self.kept.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in names)
        return 200, f"<?xml version='1.0'?><DeleteResult>{deleted}</DeleteResult>".encode(), {"Content-Type": "application/xml"}

    def _get(self, key: str) -> tuple[int, bytes, dict[str, str]]:
        if key not in self.kept.objects:
            return 404, ERROR.format(code="NoSuchKey").encode(), {}
        body, headers = self.kept.objects[key]
        if self.headers.get("If-Match") not in (None, f'"{hashlib.md5(body).hexdigest()}"'):  # noqa: S324 - what S3 calls an ETag
            return 412, ERROR.format(code="PreconditionFailed").encode(), {}
        common = {**headers, "ETag": f'"{hashlib.md5(body).hexdigest()}"', "Last-Modified": formatdate(usegmt=True)}  # noqa: S324
        asked = self.headers.get("Range")
        if asked is None:
            return 200, body, common
        start, end = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        return 206, body[start : end + 1], {**common, "Content-Range": f"bytes {start}-{min(end, len(body) - 1)}/{len(body)}"}

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        prefix, after = query.get("prefix", [""])[0], query.get("start-after", [""])[0]
        entries = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-11-20T12:00:00.000Z</LastModified><ETag>e</ETag><Size>{len(body)}</Size></Contents>"
            for key, (body, _) in sorted(self.kept.objects.items())
            if key.startswith(prefix) and key > after
        )
        return f"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _break_off(self, half: bytes) -> None:
        """Of a GET, give half of the answer; of all else, do nothing with the half that came."""
        if self.command == "GET":
            status, body, headers = self._do(half)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
        self._reset()

    def _reset(self) -> None:
        """End the connection as a machine that dies does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

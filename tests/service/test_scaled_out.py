"""Kiln as a studio runs it: PostgreSQL, an S3 server that checks signatures, one service open to the network, two workers with folders
of their own, API keys, the command line as a client from elsewhere; and then these break, one after the other, in the middle of work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import served
from jobs import postgres
from jobs.upkeep.test_postman import Hook, a_hook
from lanes import linux
from service.harness import House, house, picture, wait_until
from service.link import Link
from stores import S3

pytestmark = [
    linux,
    pytest.mark.long,
    pytest.mark.skipif(not S3, reason="KILN_TEST_S3 names no S3 server: `tests/ceph_rgw.sh start FOLDER` starts one"),
]

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested

AWAY_S = 20.0
"""How long the store is out of reach."""

JOBS = 16


@dataclass
class Studio:
    """All that runs, and what opens it."""

    kiln: House
    link: Link
    database: postgres.Server
    hook: Hook
    workers: dict[str, subprocess.Popen[str]]

    def client(self, *arguments: object, key: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command on a machine that knows the service's address and a key, and neither database nor store."""
        assert self.kiln.server is not None and self.kiln.api_key is not None
        nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        return served.kiln(*arguments, cwd=self.desk, KILN_SERVER=self.kiln.server.url, KILN_API_KEY=key or self.kiln.api_key, **nothing)

    def done(self, *arguments: object) -> str:
        """What a client's command says that must go well."""
        ended = self.client(*arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    @property
    def desk(self) -> Path:
        """The folder of the machine with the client."""
        folder = self.kiln.folder / "desk"
        folder.mkdir(exist_ok=True)
        return folder

    def key(self, *arguments: object) -> str:
        """A new key, made by the operator."""
        made = self.kiln.command("keys", "create", *arguments)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server inside the studio, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    request = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", f"{path}.crt")
    subprocess.run([*request, *names], check=True, capture_output=True, timeout=60)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[Studio]:
    """The whole of it; at the end every promise must have been kept."""
    folder = tmp_path_factory.mktemp("studio")
    link = a_link()
    with postgres.server() as database, a_hook(certificate, 204) as hook:
        environment = {
            "KILN_STORE": address_over(link, prefix=f"studio-{folder.name}-{os.getpid()}"),
            "KILN_PRICES": str(folder / "data" / "prices.toml"),
            "KILN_WEBHOOK_HOSTS": f"localhost:{hook.place[1]}",
            "SSL_CERT_FILE": f"{certificate}.crt",
        }
        with house(folder, database_url=database.url, **environment) as kiln:
            built = Studio(kiln=kiln, link=link, database=database, hook=hook, workers={})
            open_to_the_network(built)
            yield built
            kiln.assert_sound()
    link.close()


def a_link() -> Link:
    """To the S3 server that KILN_TEST_S3 names."""
    endpoint = urlsplit(parse_qs(urlsplit(S3).query)["endpoint"][0])
    assert endpoint.hostname is not None
    return Link(endpoint.hostname, endpoint.port or 80)


def address_over(link: Link, *, prefix: str) -> str:
    """The store's URL, over a link."""
    place, asked = urlsplit(S3), parse_qs(urlsplit(S3).query)
    region = f"&region={asked['region'][0]}" if "region" in asked else ""
    return f"s3://{place.netloc}/{prefix}?endpoint=http://127.0.0.1:{link.port}{region}"


def open_to_the_network(studio: Studio) -> None:
    """Two variables, a key, a service and two workers; without the key, the service does not start."""
    refused = studio.kiln.command("serve", "--host", EVERYWHERE, "--port", 0, "--no-worker")
    assert refused.returncode == 4 and "kiln keys create" in refused.stderr
    studio.kiln.api_key = studio.key("--scope", "admin", "--name", "operator")
    studio.kiln.serve("--host", EVERYWHERE, "--no-worker")
    for name in ("east", "west"):
        studio.workers[name] = studio.kiln.worker(name)


def test_only_keys_open_it_and_only_what_they_are_for(studio: Studio) -> None:
    reader = studio.key("--scope", "read")
    assert studio.client("jobs", "list", key=reader).returncode == 0
    (studio.desk / "ball.png").write_bytes(picture())
    assert studio.client("make", "ball.png", key=reader).returncode == 4
    assert "revoked" in studio.done("keys", "revoke", reader.split("_")[1])
    closed = studio.client("jobs", "list", key=reader)
    assert closed.returncode == 4 and "revoked" in closed.stderr
    assert reader not in closed.stderr + closed.stdout
    assert studio.kiln.ask("GET", "/v1/jobs", headers={"Authorization": ""}).status_code == 401


def test_the_command_line_is_the_same_from_afar(studio: Studio) -> None:
    (studio.desk / "ball.png").write_bytes(picture())
    before = studio.link.requests["GET blobs"]
    quick = ("--unwrap-size", 256, "--no-previews")
    job_id = studio.done("make", "ball.png", "--triangles", 400, *quick, "--detach").strip()
    assert "export" in studio.client("jobs", "watch", job_id).stderr
    for folder in ("out", "again"):
        studio.done("jobs", "download", job_id, "--out", folder)
    assert files_under(studio.desk / "out" / "ball") == files_under(studio.desk / "again" / "ball") != {}
    assert studio.client("check", "out/ball").returncode in (0, 6)
    assert "Triangles" in studio.done("inspect", "out/ball/ball.glb")
    studio.done("process", "out/ball/ball.glb", "--triangles", 200, "--name", "small", *quick)
    studio.done("export", "out/ball", "--engine", "godot", "--out", "exported")
    assert (studio.desk / "exported" / "ball" / "godot").is_dir()
    assert job_id in studio.done("jobs", "list") and "small" in studio.done("assets", "list")
    assert studio.client("jobs", "cancel", job_id).returncode == 3
    assert studio.link.requests["GET blobs"] > before
    assert studio.link.bearers == 0, "Kiln's own key went to the object store"


def test_an_artifact_s_headers_come_from_the_service_and_its_bytes_from_the_store(studio: Studio) -> None:
    path = f"/v1/artifacts/{studio.kiln.upload()}"
    head = studio.kiln.ask("HEAD", path, follow_redirects=True)
    assert (head.status_code, int(head.headers["Content-Length"])) == (200, len(picture()))
    found = studio.kiln.ask("GET", path)
    assert found.status_code == 307 and urlsplit(found.headers["Location"]).port == studio.link.port
    assert studio.kiln.ask("GET", path, follow_redirects=True).content == picture()
    assert studio.link.bearers == 0


def test_a_batch_s_bad_item_fails_alone_and_a_budget_holds_for_all(studio: Studio) -> None:
    (studio.desk / "ball.png").write_bytes(picture())
    order = studio.kiln.order(studio.kiln.upload(), number=100)
    items = [{key: order[key] for key in ("recipe", "inputs", "parameters")}, {"recipe": "no-such", "inputs": {"picture_0": "ball.png"}}]
    (studio.desk / "two.json").write_text(json.dumps(items))
    batch_id = studio.done("batches", "submit", "two.json").strip()
    wait_until(lambda: "1 failed, 1 succeeded" in studio.done("batches", "show", batch_id))
    spent = studio.kiln.ask("GET", "/v1/usage").json()["spent_microdollars"]
    assert spent == 7, "workers charge what the service has held"
    assert studio.kiln.command("limits", "budget", "0.000010").returncode == 0
    refused = studio.kiln.ask("POST", "/v1/jobs", json=studio.kiln.order(studio.kiln.upload(), number=101))
    assert (refused.status_code, refused.headers["Content-Type"]) == (402, "application/problem+json")
    assert studio.kiln.command("limits", "budget", "none").returncode == 0


def test_webhooks_go_to_the_studio_s_own_server_and_to_no_other_inside(studio: Studio) -> None:
    order = studio.kiln.order(studio.kiln.upload(), number=102)
    for url in ("https://localhost/", "https://127.0.0.1/", f"https://127.0.0.1:{studio.hook.place[1]}/", "https://169.254.169.254/"):
        refused = studio.kiln.ask("POST", "/v1/jobs", json={**order, "webhook_url": url})
        assert refused.status_code == 422 and "KILN_WEBHOOK_HOSTS" in refused.text
    job_id = studio.kiln.submit({**order, "webhook_url": f"https://localhost:{studio.hook.place[1]}/kiln"})
    wait_until(lambda: studio.hook.told)
    assert json.loads(studio.hook.told[0][1])["data"]["id"] == job_id


def test_a_worker_the_database_and_the_store_break_and_nothing_is_lost(studio: Studio) -> None:
    file_id = studio.kiln.upload()
    orders = {number: studio.kiln.order(file_id, number=number, deed="wait", seconds=1.0) for number in range(JOBS)}
    with ThreadPoolExecutor(4) as pool:
        job_ids = list(pool.map(lambda number: studio.kiln.submit(orders[number], key=f"order-{number}"), orders))
    wait_until(lambda: len(studio.kiln.diary()) >= 2)
    os.kill(studio.workers["west"].pid, signal.SIGKILL)
    wait_until(lambda: len(studio.kiln.diary("ends")) >= 4)
    studio.database.stop(at_once=True)
    time.sleep(3)
    studio.database.start()
    studio.workers["west"] = studio.kiln.worker("west")
    studio.link.cut()
    time.sleep(AWAY_S)
    studio.link.mend()
    for job_id in job_ids:
        studio.kiln.wait_for(job_id, "succeeded", within_s=300)
    assert [studio.kiln.submit(orders[number], key=f"order-{number}") for number in orders] == job_ids
    kept = studio.done("jobs", "download", job_ids[-1], "--out", "after")
    assert "triangles" in kept


def files_under(folder: Path) -> dict[str, bytes]:
    """Contents by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

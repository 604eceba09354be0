from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from faces.http.conftest import Served
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure


def test_a_job_is_taken_shown_listed_and_cancelled(served: Served, client: httpx.Client) -> None:
    answer = client.post("/v1/jobs", json=served.order())
    assert answer.status_code == 202
    job = answer.json()["job"]
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["queue_position"], job["results"]) == ("queued", 0, {})
    assert client.get(answer.headers["Location"]).json() == job
    assert [listed["id"] for listed in client.get("/v1/jobs").json()["jobs"]] == [job["id"]]
    assert client.post(f"/v1/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert client.get("/v1/jobs", params={"state": "queued"}).json()["jobs"] == []


def test_fifty_at_once_under_one_key_are_one_job(served: Served, client: httpx.Client) -> None:
    """Case 17."""
    order = served.order()
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: client.post("/v1/jobs", json=order, headers={"Idempotency-Key": "once"}), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job"]["id"] for answer in answers}) == 1
    assert sum(answer.json()["created"] for answer in answers) == 1
    other = client.post("/v1/jobs", json={**order, "parameters": {"simplify": {"triangles": 2000}}}, headers={"Idempotency-Key": "once"})
    assert other.status_code == 409
    assert other.json()["type"] == "urn:kiln:problem:conflict"


def test_pages_follow_each_other_without_gap_or_repeat(served: Served, client: httpx.Client) -> None:
    made = [served.queued().id for _ in range(5)]
    found, cursor = [], None
    while True:
        page = client.get("/v1/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [job["id"] for job in page["jobs"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == made[::-1]


def test_results_are_links_and_failures_have_reasons(shared: Served, shared_client: httpx.Client) -> None:
    done = shared.service.jobs.start(shared.queued(), executor_id="me")
    file = shared.keep(b"a package", name="out/a.zip", job=done)
    shared.service.jobs.succeed(done, results={file.name: file.id}, measured=[])
    shown = shared_client.get(f"/v1/jobs/{done.id}").json()
    assert shared_client.get(shown["results"]["out/a.zip"]["url"]).content == b"a package"
    failed = shared.service.jobs.fail(shared.queued(), Failure(reason=FailureReason.OOM, message="too large: make it smaller"))
    assert shared_client.get(f"/v1/jobs/{failed.id}").json()["failure"] == {"reason": "oom", "message": "too large: make it smaller"}


def test_only_what_failed_or_was_cancelled_is_tried_again(shared: Served, shared_client: httpx.Client) -> None:
    job = shared.queued()
    assert shared_client.post(f"/v1/jobs/{job.id}/retry").status_code == 409
    shared.service.cancel(job.id)
    again = shared_client.post(f"/v1/jobs/{job.id}/retry").json()["job"]
    assert again["id"] != job.id
    assert again["inputs"] == dict(job.request.inputs)
    assert shared_client.post(f"/v1/jobs/{job.id}/cancel").json()["state"] == "cancelled"
    done = shared.service.jobs.start(shared.queued(), executor_id="me")
    shared.service.jobs.succeed(done, results={}, measured=[Charge(item="gpu", microdollars=0)])
    assert shared_client.post(f"/v1/jobs/{done.id}/cancel").status_code == 409


def test_the_first_in_the_queue_knows_it(served: Served, client: httpx.Client) -> None:
    first, second = served.queued(), served.queued()
    urgent = client.post("/v1/jobs", json={**served.order(), "priority": -1}).json()["job"]
    positions = [client.get(f"/v1/jobs/{job_id}").json()["queue_position"] for job_id in (urgent["id"], first.id, second.id)]
    assert positions == [0, 1, 2]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"priority": 1000}, "/priority"),
        ({"kind": "bake"}, "/kind"),
        ({"inputs": {"picture_0": "../../etc/passwd"}}, "/inputs/picture_0"),
        ({"colour": "red"}, "/colour"),
        ({"parameters": {"job": {"prompt": "\ud800"}}}, "/parameters"),
    ],
)
def test_what_is_wrong_is_pointed_at(shared_client: httpx.Client, body: dict[str, object], pointer: str) -> None:
    answer = shared_client.post("/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


def test_a_fault_that_only_the_recipe_knows_is_pointed_at(shared: Served, shared_client: httpx.Client) -> None:
    order = shared.order()
    for wrong, pointer in (
        ({"parameters": {"simplify": {"triangles": -1}}}, "/parameters/simplify/triangles"),
        ({"parameters": {"simplify": {"angles": 1}}}, "/parameters/simplify/angles"),
        ({"parameters": {"bakery": {}}}, "/parameters/bakery"),
        ({"parameters": {"job": {"views": ["top"]}}}, "/parameters/job/views"),
        ({"inputs": {"picture_0": "file_" + "0" * 24}}, "/inputs/picture_0"),
        ({"inputs": {"front": order["inputs"]["picture_0"]}}, "/inputs/front"),
        ({"recipe": "pudding"}, "/recipe"),
        ({"inputs": {}}, "/inputs"),
        ({"inputs": {"picture_1": order["inputs"]["picture_0"]}}, "/inputs"),
        ({"inputs": {**order["inputs"], "cutout.mast": order["inputs"]["picture_0"]}}, "/inputs/cutout.mast"),
        ({"batch_id": "batch_0"}, "/batch_id"),
        ({"webhook_url": "https://127.0.0.1/"}, "/webhook_url"),
    ):
        answer = shared_client.post("/v1/jobs", json={**order, **wrong})
        assert answer.status_code == 422
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer], answer.text


@pytest.mark.parametrize("prompt", ["{{7*7}} ${7*7} $(id) `id` %s {0}", "\x1b[31mred\r\nSet-Cookie: a=b", "<script>alert(1)</script>\x00"])
def test_a_prompt_is_only_text(shared: Served, shared_client: httpx.Client, prompt: str) -> None:
    """Case 31: what was given is kept as it is, evaluated by nobody, and steers nothing."""
    answer = shared_client.post("/v1/jobs", json={**shared.order(), "parameters": {"job": {"prompt": prompt}}})
    assert answer.status_code == 202
    assert "Set-Cookie" not in answer.headers
    assert shared_client.get(answer.headers["Location"]).json()["parameters"]["job"]["prompt"] == prompt
    assert not {"\x1b", "\x00"} & set(answer.text)


@pytest.mark.parametrize(("length", "status"), [(5_000, 422), (500_000, 422), (2_000_000, 413)])
def test_a_long_prompt_is_refused(shared: Served, shared_client: httpx.Client, length: int, status: int) -> None:
    answer = shared_client.post("/v1/jobs", json={**shared.order(), "parameters": {"job": {"prompt": "x" * length}}})
    assert answer.status_code == status
    assert len(answer.text) < 5_000


def test_a_quote_makes_no_job(served: Served, client: httpx.Client) -> None:
    order = {"inputs": served.order()["inputs"]}
    assert client.post("/v1/jobs/quote", json=order).json() == {"charges": [], "microdollars": 0}
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_webhook_must_lead_to_the_internet(shared: Served, shared_client: httpx.Client) -> None:
    for url in ("https://127.0.0.1/", "http://example.com/", "https://user@[::1]/", "https://169.254.169.254/latest"):
        answer = shared_client.post("/v1/jobs", json={**shared.order(), "webhook_url": url})
        assert answer.status_code == 422, url

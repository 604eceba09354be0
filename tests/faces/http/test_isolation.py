"""Who may do what: every operation of the OpenAPI document, with keys of every scope, and of another tenant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from faces.http.conftest import Served
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure
from kiln.jobs.records.keys import Scope

NONE = {
    "job_id": "job_" + "0" * 24,
    "file_id": "file_" + "0" * 24,
    "batch_id": "batch_" + "0" * 24,
    "asset_id": "20200101t000000-0123456789ab01234567",
    "key_id": "0" * 16,
    "name": "nothing",
    "key": "blobs/00/" + "0" * 64,
}
"""By the name of a path's parameter, an id that nobody has."""

NEEDED = {
    "submitJob": Scope.SUBMIT,
    "quoteJob": Scope.SUBMIT,
    "listJobs": Scope.READ,
    "getJob": Scope.READ,
    "cancelJob": Scope.SUBMIT,
    "retryJob": Scope.SUBMIT,
    "watchJob": Scope.READ,
    "upload": Scope.SUBMIT,
    "uploadFromUrl": Scope.SUBMIT,
    "getUpload": Scope.READ,
    "deleteUpload": Scope.SUBMIT,
    "getArtifact": Scope.READ,
    "headArtifact": Scope.READ,
    "submitBatch": Scope.SUBMIT,
    "getBatch": Scope.READ,
    "cancelBatch": Scope.SUBMIT,
    "listRecipes": Scope.READ,
    "getRecipe": Scope.READ,
    "listBackends": Scope.READ,
    "listStages": Scope.READ,
    "listContracts": Scope.READ,
    "getUsage": Scope.READ,
    "listAssets": Scope.READ,
    "getAsset": Scope.READ,
    "createKey": Scope.ADMIN,
    "listKeys": Scope.ADMIN,
    "revokeKey": Scope.ADMIN,
}
"""The scope that each operation needs."""

UNLOCKED = {"livez", "readyz", "health", "metrics", "getSignedFile", "headSignedFile"}
"""Operations that need no key."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation of the document."""

    id: str
    method: str
    path: str

    def ask(self, client: httpx.Client, ids: dict[str, str]) -> httpx.Response:
        return client.request(self.method, self.path.format(**ids))


def operations(client: httpx.Client) -> Iterator[Operation]:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, told in methods.items():
            yield Operation(id=told["operationId"], method=method.upper(), path=path)


def belongings(served: Served, tenant: str) -> list[dict[str, str]]:
    """Ids of all that a tenant can have, whatever its state."""
    service = served.service
    waiting, failed, done = (served.queued(tenant=tenant) for _ in range(3))
    service.jobs.fail(failed, Failure(reason=FailureReason.OOM, message="too large: make it smaller"))
    running = service.jobs.start(done, executor_id="me")
    made = served.keep(b"made", tenant=tenant, name="out/a.glb", job=running)
    service.jobs.succeed(running, results={made.name: made.id}, measured=[Charge(item="gpu", microdollars=0)])
    batch, _ = service.submit_batch([served.order(tenant=tenant)], tenant=tenant)
    asset = service.shelf.add({"a.glb": b"glb"}, name="a", created=datetime.now(UTC), tenant=tenant, token="f" * 20)
    key = service.keys.issue(tenant, scopes=[Scope.READ]).record.id
    same = {**NONE, "batch_id": batch.id, "asset_id": asset.id, "key_id": key, "file_id": served.keep(b"sent", tenant=tenant).id}
    return [{**same, "job_id": waiting.id}, {**same, "job_id": failed.id, "file_id": made.id}, {**same, "job_id": done.id}]


def shown(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str, dict[str, str]]:
    """An answer without the ids that were asked for, and those of the request itself."""
    text = answer.text
    for value in (*ids.values(), answer.headers["X-Request-ID"]):
        text = text.replace(value, "...")
    return answer.status_code, text, {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}


def test_what_belongs_to_others_is_told_from_nothing_by_nobody(served: Served) -> None:
    """Case 23: on every address and with every method, another tenant's id is answered as one that nobody has."""
    theirs = belongings(served, "theirs")
    with served.client(served.key("mine", Scope.READ, Scope.SUBMIT)) as client:
        asked = [operation for operation in operations(client) if "{" in operation.path]
        for operation in asked:
            nothing = shown(operation.ask(client, NONE), NONE)
            for ids in theirs:
                found = shown(operation.ask(client, ids), ids)
                assert found == nothing, operation
            assert nothing[0] == {"revokeKey": 403, "getSignedFile": 422, "headSignedFile": 422}.get(operation.id, 404), operation
    assert len(asked) >= 15


def test_lists_and_requests_know_nothing_of_others(served: Served) -> None:
    theirs = belongings(served, "theirs")
    with served.client(served.key("mine", Scope.READ, Scope.SUBMIT)) as client:
        listed = "".join(client.get(path).text for path in ("/v1/jobs", "/v1/assets", "/v1/assets?q=a", "/v1/usage", "/v1/recipes"))
        assert not [value for ids in theirs for name, value in ids.items() if value in listed and name not in ("key", "name")]
        mine = served.keep(b"mine", tenant="mine").id
        for ids in (*theirs, NONE):
            for wrong in (
                {"inputs": {"picture_0": ids["file_id"]}},
                {"inputs": {"picture_0": mine}, "batch_id": ids["batch_id"]},
            ):
                answer = client.post("/v1/jobs", json=wrong)
                assert (answer.status_code, "there is no" in answer.json()["detail"]) == (422, True)
            assert client.get("/v1/jobs", params={"cursor": ids["job_id"]}).status_code == 422
            assert client.get("/v1/assets", params={"cursor": ids["asset_id"]}).json()["assets"] == []
        items = [{"inputs": {"picture_0": ids["file_id"]}} for ids in theirs]
        failed = client.post("/v1/batches", json={"items": items}).json()
        assert failed["counts"] == {"failed": 3}


@pytest.mark.parametrize("scope", [None, *Scope])
def test_each_operation_needs_its_scope(served: Served, scope: Scope | None) -> None:
    key = served.key("a", scope or Scope.READ)
    with served.client(None if scope is None else key) as client:
        for operation in operations(client):
            status = operation.ask(client, NONE).status_code
            if operation.id in UNLOCKED:
                assert status not in (401, 403), operation
            elif scope is None:
                assert status == 401, operation
            else:
                assert (status == 403) == (scope not in (NEEDED[operation.id], Scope.ADMIN)), operation


def test_a_tenants_assets_are_on_its_own_shelf(served: Served) -> None:
    (ids, *_) = belongings(served, "mine")
    with served.client(served.key("mine", Scope.READ)) as client:
        listed: dict[str, Any] = client.get("/v1/assets").json()
        assert [asset["id"] for asset in listed["assets"]] == [ids["asset_id"]]
        asset = client.get(f"/v1/assets/{ids['asset_id']}").json()
        assert client.get(asset["files"]["a.glb"]["url"]).content == b"glb"

from __future__ import annotations

import re
from typing import Any

import httpx

from faces.http.conftest import Served


def test_what_there_is_to_choose_from(shared_client: httpx.Client) -> None:
    recipes = {recipe["name"]: recipe for recipe in shared_client.get("/v1/recipes").json()}
    assert {"prop", "hero", "mobile"} <= recipes.keys()
    assert shared_client.get("/v1/recipes/prop").json() == recipes["prop"]
    assert "classic" in {card["name"] for card in shared_client.get("/v1/backends").json()}
    stages = {stage["name"]: stage["parameters"] for stage in shared_client.get("/v1/stages").json()}
    assert stages["simplify"]["properties"]["triangles"]["type"] == "integer"
    assert "sound" in {contract["name"] for contract in shared_client.get("/v1/contracts").json()}


def test_a_batch_keeps_its_bad_items_and_its_key(served: Served, client: httpx.Client) -> None:
    items = [served.order(), {"recipe": "no such"}, served.order()]
    headers = {"Idempotency-Key": "batch"}
    batch = client.post("/v1/batches", json={"items": items}, headers=headers)
    assert batch.status_code == 202
    shown = client.get(batch.headers["Location"]).json()
    assert [job["state"] for job in shown["jobs"]] == ["queued", "failed", "queued"]
    assert shown["counts"] == {"queued": 2, "failed": 1}
    assert client.post("/v1/batches", json={"items": items}, headers=headers).json()["id"] == shown["id"]
    ended = client.post(f"/v1/batches/{shown['id']}/cancel").json()
    assert (ended["counts"], ended["ended"]) == ({"cancelled": 2, "failed": 1}, True)


def test_the_document_is_whole(shared_client: httpx.Client) -> None:
    """Every operation has an id, a tag, a summary and its problems, and every reference leads somewhere."""
    document = shared_client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    for operation in operations:
        assert operation["summary"]
        assert operation["tags"]
    for path, methods in document["paths"].items():
        if path.startswith("/v1"):
            assert all({"403", "422", "500", "503"} <= operation["responses"].keys() for operation in methods.values()), path
    schemas = document["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", str(document))) <= schemas.keys()
    assert "HTTPValidationError" not in schemas


def test_metrics_count_by_route_and_know_no_ids(shared: Served) -> None:
    with shared.client() as client:
        job = shared.queued()
        client.get(f"/v1/jobs/{job.id}")
        client.get("/v1/nothing")
        found = client.get("/metrics")
    assert found.headers["Content-Type"].startswith("text/plain")
    lines = found.text.splitlines()
    assert any('route="/v1/jobs/{job_id}",status="200"' in line for line in lines)
    assert job.id not in found.text
    assert "nothing" not in found.text


def test_an_asset_on_the_shelf_is_found(served: Served, client: httpx.Client) -> None:
    from datetime import UTC, datetime

    record = served.service.shelf.add({"out/a.glb": b"glb"}, name="skewer", created=datetime.now(UTC), prompt="a grilled skewer")
    listed: dict[str, Any] = client.get("/v1/assets", params={"q": "grilled"}).json()
    assert [asset["id"] for asset in listed["assets"]] == [record.id]
    shown = client.get(f"/v1/assets/{record.id}").json()
    assert client.get(shown["files"]["out/a.glb"]["url"]).content == b"glb"
    assert client.get("/v1/assets/20261120t201530-1f2e3d4c5b6a").status_code == 404

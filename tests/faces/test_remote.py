"""Commands that work on a server: they behave as if the work were done here, on good days and on bad ones."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiln import errors
from kiln.errors import Cancelled, InputError, KilnError, SetupError, StorageError
from kiln.faces.batches import batches
from kiln.faces.remote.address import Address, read_address
from kiln.faces.remote.answers import error_of_failure
from kiln.faces.remote.companions import check_alone
from kiln.faces.remote.connection import Connection
from kiln.faces.remote.download import RemoteFile, checked_path, fetch
from kiln.faces.remote.event_stream import EventStream, Told, read_events
from kiln.faces.remote.narration import Narration
from kiln.faces.remote.packages import fetch_package, report_of
from kiln.faces.remote.parameter_files import taken_out
from kiln.faces.remote.submission import Submission, contract_of, recipe_of, upload
from kiln.jobs.executors.failure import LaneCrashed, MemoryLimitError
from kiln.jobs.records.failure_reason import FailureReason, reason_of
from kiln.pipeline.run import Event
from scripted_server import Script, answer, scripted


def event(seq: int, kind: str = "note", **data: object) -> bytes:
    body = json.dumps({"job_id": "job_1", "seq": seq, "kind": kind, "at_ms": 1000 * seq, "attempt": 1, "data": data})
    return f"event: {kind}\nid: {seq}\ndata: {body}\n\n".encode()


def problem(status: int, name: str, **headers: str) -> object:
    body = json.dumps({"type": f"urn:kiln:problem:{name}", "title": "T", "status": status, "detail": "what is wrong"}).encode()
    return answer(status, body, **{"Content_Type": "application/problem+json", **headers})


def connection(script: Script, **more: object) -> Connection:
    return Connection(Address(url=script.url, api_key="kiln_secret"), **more)  # type: ignore[arg-type]


STREAM = {"Content_Type": "text/event-stream"}


def test_a_stream_that_breaks_off_is_taken_up_again_without_gap_or_double() -> None:
    first = b": hello\n\n" + event(1) + event(2) + event(3)[:25]
    rest = event(2) + event(3) + event(4, "state", state="succeeded") + event(5)
    with scripted(answer(200, first, cut=100, **STREAM), problem(503, "busy"), answer(200, rest, **STREAM)) as script:
        with connection(script) as client:
            told = list(EventStream(client, "job_1"))
        assert [one.seq for one in told] == [1, 2, 3, 4]
        assert [asked[2].get("Last-Event-ID") for asked in script.asked] == [None, "2", "2"]


def test_the_events_of_a_job_that_has_ended_and_was_forgotten_end_too() -> None:
    with scripted(answer(200, b"", **STREAM), answer(200, b'{"state": "failed"}')) as script, connection(script) as client:
        assert list(EventStream(client, "job_1")) == []


def test_what_is_no_event_of_ours_is_said_in_a_sentence() -> None:
    with pytest.raises(InputError, match="another version"):
        list(read_events(["id: 1", "data: [1]", ""]))
    assert list(read_events([": comment", "", "retry: 5", "", "data: 1", ""])) == []


def test_a_busy_server_is_asked_again_and_the_key_goes_along() -> None:
    with scripted(problem(429, "too-many-requests", Retry_After="1"), problem(503, "busy"), answer(200, b"[1]")) as script:
        with connection(script) as client:
            assert client.get("/v1/recipes") == [1]
        assert [asked[2]["Authorization"] for asked in script.asked] == ["Bearer kiln_secret"] * 3


def test_patience_ends() -> None:
    with scripted(problem(503, "busy")) as script, connection(script, patience_s=0.5) as client:
        with pytest.raises(StorageError, match="what is wrong"):
            client.get("/v1/recipes")
        assert len(script.asked) > 1


def test_a_stop_ends_every_wait() -> None:
    stop = threading.Event()
    stop.set()
    with scripted(problem(503, "busy")) as script, connection(script, stop=stop) as client, pytest.raises(Cancelled):
        client.get("/v1/recipes")


def test_what_must_not_be_done_twice_is_asked_once() -> None:
    with scripted(problem(503, "busy")) as script, connection(script) as client:
        with pytest.raises(StorageError):
            client.post("/v1/keys", {}, again=False)
        assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("status", "name", "code"),
    [
        *((422, "request", 3), (404, "not-found", 3), (409, "conflict", 3), (413, "size", 3), (415, "kind", 3)),
        *((401, "unauthorized", 4), (403, "forbidden", 4), (422, "setup", 4), (402, "budget", 8)),
        *((404, "gone", 7), (507, "full", 7), (500, "stored-damaged", 7), (500, "internal", 1), (418, "never-heard-of", 3)),
    ],
)
def test_a_problem_is_the_error_it_would_be_here(status: int, name: str, code: int) -> None:
    with scripted(problem(status, name)) as script, connection(script) as client, pytest.raises(KilnError, match="what is wrong") as caught:
        client.get("/v1/recipes")
    assert caught.value.exit_code == code


@pytest.mark.parametrize("given", [answer(404, b"<h1>no"), answer(200, b"<h1>hello"), answer(500, b"oh")])
def test_another_server_is_told_from_a_kiln(given: object) -> None:
    with scripted(given) as script, connection(script) as client, pytest.raises(InputError, match="as a Kiln server"):  # type: ignore[arg-type]
        client.get("/v1/recipes")


def test_nobody_at_home_is_said_within_seconds() -> None:
    with Connection(Address(url="http://127.0.0.1:9")) as client, pytest.raises(StorageError, match="kiln serve"):
        client.get("/v1/recipes")


SAME = [
    *(InputError, errors.ModelError, errors.RecipeError, SetupError, errors.BackendError, errors.TimeLimitError),
    *(errors.ContractError, errors.PostconditionError, StorageError, errors.BudgetError, Cancelled, MemoryLimitError, LaneCrashed),
]


@pytest.mark.parametrize("cls", SAME)
def test_a_failure_there_has_the_exit_code_of_the_same_failure_here(cls: type[KilnError]) -> None:
    failure = {"reason": reason_of(cls("words")).value, "message": "words"}
    assert error_of_failure(failure).exit_code == cls.exit_code
    assert str(error_of_failure(failure)) == "words"


def test_every_reason_has_its_error() -> None:
    codes = {reason.value: error_of_failure({"reason": reason.value, "message": "x"}).exit_code for reason in FailureReason}
    assert [reason for reason, code in codes.items() if code == 1] == ["internal"]


def file_of(data: bytes, name: str = "a.bin") -> RemoteFile:
    return RemoteFile(id="file_1", name=name, role="file", sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def test_a_download_that_breaks_off_is_begun_again() -> None:
    data = b"x" * 1000
    with scripted(answer(200, data[:10], cut=990), answer(200, data)) as script, connection(script) as client:
        assert fetch(client, file_of(data)) == data


def test_an_object_store_is_not_told_the_key() -> None:
    """A presigned URL is refused when a key comes with it, and the key is none of the store's business."""
    data = b"x"
    with scripted(answer(200, data)) as bucket, scripted(answer(307, Location=f"{bucket.url}/b")) as script, connection(script) as client:
        assert fetch(client, file_of(data), url=f"{bucket.url}/a?sign=1") == data
        assert fetch(client, file_of(data)) == data
        with connection(bucket) as its_own:
            assert fetch(its_own, file_of(data), url=f"{bucket.url}/v1/files/a") == data
    assert ["Authorization" in headers for _, _, headers in bucket.asked] == [False, False, True]
    assert "Authorization" in script.asked[0][2]


@pytest.mark.parametrize("data", [b"other", b"longer than said", b""])
def test_a_download_that_is_not_what_it_must_be_is_refused(data: bytes) -> None:
    with scripted(answer(200, data)) as script, connection(script, patience_s=0.5) as client, pytest.raises(StorageError):
        fetch(client, file_of(b"right"))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\b", "a\nb", "./a", ""])
def test_no_file_of_a_server_leads_out_of_its_package(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no path inside a package"):
        checked_path(name)


def test_a_package_with_one_bad_file_is_not_written_at_all(tmp_path: Path) -> None:
    manifest, report = b'{"kiln": "1", "name": "toy"}', b'{"name": "toy", "measures": {}, "steps": [], "warnings": []}'
    made = {"manifest.json": manifest, "report.json": report, "toy.glb": b"right"}
    results = {
        name: {"id": name, "role": "file", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in made.items()
    }
    answers = [answer(200, data) for data in (manifest, manifest, report, b"wrong")]
    with scripted(*answers) as script, connection(script) as client, pytest.raises(StorageError, match="other than it was made"):
        fetch_package(client, {"id": "job_1", "results": results}, into=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_key_is_read_from_a_file_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("kiln_secret\n")
    address = read_address("http://host:8600/", key_file=tmp_path / "key")
    assert (address.url, address.api_key) == ("http://host:8600", "kiln_secret")
    assert "secret" not in repr(address)
    (tmp_path / "key").write_text("two words")
    with pytest.raises(SetupError) as caught:
        read_address("http://host", key_file=tmp_path / "key")
    assert "two words" not in str(caught.value)


@pytest.mark.parametrize("url", ["host:8600", "ftp://host", "http://", "http://host:99999", "http://host/?a=b", "http://[host"])
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        read_address(url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="KILN_API_KEY") as caught:
        read_address("http://me:secret@host")
    assert "secret" not in str(caught.value)


def test_files_of_this_machine_go_as_data(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('stages = ["export"]\n[contract]\ntriangles = "<= 5"\n')
    assert recipe_of("prop") == ("prop", {})
    assert recipe_of(str(tmp_path / "mine.toml")) == ("mine", {"recipe_data": {"stages": ["export"], "contract": {"triangles": "<= 5"}}})
    assert contract_of(str(tmp_path / "mine.toml")) == {"name": "mine", "triangles": "<= 5"}
    assert (contract_of("unity"), contract_of(None)) == ("unity", None)


def test_files_that_parameters_name_are_taken_out_of_the_tables() -> None:
    tables = {"cutout": {"mask": "a.png", "scribble": None, "margin": 0.1}, "contract": {"mask": "kept"}, "simplify": {"triangles": 9}}
    rest, files = taken_out(tables)
    assert rest == {**tables, "cutout": {"margin": 0.1}}
    assert files == {"cutout.mask": "a.png", "cutout.scribble": None}
    assert tables["cutout"]["mask"] == "a.png"
    wrong: dict[str, object] = {"cutout": {"mask": 3}}
    assert taken_out(wrong) == (wrong, {})
    assert taken_out({"cutout": 3}) == ({"cutout": 3}, {})


def test_a_file_that_a_parameter_names_goes_as_an_input_of_its_own(tmp_path: Path) -> None:
    for name in ("a.png", "own.png", "recipes.png"):
        (tmp_path / name).write_bytes(b"x")
    recipe = {"stages": ["cutout"], "cutout": {"mask": str(tmp_path / "own.png"), "scribble": str(tmp_path / "recipes.png")}}
    submission = Submission(
        kind="make",
        files={"picture_0": tmp_path / "a.png"},
        parameters={"cutout": {"mask": str(tmp_path / "a.png"), "margin": 0.1}},
        options={"recipe_data": recipe},
    )
    uploads = [answer(201, json.dumps({"id": f"file_{number}"}).encode()) for number in range(3)]
    with scripted(*uploads, answer(202, b"{}")) as script, connection(script) as client:
        submission.submit(client)
        body = json.loads(script.bodies[-1])
    assert body["inputs"] == {"picture_0": "file_0", "cutout.mask": "file_1", "cutout.scribble": "file_2"}
    assert body["parameters"] == {"cutout": {"margin": 0.1}, "job": {"recipe_data": {"stages": ["cutout"], "cutout": {}}}}


def test_a_manifests_masks_lie_beside_it_and_go_once(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(b"x")
    item = '[[items]]\ninputs = { picture_0 = "file_0" }\nparameters = { cutout = { mask = "mask.png" } }\n'
    (tmp_path / "many.toml").write_text(2 * item)
    with scripted(answer(201, b'{"id": "file_1"}'), answer(202, b'{"id": "batch_1"}')) as script:
        done = CliRunner().invoke(batches, ["submit", str(tmp_path / "many.toml"), "--server", script.url])
    assert (done.output, len(script.asked)) == ("batch_1\n", 2)
    sent = {"inputs": {"picture_0": "file_0", "cutout.mask": "file_1"}, "parameters": {"cutout": {}}}
    assert json.loads(script.bodies[-1])["items"] == [sent, sent]


def test_a_mask_that_is_not_there_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    for path in (tmp_path / "none.png", tmp_path):
        submission = Submission(kind="make", files={"picture_0": tmp_path / "a.png"}, parameters={"cutout": {"mask": str(path)}})
        with (
            scripted(answer(500)) as script,
            connection(script) as client,
            pytest.raises(errors.PictureError, match=r"cutout\.mask: there is no file"),
        ):
            submission.submit(client)
        assert script.asked == []


def test_what_a_server_refuses_of_several_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(b"x")
    with scripted(problem(413, "too-large")) as script, connection(script) as client, pytest.raises(InputError) as caught:
        upload(client, tmp_path / "mask.png")
    assert str(caught.value) == "mask.png: what is wrong"


@pytest.mark.parametrize(
    ("name", "text", "alone"),
    [
        ("a.gltf", '{"buffers": [{"uri": "a.bin"}]}', False),
        ("a.gltf", '{"images": [{"uri": "data:image/png;base64,"}, {"uri": "gone.png"}]}', True),
        ("a.gltf", "[[[", True),
        ("a.obj", "# made by hand\nmtllib a.bin\nv 0 0 0\n", False),
        ("a.obj", "mtllib gone.mtl\nv 0 0 0\n", True),
        ("a.stl", "mtllib a.bin", True),
    ],
)
def test_a_model_with_files_beside_it_is_not_sent_without_them(name: str, text: str, alone: bool, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"")
    (tmp_path / name).write_text(text)
    if alone:
        assert check_alone(tmp_path / name) == tmp_path / name
    else:
        with pytest.raises(errors.ModelError, match=r"save it as \.glb"):
            check_alone(tmp_path / name)


def test_a_jobs_events_look_like_a_runs() -> None:
    heard: list[Event] = []
    narrate = Narration(heard.append)
    narrate(Told(seq=1, kind="stage_started", at_ms=1000, data={"stage": "bake", "lane": "cpu0"}))
    narrate(Told(seq=2, kind="progress", at_ms=1500, data={"stage": "bake", "share": 0.4, "stage_share": 0.5}))
    narrate(Told(seq=3, kind="note", at_ms=1600, data={"stage": "bake", "text": "9 rays\x1b[31m"}))
    narrate(Told(seq=4, kind="stage_finished", at_ms=3000, data={"stage": "bake", "outcome": "done"}))
    narrate(Told(seq=5, kind="stage_finished", at_ms=3000, data={"stage": "lods", "outcome": "shared"}))
    assert heard == [
        Event(stage="bake", state="started"),
        Event(stage="bake", state="progress", share=0.5, seconds=0.5),
        Event(stage="bake", state="finished", share=1.0, seconds=2.0, notes=("9 rays [31m",)),
        Event(stage="lods", state="finished", share=1.0, words="from the cache"),
    ]


def test_a_report_of_another_version_is_said_in_a_sentence() -> None:
    with pytest.raises(InputError, match="another version"):
        report_of({"name": "toy", "steps": [1]})

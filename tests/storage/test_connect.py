"""A store is opened by one URL, and a folder needs nothing but Kiln."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kiln import settings
from kiln.errors import SetupError
from kiln.storage import connect, open_store
from s3_server import s3_server

Monkey = pytest.MonkeyPatch


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_folder_by_path_and_by_url(tmp_path: Path, form: str) -> None:
    open_store(form.format(tmp_path / "store")).put("a", b"1")
    assert (tmp_path / "store/objects/a@/a").is_file()


def test_a_file_urls_escapes_are_read(tmp_path: Path) -> None:
    open_store(f"file://{tmp_path}/my%20store").put("a", b"1")
    assert (tmp_path / "my store/objects").is_dir()


def test_without_a_url_it_is_the_folder_data_store_of_where_one_stands(tmp_path: Path, monkeypatch: Monkey) -> None:
    monkeypatch.delenv("KILN_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    open_store().put("a", b"1")
    assert (tmp_path / "data/store/objects/a@/a").is_file()


def test_the_environment_names_store_and_public_address(tmp_path: Path, monkeypatch: Monkey) -> None:
    monkeypatch.setenv("KILN_STORE", str(tmp_path / "named"))
    monkeypatch.setenv("KILN_PUBLIC_URL", "https://kiln.example/v1/files")
    assert open_store().url("a", ttl_s=9).startswith("https://kiln.example/v1/files/a?expires=")
    assert (tmp_path / "named").is_dir()


@pytest.mark.parametrize("url", ["memory://", "s3://bucket"])
def test_a_missing_extra_is_said_with_its_cure(monkeypatch: Monkey, url: str) -> None:
    monkeypatch.setattr(connect, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install 'kiln3d\[service\]'"):
        open_store(url)


def test_a_folder_needs_no_extra_and_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from kiln.storage import open_store; s = open_store(sys.argv[1]); s.put('a', b'1'); s.get('a'); "
        "print([m for m in ('obstore', 'pydantic', 'numpy', 'click') if m in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_the_usual_variable_names_the_server(monkeypatch: Monkey, name: str) -> None:
    with s3_server() as bucket:
        for other in [other for other in os.environ if other.startswith("AWS_")]:
            monkeypatch.delenv(other)
        monkeypatch.setenv(name, bucket.url)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        assert settings.s3_endpoint() == bucket.url
        open_store("s3://bucket/kiln").put("a", b"1")
        assert list(bucket.objects) == ["kiln/a"]

"""AssetRecord: what is known of one asset on the shelf, as JSON that outlives this version of Kiln."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from kiln.errors import InputError, StorageError
from kiln.storage.keys import is_key

MAX_PROMPT: Final = 10_000
MAX_FILES: Final = 2_000

LOCAL: Final = "local"
"""The tenant of whoever works on this machine, without a service."""

TENANT_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"

_ID: Final = re.compile(r"\d{8}t\d{6}-[0-9a-z]{4,40}")
_TIME: Final = "%Y%m%dt%H%M%S"
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f\\:*?\"<>|]")


def new_id(created: datetime, *, token: str | None = None) -> str:
    """An asset's id: when it was made, in UTC, and a token that tells it from others of that second.

    The caller who may have to repeat itself gives a token of its own (a job's id), and so gets the same id again. InputError when the token
    is not 4 to 40 lower-case letters and digits.
    """
    made = f"{created.astimezone(UTC).strftime(_TIME)}-{token or uuid.uuid4().hex[:12]}"
    if not is_id(made):
        raise InputError(f"{token!r} is no token of an asset's id: use 4 to 40 lower-case letters and digits")
    return made


def is_id(text: str) -> bool:
    """Whether an asset could have it."""
    return _ID.fullmatch(text) is not None


def _checked_id(text: str) -> str:
    if not is_id(text):
        raise ValueError("no id of an asset")
    return text


def _checked_key(text: str) -> str:
    if not is_key(text):
        raise ValueError("no key of a store")
    return text


def _checked_name(name: str) -> str:
    """A path inside a package. Records may come from a bucket that others write to, and names become paths when a package is written."""
    parts = name.split("/")
    if _FORBIDDEN.search(name) or any(part in ("", ".", "..") or part != part.strip(" ") for part in parts):
        raise ValueError("no path inside a package")
    return name


class AssetFile(BaseModel):
    """One file of an asset's package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=240), AfterValidator(_checked_name)]
    """Its path inside the package, with forward slashes."""

    key: Annotated[str, AfterValidator(_checked_key)]
    """Where the store keeps it; assets may share it."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]
    """Bytes."""


class AssetRecord(BaseModel):
    """An asset's metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    """Of this form."""

    id: Annotated[str, AfterValidator(_checked_id)]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,120}$")]
    """The package's name."""

    created: AwareDatetime
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] = ""
    """What was asked for in words."""

    tenant: Annotated[str, Field(pattern=TENANT_PATTERN)] = LOCAL
    """Whose it is."""

    pictures: Annotated[tuple[Annotated[str, AfterValidator(_checked_key)], ...], Field(max_length=64)] = ()
    """Keys of the pictures it was made from."""

    recipe: Annotated[str, Field(max_length=200)] = ""
    tags: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=100)] = ()
    files: Annotated[tuple[AssetFile, ...], Field(min_length=1, max_length=MAX_FILES)]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def keys(self) -> frozenset[str]:
        """Every key that must stay for as long as the asset does."""
        return frozenset({*self.pictures, *(file.key for file in self.files)})

    @property
    def said(self) -> str:
        """All that is searched, without case: name, prompt and tags."""
        return " ".join((self.name, self.prompt, *self.tags)).casefold()

    def json_bytes(self) -> bytes:
        """The record as it is kept."""
        return (self.model_dump_json(indent=1) + "\n").encode()


def read_record(data: bytes, *, key: str) -> AssetRecord:
    """The record in these bytes. StorageError of kind "damaged" when it is not one Kiln could have written."""
    try:
        return AssetRecord.model_validate_json(data)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "its form"
        raise StorageError(f"{key} is no record of an asset ({where}): restore it from a backup, or delete it", kind="damaged") from None


def describe_refusal(error: ValidationError) -> str:
    """The first thing wrong with what was given for a record."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"

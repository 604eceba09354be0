"""Names of jobs and batches: made here, never taken from outside."""

from __future__ import annotations

import re
import secrets
from typing import Final

_ID: Final = re.compile(r"[a-z]+_[0-9a-f]{24}")


def new_id(kind: str) -> str:
    """A name nobody can guess: "job_" and 96 random bits."""
    return f"{kind}_{secrets.token_hex(12)}"


def is_id(text: str) -> bool:
    """Whether it could be one. Ask before asking a database: PostgreSQL fails on some texts, such as one with a NUL."""
    return _ID.fullmatch(text) is not None

"""Cases 29 and 31 of the abuse list: names and prompts are words, never paths, headers or code."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies

from kiln.errors import RefusedError
from kiln.intake.names import checked_prompt, content_disposition, generated_name, inert_name

NAMES = {
    "../../x": "x",
    "..\\..\\x.png": "x.png",
    "/etc/passwd": "passwd",
    "a\0b.png": "ab.png",
    "": "file",
    "...": "file",
    "x\u202egnp.exe": "xgnp.exe",
    "\x1b[31mred\r\nSet-Cookie: a": "[31mredSet-Cookie: a",
    "Schwert (1).png": "Schwert (1).png",
    "черный меч.png": "черный меч.png",
}


@pytest.mark.parametrize("name", NAMES)
def test_29_a_given_name_is_shown_and_harmless(name: str) -> None:
    assert inert_name(name) == NAMES[name]


def test_29_long_names_are_cut() -> None:
    assert len(inert_name("a" * 5000)) == 120


@given(strategies.text(max_size=300))
def test_29_no_name_ever_breaks_a_header_or_is_a_path(name: str) -> None:
    shown = inert_name(name)
    assert shown
    assert not set(shown) & set("/\\\0\r\n")
    assert re.fullmatch(r"attachment; filename=\"[A-Za-z0-9_.]+\"; filename\*=UTF-8''[A-Za-z0-9_.~%-]+", content_disposition(name))


def test_29_generated_names_are_ours() -> None:
    names = {generated_name("png") for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"[0-9a-f]{32}\.png", name) for name in names)
    assert generated_name("../x").count("/") == 0


def test_29_a_download_has_its_name_in_both_forms() -> None:
    assert content_disposition("меч.png") == "attachment; filename=\"mech.png\"; filename*=UTF-8''%D0%BC%D0%B5%D1%87.png"


def test_31_prompts_are_limited_and_inert() -> None:
    with pytest.raises(RefusedError, match="1,000,000 characters"):
        checked_prompt("a" * 1_000_000)
    with pytest.raises(RefusedError, match="empty"):
        checked_prompt(" \0\x1b ")
    assert checked_prompt("a\x1b[2J sword\r\nof {{7*7}} $(id) {0} \u202e") == "a[2J sword\nof {{7*7}} $(id) {0}"

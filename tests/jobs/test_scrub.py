"""No secret and no control character gets into a log; ordinary words stay as they are."""

from __future__ import annotations

import pytest

from kiln.jobs.scrub import scrub


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://kiln:s3cr3t@db:5432/kiln", "postgresql://***@db:5432/kiln"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("OPENAI_API_KEY=sk-abc next", "OPENAI_API_KEY=*** next"),
        ('{"token": "abc", "size": 3}', '{"token": "***", "size": 3}'),
        ("https://x/y?X-Amz-Signature=0123abc&b=1", "https://x/y?X-Amz-Signature=***&b=1"),
        ("with password: hunter2.", "with password: ***"),
        ("key hf_abcdefghijklmnopqrst used", "key *** used"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("kiln_a1_7_0123456789abcdef0123", "***"),
        ("the vault key", "the ***"),
        ("\x1b[2Jred\r\nforged\0", "\\x1b[2Jred\\x0d\\x0aforged\\x00"),
        ("a\u202egnp.exe\u2028b", "a\\u202egnp.exe\\u2028b"),
        ("12 charts, 67 % filled\tso: 3 tokens of x=1", "12 charts, 67 % filled\tso: 3 tokens of x=1"),
        ("Größe 3 µm, naïve 模型", "Größe 3 µm, naïve 模型"),
    ],
)
def test_scrub(text: str, clean: str) -> None:
    assert scrub(text, secrets=("vault key", "a", "")) == clean


def test_a_secret_within_another_leaves_nothing_of_either() -> None:
    assert scrub("x 123456789 y", secrets=("123456", "123456789")) == "x *** y"

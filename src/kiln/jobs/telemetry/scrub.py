"""Text made fit for a log: what looks like a secret is struck out, what would steer a terminal or forge a line is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

STRUCK_OUT: Final = "***"

_SHORTEST_SECRET: Final = 6
"""Characters; shorter values would strike out half of every sentence."""

_NAMES: Final = (
    "api[_-]?key|access[_-]?key|private[_-]?key|token|secret|passw(?:or)?d|passphrase|signature|credential|cookie|"
    "(?<![a-z0-9])(?:pwd|sig)(?![a-z0-9])"
)
"""What names of secrets have in them; some only as a whole word. Whatever stands before is no matter."""

_LOOKS_SECRET: Final = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<=://)[^\s/]+(?=@)"),  # user:password@ in a URL; a password may hold an @ of its own
    re.compile(r"(?i)(?<=\bbearer )\S+|(?<=\bauthorization: basic )[A-Za-z0-9+/]{8,}={0,2}"),
    re.compile(
        rf"""(?ix) (?:{_NAMES})[a-z0-9_.-]{{0,64}} \\?["']? \s{{0,8}} (?:=|:|%3d) \s{{0,8}} (?:(?:bearer|basic)\s+)?
        (?: \\?"(?P<double>[^"\\]*) | \\?'(?P<single>[^'\\]*) | (?P<value>[^\s"'&,;]+) )"""
    ),
    re.compile(
        r"(?<![A-Za-z0-9_-])(?:kiln_[A-Za-z0-9]+_[A-Za-z0-9_-]{16,}|whsec_[A-Za-z0-9+/=_-]{16,}|hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}"
        r"|gh[opsu]_[A-Za-z0-9]{16,}|(?:AKIA|ASIA)[0-9A-Z]{16}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
    ),
)

_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x09), *range(0x0A, 0x20), *range(0x7F, 0xA0))} | {
    code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}
"""All control characters but the tab, line separators, and marks that turn the direction of writing."""


def scrub(text: str, *, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, without what looks like one, and without control characters."""
    text = strike_out(text, secrets=secrets)
    for pattern in _LOOKS_SECRET:
        text = pattern.sub(_strike, text)
    return text.translate(_CONTROLS)


def strike_out(text: str, *, secrets: Iterable[str]) -> str:
    """The text without these secrets, and otherwise as it was."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, STRUCK_OUT)
    return text


def _strike(match: re.Match[str]) -> str:
    """The match without its value, or without anything when all of it is secret."""
    if not match.groupdict():
        return STRUCK_OUT
    value = next((value for value in match.groupdict().values() if value), "")
    return match[0].removesuffix(value) + STRUCK_OUT if value else match[0]

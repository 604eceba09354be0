from __future__ import annotations

from kiln.asset import FileRecord


def test_a_record_holds_the_digest_and_size_of_the_content() -> None:
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert FileRecord.of("a.txt", b"abc") == FileRecord(name="a.txt", sha256=digest, size=3)

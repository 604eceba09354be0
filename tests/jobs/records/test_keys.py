"""API keys: shown once, kept as hashes, scoped, expiring, revocable."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from jobs.stopped_clock import StoppedClock
from kiln.errors import InputError
from kiln.jobs.records.database import Database
from kiln.jobs.records.keys import KeyRing, Scope
from kiln.jobs.records.tables import API_KEYS


@pytest.fixture
def ring(database: Database, clock: StoppedClock) -> KeyRing:
    return KeyRing(database, clock=clock)


def test_a_key_opens_what_it_says(ring: KeyRing) -> None:
    new = ring.issue("studio", scopes=[Scope.READ, Scope.SUBMIT], name="build server")
    record = ring.check(new.key)
    assert record == new.record
    assert (record.tenant, record.name) == ("studio", "build server")
    assert [record.allows(scope) for scope in (Scope.READ, Scope.SUBMIT, Scope.ADMIN)] == [True, True, False]
    assert ring.issue("studio", scopes=[Scope.ADMIN]).record.allows(Scope.SUBMIT)


def test_only_its_hash_is_kept(ring: KeyRing, database: Database) -> None:
    new = ring.issue("studio", scopes=[Scope.READ])
    secret = new.key.rpartition("_")[2] if new.key.count("_") == 2 else new.key.split("_", 2)[2]
    rows = database.read(lambda connection: connection.execute(select(API_KEYS)).all())
    assert len(secret) >= 43
    assert secret not in str(rows) + repr(new) + repr(ring.of("studio"))


def test_wrong_keys_open_nothing(ring: KeyRing) -> None:
    key = ring.issue("studio", scopes=[Scope.READ]).key
    other = ring.issue("studio", scopes=[Scope.READ]).key
    swapped = f"kiln_{key.split('_')[1]}_{other.split('_', 2)[2]}"
    for wrong in (
        "",
        "kiln_",
        key[:-1],
        key + "A",
        key[:-2] + ("AA" if key[-2:] != "AA" else "BB"),
        swapped,
        key.upper(),
        "ключ",
        key + "\n",
    ):
        assert ring.check(wrong) is None, wrong


def test_an_expired_key_opens_nothing(ring: KeyRing, clock: StoppedClock) -> None:
    key = ring.issue("studio", scopes=[Scope.READ], life_ms=1000).key
    clock.at += 999
    assert ring.check(key) is not None
    clock.at += 1
    assert ring.check(key) is None


def test_a_revoked_key_opens_nothing(ring: KeyRing, clock: StoppedClock) -> None:
    new = ring.issue("studio", scopes=[Scope.READ])
    with pytest.raises(InputError, match="there is no key"):
        ring.revoke(new.record.id, tenant="rival")
    assert ring.check(new.key) is not None
    ring.revoke(new.record.id, tenant="studio")
    clock.at += 5
    ring.revoke(new.record.id)
    assert ring.check(new.key) is None
    assert [record.revoked_ms for record in ring.of("studio")] == [clock.at - 5]


def test_keys_that_would_open_nothing_are_refused(ring: KeyRing) -> None:
    with pytest.raises(InputError, match="must open something"):
        ring.issue("studio", scopes=[])
    with pytest.raises(InputError, match="opens nothing"):
        ring.issue("studio", scopes=[Scope.READ], life_ms=0)

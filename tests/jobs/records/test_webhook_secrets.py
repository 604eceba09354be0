"""A tenant's secret is made once, signs as the specification says, and can be replaced without a gap."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from jobs.stopped_clock import StoppedClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.webhook_secrets import OVERLAP_MS, WebhookSecrets, sign


def test_the_specification_s_own_example() -> None:
    headers = sign(
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at_s=1614265330,
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_all_who_ask_first_are_given_the_same(database: Database) -> None:
    secrets = WebhookSecrets(database)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: secrets.of("studio").current, range(8)))) == 1
    assert secrets.of("other").current != secrets.of("studio").current


def test_the_one_before_signs_for_a_day_more(database: Database, clock: StoppedClock) -> None:
    secrets = WebhookSecrets(database, clock=clock)
    old = secrets.of("studio")
    new = secrets.rotate("studio")
    assert secrets.of("studio").signing == (new.current, old.current)
    clock.at += OVERLAP_MS
    assert secrets.of("studio").signing == (new.current,)
    assert "whsec" not in repr(new)


def test_a_secret_can_be_rotated_before_it_was_asked_for(database: Database) -> None:
    secrets = WebhookSecrets(database)
    assert secrets.rotate("studio").current == secrets.of("studio").current

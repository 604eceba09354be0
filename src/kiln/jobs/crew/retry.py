"""Whether a failed call is worth another try, and when. Pure: the same failures and the same seed give the same answer.

What a stage says about its input stays true however often it is asked, so it is not asked twice. What a machine, a network or a native
library does may go better next time. A call whose process keeps dying is poison: it is stopped before it takes the lane down for ever.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from kiln.errors import BackendError, StorageError, TimeLimitError
from kiln.jobs.executors.failure import LaneBusy, LaneCrashed

_SPREAD: Final = 0.5
"""The share of a delay that chance takes away, at most: calls that failed together do not come back together."""

_PASSING_FAULTS: Final = frozenset({"unavailable", "full"})
"""Of a store: it may answer again, and somebody may make room."""


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How patient to be. Times in seconds."""

    tries: int = 5
    """Of one call, the first one included."""

    slow_tries: int = 2
    """Of a call that ran into its time limit: each costs the whole limit."""

    crashes: int = 3
    """After so many deaths of its process, a call is poison."""

    first_delay_s: float = 1.0
    longest_delay_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do about a failure."""

    again: bool
    delay_s: float = 0.0
    reason: str
    """A sentence for people and the event log."""


_USUAL: Final = RetryPolicy()


def decide(error: BaseException, *, tries: int, crashes: int, seed: str, policy: RetryPolicy = _USUAL) -> Decision:
    """What to do after `error` ended try number `tries` (from 1); `crashes` counts the deaths of the call's process, this one included.

    `seed` names the call, such as its job's id and its stage; the delay depends on nothing else.
    """
    if isinstance(error, LaneCrashed) and crashes >= policy.crashes:
        return Decision(again=False, reason=f"it crashed its process {crashes} times and is not tried again: {error}")
    allowed = _tries_for(error, policy)
    if allowed <= 1:
        return Decision(again=False, reason=f"trying again would not help: {error}")
    if tries >= allowed:
        return Decision(again=False, reason=f"it failed {tries} times, at last with: {error}")
    wait = delay_s(tries, seed=seed, policy=policy)
    return Decision(again=True, delay_s=wait, reason=f"try {tries + 1} of {allowed} follows in {wait:.1f} s, after: {error}")


def delay_s(tries: int, *, seed: str, policy: RetryPolicy = _USUAL) -> float:
    """Seconds to wait after try number `tries` (from 1): twice as long every time up to the longest, less up to half of it by chance."""
    doublings = min(tries - 1, 60)  # beyond that a float overflows, and the longest was reached long before
    full = min(policy.longest_delay_s, policy.first_delay_s * 2.0**doublings)
    chance = random.Random(f"{seed}:{tries}").random()  # noqa: S311 - spreads load, protects nothing
    return full * (1.0 - _SPREAD * chance)


def _tries_for(error: BaseException, policy: RetryPolicy) -> int:
    """How often a call that failed like this may be tried in all."""
    if isinstance(error, TimeLimitError):
        return policy.slow_tries
    if isinstance(error, StorageError):
        return policy.tries if error.kind in _PASSING_FAULTS else 1
    if isinstance(error, (BackendError, LaneBusy, OSError)):  # OSError: the network, the disk, a pipe
        return policy.tries
    return 1

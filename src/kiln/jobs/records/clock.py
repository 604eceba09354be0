"""What time it is, as a value that is handed in: nothing in this room looks at a clock of its own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 in UTC. It may jump either way: good for records and days, never for how long something took."""


class SystemClock:
    """This machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 in UTC."""
        return time.time_ns() // 1_000_000

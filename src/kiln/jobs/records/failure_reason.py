"""Why a job failed, in one word that programs may rely on."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from kiln.errors import (
    BackendError,
    BudgetError,
    Cancelled,
    ContractError,
    InputError,
    PostconditionError,
    SetupError,
    StorageError,
    TimeLimitError,
)
from kiln.jobs.executors.failure import LaneCrashed, MemoryLimitError


class FailureReason(StrEnum):
    """Who or what is at fault. The words are part of the service's interface: they are added to, never changed."""

    INPUT = "input"
    SETUP = "setup"
    BACKEND = "backend"
    TIMEOUT = "timeout"
    OOM = "oom"
    STORAGE = "storage"
    CRASHED = "crashed"
    BUDGET = "budget"
    CONTRACT = "contract"
    POSTCONDITION = "postcondition"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


_REASONS: Final[tuple[tuple[type[BaseException], FailureReason], ...]] = (
    (LaneCrashed, FailureReason.CRASHED),
    (MemoryLimitError, FailureReason.OOM),
    (MemoryError, FailureReason.OOM),
    (TimeLimitError, FailureReason.TIMEOUT),
    (InputError, FailureReason.INPUT),
    (SetupError, FailureReason.SETUP),
    (BackendError, FailureReason.BACKEND),
    (ContractError, FailureReason.CONTRACT),
    (PostconditionError, FailureReason.POSTCONDITION),
    (StorageError, FailureReason.STORAGE),
    (BudgetError, FailureReason.BUDGET),
    (Cancelled, FailureReason.CANCELLED),
)
"""The first that fits counts, so children stand before their parents."""


def reason_of(error: BaseException) -> FailureReason:
    """The reason that stands for an error; whatever nobody foresaw is internal."""
    return next((reason for cls, reason in _REASONS if isinstance(error, cls)), FailureReason.INTERNAL)

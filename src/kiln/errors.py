"""Every error Kiln raises on purpose. The branch says who is at fault, and so the exit code.

    KilnError
    ├── InputError            3   what was given cannot be used
    │   ├── PictureError          a picture is missing, broken, empty or says nothing
    │   ├── ModelError            a mesh file is missing, broken or holds no surface
    │   ├── RecipeError           a recipe names something unknown, out of range or out of order
    │   ├── CutoutError           no subject could be told from the background
    │   ├── ConflictError         it contradicts what is there already: another request under that key, a job that has ended
    │   └── RefusedError          what came from outside is of a kind, a size or from a place that is not let in
    ├── SetupError            4   this machine lacks something: an extra, a right to write, disk space
    ├── BackendError          5   a model or a native library failed
    │   └── TimeLimitError        it ran past its time limit and was stopped
    ├── PostconditionError    6   a stage looked at its own result and it is not what it promised
    │   └── ContractError         the finished asset breaks limits of its contract
    ├── StorageError          7   stored bytes are missing, damaged or out of reach, or cannot be kept
    │   └── AlreadyStored         another content is stored under that key
    ├── BudgetError           8   it would cost more than a budget or a day's quota leaves
    └── Cancelled           130   the user said stop

A message says what is wrong, then how to cure it. Anything else that escapes is a bug: exit code 1.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar, Literal

StorageFault = Literal["missing", "exists", "damaged", "forbidden", "full", "unavailable"]
"""Why a StorageError: no such key; another content under it; not the bytes that were put; no right; no room; no answer in time."""

RefusalReason = Literal["kind", "size", "damaged", "effort", "address", "unreachable", "text"]
"""Why a RefusedError: not of a kind that is taken; too large; not what its header says; too much work to read; a URL that leads elsewhere
than the internet; nothing came of it; a name or prompt that cannot be used."""


class KilnError(Exception):
    """Any failure Kiln foresees; the message is meant for people."""

    exit_code: ClassVar[int] = 1


class InputError(KilnError):
    """What was given cannot be used; the message says why and what would be accepted."""

    exit_code = 3


class PictureError(InputError):
    """A picture is missing, broken, too large, empty or of one flat colour."""


class ModelError(InputError):
    """A mesh file is missing, broken, unsafe or holds no usable surface."""


class RecipeError(InputError):
    """A recipe or parameter names something unknown, out of range or out of order."""


class CutoutError(InputError):
    """No subject could be told from the background."""


class ConflictError(InputError):
    """It contradicts what is there already: another request under that key, a job that has ended, a later attempt."""


class RefusedError(InputError):
    """What came from outside is of a kind, a size or from a place that is not let in; nothing of it was kept."""

    def __init__(self, message: str, *, reason: RefusalReason) -> None:
        super().__init__(message)
        self.reason = reason
        """One word, for HTTP's status and for counting."""

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), reason=self.reason), self.args


class SetupError(KilnError):
    """This machine lacks something: an optional extra, a right to write, disk space."""

    exit_code = 4


class BackendError(KilnError):
    """A model or a native library failed; the input and the set-up were in order."""

    exit_code = 5


class TimeLimitError(BackendError):
    """A step ran past its time limit and was stopped."""


class PostconditionError(KilnError):
    """A stage looked at its own result and it is not what the stage promises."""

    exit_code = 6


class ContractError(PostconditionError):
    """The finished asset breaks limits of its contract, and nothing on the contract's ladder cured that."""

    def __init__(self, message: str, *, verdict: Any = None) -> None:
        super().__init__(message)
        self.verdict = verdict
        """The asset.Verdict, limit by limit."""


class StorageError(KilnError):
    """Stored bytes are missing, damaged or out of reach, or cannot be kept; `kind` tells a program which."""

    exit_code = 7

    def __init__(self, message: str, *, kind: StorageFault = "unavailable") -> None:
        super().__init__(message)
        self.kind: StorageFault = kind


class AlreadyStored(StorageError):
    """Another content is stored under that key; it was not touched."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="exists")


class BudgetError(KilnError):
    """It would cost more than a budget or a day's quota leaves; nothing was started and nothing was charged."""

    exit_code = 8


class Cancelled(KilnError):
    """The user said stop; nothing half-written is left behind."""

    exit_code = 130


def is_disk_full(error: BaseException) -> bool:
    """Whether the system had no room, or a quota left none: nobody's input is to blame."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown name: the nearest known one, or the list of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"

"""Every error that a user can meet, with the exit code of its kind.

ScalableError
├── UsageError       2  the command line
├── ManifestError    3  the manifest; carries every problem found
├── SetupError       4  this machine or account: no docker, no credentials
├── RefusedError     5  over budget, not confirmed, capability missing
├── StoppedError     6  stopped by budget or time limit
├── ProviderError    7  the cloud or the batch system said no
├── StorageError     8  reading or writing a store
├── ImageError       9  a container image
└── MismatchError   11  verification found a difference
"""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.problem import Problem


class Exit(IntEnum):
    """What the process returns; documented in the README, one test each."""

    OK = 0
    STEP_FAILED = 1
    USAGE = 2
    MANIFEST = 3
    SETUP = 4
    REFUSED = 5
    STOPPED = 6
    PROVIDER = 7
    STORAGE = 8
    IMAGE = 9
    WORK_TO_DO = 10
    MISMATCH = 11
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


class ScalableError(Exception):
    """Says what is wrong in the user's words; `hint` says what to do next."""

    exit = Exit.BUG

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint
        if hint is not None:
            self.add_note(f"help: {hint}")  # what a Python program's traceback shows


class UsageError(ScalableError):
    """The command line cannot be understood."""

    exit = Exit.USAGE


class ManifestError(ScalableError):
    """The manifest has problems; all of them are carried, none is hidden."""

    exit = Exit.MANIFEST

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
        super().__init__(f"{count} in the manifest")
        self.problems = tuple(problems)
        for problem in self.problems:
            hint = f" (help: {problem.hint})" if problem.hint else ""
            self.add_note(f"{problem.place}: {problem.severity.value}: {problem.text}{hint}")


class SetupError(ScalableError):
    """Something that this machine or account lacks."""

    exit = Exit.SETUP


class RefusedError(ScalableError):
    """The request is understood and not carried out."""

    exit = Exit.REFUSED


class StoppedError(ScalableError):
    """A budget or a time limit ended the run."""

    exit = Exit.STOPPED


class ProviderError(ScalableError):
    """A cloud or a batch system refused or failed."""

    exit = Exit.PROVIDER


class StorageError(ScalableError):
    """A store cannot be read or written; `lasting` when trying again would not mend it."""

    exit = Exit.STORAGE

    def __init__(self, text: str, *, hint: str | None = None, lasting: bool = False) -> None:
        super().__init__(text, hint=hint)
        self.lasting = lasting


# What a network file system or a disk may get over; a full disk or a missing permission lasts.
_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOLCK,
        errno.ENOMEM,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)


def is_lasting(error: OSError) -> bool:
    """Whether trying again would not mend it."""
    return error.errno not in _PASSING


class ImageError(ScalableError):
    """A container image cannot be used."""

    exit = Exit.IMAGE


class MismatchError(ScalableError):
    """What is stored is not what was recorded."""

    exit = Exit.MISMATCH

"""A manifest opened for one target: what the commands and the Python side work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.session.open import Session, open_session, open_source

if TYPE_CHECKING:
    from scalable_cli.session.running import RunRequest, RunResult, resume_run, run_plan

__all__ = [
    "RunRequest",
    "RunResult",
    "Session",
    "open_session",
    "open_source",
    "resume_run",
    "run_plan",
]


def __getattr__(name: str) -> object:
    """Import what runs a plan when it is asked for: planning does without the engine."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scalable_cli.session import running

    return getattr(running, name)

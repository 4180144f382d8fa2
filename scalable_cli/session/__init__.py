"""A manifest opened for one target: what the commands and the Python side work with."""

from __future__ import annotations

from scalable_cli.session.open import Session, open_session
from scalable_cli.session.running import RunRequest, RunResult, resume_run, run_plan

__all__ = ["RunRequest", "RunResult", "Session", "open_session", "resume_run", "run_plan"]

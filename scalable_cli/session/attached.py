"""The run that `scalable run` has started this process for, if it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Manifest
    from scalable_cli.session.recording import WorkflowRun

# One process runs one workflow file for one run; sessions of the run's manifest share it.
_attached: list[tuple[Manifest, WorkflowRun]] = []


def attach(manifest: Manifest, run: WorkflowRun) -> None:
    """Let the sessions of this process that open `manifest` be part of the run."""
    _attached[:] = [(manifest, run)]


def attached() -> tuple[Manifest, WorkflowRun] | None:
    """The manifest and the run that this process belongs to."""
    return _attached[0] if _attached else None

"""From the run directory to what people and programs ask about a run."""

from __future__ import annotations

from scalable_cli.report.fold import fold_run, new_fold

__all__ = ["fold_run", "new_fold"]

"""From the run directory to what people and programs ask about a run."""

from __future__ import annotations

from scalable_cli.report.fold import new_fold
from scalable_cli.report.watching import Watching, fold_run

__all__ = ["Watching", "fold_run", "new_fold"]

"""Sum up a run: its steps, what they took, what failed, its cost and its results.

Usage:
  scalable report [RUN] [options]

Arguments:
  RUN  A run's name, a part of it, or its folder; the newest run if not given.

Options:
  --manifest=FILE  The manifest whose storage holds the run.

Examples:
  scalable report
  scalable report --json

Exit codes:
  0  Shown.
  5  There is no such run.
  8  The run cannot be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.commands._runs import reader_of, run_of
from scalable_cli.errors import Exit
from scalable_cli.report import fold_run
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.run_json import run_object
from scalable_cli.ui.run_text import report_text

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host


def main(args: Arguments, host: Host) -> Exit:
    """Fold the run's journal and show all of it."""
    now = host.now()
    run = fold_run(run_of(args, host), now)
    if args.flag("--json"):
        host.out.write(json_text(run_object(run, "scalable.report/1", now=now)))
    else:
        host.out.write(report_text(run, reader_of(host)))
    return Exit.OK

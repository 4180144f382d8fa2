"""Show how a run is going: its state and the counts of every task.

Usage:
  scalable status [RUN] [options]

Arguments:
  RUN  A run's name, a part of it, or its folder; the newest run if not given.

Options:
  --manifest=FILE  The manifest whose storage holds the run.

Examples:
  scalable status
  scalable status scalable-runs/run-20261122T101713-climate-3f9a1c --json

Exit codes:
  0  Shown, whatever the state is.
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
from scalable_cli.ui.run_text import status_text

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host


def main(args: Arguments, host: Host) -> Exit:
    """Fold the run's journal and show it."""
    now = host.now()
    run = fold_run(run_of(args, host), now)
    if args.flag("--json"):
        host.out.write(json_text(run_object(run, "scalable.status/1", now=now)))
    elif args.flag("--quiet"):
        host.out.write(f"{run.state.value}\n")
    else:
        host.out.write(status_text(run, reader_of(host)))
    return Exit.OK

"""Wait until a run has ended; the exit code is that of the run.

Usage:
  scalable wait [RUN] [options]

Arguments:
  RUN  A run's name, a part of it, or its folder; the newest run if not given.

Options:
  --timeout=TIME   Wait no longer than this: 90s, 30m, 2h.
  --manifest=FILE  The manifest whose storage holds the run.

Examples:
  scalable wait && scalable report
  scalable wait run-20261122T101713-climate-3f9a1c --timeout 8h

Exit codes:
  0   The run is done.
  1   A step failed.
  5   There is no such run.
  6   The run was stopped: by a limit, a signal, or on request.
  7   The run was lost: its head is gone. scalable resume goes on.
  8   The run cannot be read.
  10  The run is still going on after --timeout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.commands._runs import lost_error, run_of, show_result, wait_for
from scalable_cli.errors import Exit
from scalable_cli.model.run import RunState
from scalable_cli.session.running import RunResult

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host


def main(args: Arguments, host: Host) -> Exit:
    """Look until the run has ended, then sum it up."""
    directory = run_of(args, host)
    run = wait_for(directory, host, args.seconds("--timeout"))
    if run.state is RunState.LOST:
        raise lost_error(run, host)
    code = show_result(RunResult(run, directory), args, host)
    return Exit.WORK_TO_DO if run.state is RunState.RUNNING else code

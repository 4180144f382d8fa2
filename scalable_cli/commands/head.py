"""Be the head of a run: work on it to its end, from its directory alone.

scalable run --detach starts this in the background. Usually nobody types it.

Usage:
  scalable head RUN [options]

Arguments:
  RUN  A run's name, a part of it, or its folder.

Options:
  --manifest=FILE  The manifest whose storage holds the run.

Exit codes:
  0  Everything is done.
  1  A step failed.
  5  There is no such run, it is done, or it has a head.
  6  Stopped: a limit was reached, or on request.
  8  The storage cannot be read or written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.commands._runs import Watcher, run_of, show_result
from scalable_cli.session.running import lead_run

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.errors import Exit
    from scalable_cli.host import Host


def main(args: Arguments, host: Host) -> Exit:
    """Work on the run; what happens is told on stderr, the summary on stdout."""
    run = run_of(args, host)
    watcher = Watcher(args, host)
    try:
        result = lead_run(run, host, watcher, host.err if args.flag("--json") else None)
    finally:
        watcher.close()
    return show_result(result, args, host)

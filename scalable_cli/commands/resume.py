"""Go on with a run that failed, was stopped or was lost. Nothing is done twice.

Usage:
  scalable resume [RUN] [options]

Arguments:
  RUN  A run's name, a part of it, or its folder; the newest run if not given.

Options:
  -d, --detach     Go on in the background; nothing here needs to stay open.
  --manifest=FILE  The manifest whose storage holds the run.

Examples:
  scalable resume
  scalable resume run-20261122T101713-climate-3f9a1c

Exit codes:
  0  Everything is done; with --detach, it goes on.
  1  A step failed again.
  5  There is no such run, it is done, or it is still going on.
  6  Stopped: a limit was reached, or on request.
  8  The storage cannot be read or written.
  130, 143  Stopped by Ctrl-C, by SIGTERM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.commands._runs import (
    Watcher,
    run_of,
    show_result,
    show_started,
    stopped_text,
)
from scalable_cli.session.detach import resume_detached
from scalable_cli.session.running import resume_run

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.errors import Exit
    from scalable_cli.host import Host


def main(args: Arguments, host: Host) -> Exit:
    """Find the run, go on with it, sum up."""
    run = run_of(args, host)
    if args.flag("--detach"):
        return show_started(run, resume_detached(run, host), args, host)
    watcher = Watcher(args, host)
    try:
        result = resume_run(run, host, watcher, host.err if args.flag("--json") else None)
    except KeyboardInterrupt:
        watcher.close()
        host.err.write(stopped_text(run, host))
        raise
    finally:
        watcher.close()
    return show_result(result, args, host)

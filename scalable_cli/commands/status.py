"""Show how a run is going: its state and the counts of every task.

Usage:
  scalable status [RUN] [options]

Arguments:
  RUN  A run's name, a part of it, or its folder; the newest run if not given.

Options:
  -w, --watch      Go on until the run has ended: redrawn on a terminal, a line
                   now and then elsewhere. With --json an object on each line.
  --manifest=FILE  The manifest whose storage holds the run.

Examples:
  scalable status
  scalable status --watch
  scalable status scalable-runs/run-20261122T101713-climate-3f9a1c --json

Exit codes:
  0  Shown, whatever the state is.
  5  There is no such run.
  8  The run cannot be read.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scalable_cli.commands._runs import LOOK_S, Watcher, reader_of, run_of
from scalable_cli.errors import Exit
from scalable_cli.report import Watching, fold_run
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.run_json import run_object
from scalable_cli.ui.run_text import status_text

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.host import Host
    from scalable_cli.model.run import Run

SCHEMA = "scalable.status/1"


def main(args: Arguments, host: Host) -> Exit:
    """Fold the run's journal and show it, again and again if that is asked for."""
    directory = run_of(args, host)
    if args.flag("--watch") and args.flag("--json"):
        return _stream(directory, host)
    run = _watch(directory, args, host) if args.flag("--watch") else fold_run(directory, host.now())
    if args.flag("--json"):
        host.out.write(json_text(run_object(run, SCHEMA, now=host.now())))
    elif args.flag("--quiet"):
        host.out.write(f"{run.state.value}\n")
    else:
        host.out.write(status_text(run, reader_of(host)))
    return Exit.OK


def _watch(directory: RunDirectory, args: Arguments, host: Host) -> Run:
    """Show on stderr what moves; the run when it has ended."""
    watching = Watching(directory)
    run = watching.look(host.now())
    if run.state.ended:
        return run
    watcher = Watcher(args, host, ago_s=max(0.0, host.now() - run.created))
    watcher(directory)
    try:
        while not run.state.ended:
            watcher.show(watching.fold)
            time.sleep(LOOK_S)
            run = watching.look(host.now(), watcher.on_event)
    finally:
        watcher.close()
    return run


def _stream(directory: RunDirectory, host: Host) -> Exit:
    """One object a line, whenever something has changed."""
    watching, last = Watching(directory), None
    while True:
        run = watching.look(host.now())
        if run != last:
            shown = run_object(run, SCHEMA, now=host.now())
            host.out.write(json_text(shown, indent=None))
            host.out.flush()
        if run.state.ended:
            return Exit.OK
        last = run
        time.sleep(LOOK_S)

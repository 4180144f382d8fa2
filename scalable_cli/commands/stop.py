"""End a run: running steps finish, no other starts. scalable resume goes on.

Usage:
  scalable stop [RUN] [options]

Arguments:
  RUN  A run's name, a part of it, or its folder; the newest run if not given.

Options:
  --now            Interrupt running steps too; scalable resume runs them again.
  --no-wait        Ask for it, and do not wait until it has happened.
  --timeout=TIME   Wait no longer than this; 10m if not given.
  --manifest=FILE  The manifest whose storage holds the run.

Examples:
  scalable stop
  scalable stop run-20261122T101713-climate-3f9a1c --now

Exit codes:
  0   The run has ended, or will: with --no-wait.
  5   There is no such run.
  7   The run was lost: its head is gone. scalable resume goes on.
  8   The storage cannot be read or written.
  10  The run is still going on after --timeout; it ends when it can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.commands._runs import lost_error, reader_of, run_of, wait_for
from scalable_cli.engine.control import request_stop
from scalable_cli.engine.limits import Mode
from scalable_cli.errors import Exit
from scalable_cli.model.run import RunState, StepState
from scalable_cli.report import fold_run
from scalable_cli.ui.columns import count_of
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.run_json import run_object
from scalable_cli.ui.run_text import run_name, summary_text

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.model.run import Run

PATIENCE_S = 600.0


def main(args: Arguments, host: Host) -> Exit:
    """Leave the request in the run's directory and see what comes of it."""
    directory = run_of(args, host)
    timeout_s = args.seconds("--timeout")
    run = fold_run(directory, host.now())
    if run.state is RunState.RUNNING:
        mode = Mode.NOW if args.flag("--now") else Mode.DRAIN
        request_stop(directory, mode, host.now())
        _say(_asked(run, mode, host), args, host)
        wait_s = 0.0 if args.flag("--no-wait") else timeout_s
        run = wait_for(directory, host, PATIENCE_S if wait_s is None else wait_s)
    if run.state is RunState.LOST:
        raise lost_error(run, host)
    _show(run, args, host)
    late = run.state is RunState.RUNNING and not args.flag("--no-wait")
    return Exit.WORK_TO_DO if late else Exit.OK


def _asked(run: Run, mode: Mode, host: Host) -> str:
    """What will happen now."""
    running = run.count(StepState.RUNNING)
    if mode is Mode.NOW:
        return f"{run.id} ends now; {count_of(running, 'running step')} will be interrupted"
    after = f"after {count_of(running, 'running step')}" if running else "as soon as it can"
    name = run_name(run, str(host.cwd))
    return f"{run.id} ends {after}; interrupt with: scalable stop {name} --now"


def _say(text: str, args: Arguments, host: Host) -> None:
    if not args.flag("--quiet") and not args.flag("--json"):
        host.err.write(f"{text}\n")
        host.err.flush()


def _show(run: Run, args: Arguments, host: Host) -> None:
    if args.flag("--json"):
        host.out.write(json_text(run_object(run, "scalable.run/1", now=host.now())))
    elif not args.flag("--no-wait") or run.state.ended:
        host.out.write(summary_text(run, reader_of(host)))

"""Run what is new or changed. What ran before and is unchanged is not run again.

Usage:
  scalable run [FILE] [--only=TASK]... [--set=KEY=VALUE]... [options]

Arguments:
  FILE  A manifest, or a Python workflow beside one (workflow.py);
        $SCALABLE_MANIFEST or scalable.yaml if not given.

Options:
  -t, --target=NAME  Where to run; the first target if not given.
  --overlay=NAME     Apply this overlay of the manifest.
  --set=KEY=VALUE    Change a key of the target: max_workers=8. Repeatable.
  --only=TASK        Only this task and what it needs. Repeatable.
  --force            Run every step, cached or not.
  -d, --detach       Run in the background; nothing here needs to stay open.
  -k, --keep-going   After a failure go on with what does not depend on it.
  --max-failures=N   End the run when so many steps have failed, with -k.
  --max-duration=TIME
                     End the run after this time: 90s, 30m, 2h. Running steps
                     finish.
  --budget=AMOUNT    Refuse to start above this, and end the run when it has
                     cost that: 25 or 25USD; the manifest's if not given.
  -y, --yes          Do not ask before money is spent.
  -n, --dry-run      Show the plan and stop, as scalable plan does.
  --python=PATH      The Python for Python tasks and workflows; $VIRTUAL_ENV,
                     $CONDA_PREFIX or python3 if not given.
  --env-file=FILE    Read variables from this file; the environment wins.

Examples:
  scalable run
  scalable run demo/scalable.yaml --only simulate
  scalable run workflow.py --target local -k
  scalable run --detach --max-duration 8h

Exit codes:
  0  Everything is done; with --detach, it goes on: see scalable wait.
  1  A step failed; scalable resume goes on.
  2  The command line is wrong.
  3  The manifest has problems.
  5  Refused: over budget, not confirmed, or a target that this version does not
     start.
  6  Stopped: by the budget, a time limit, too many failures, or scalable stop.
  8  The storage cannot be read or written.
  130, 143  Stopped by Ctrl-C, by SIGTERM; scalable resume goes on.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli import wiring
from scalable_cli.commands._amounts import check_budget, read_budget
from scalable_cli.commands._opening import run_command, session_of, startable, times_of
from scalable_cli.errors import Exit, RefusedError
from scalable_cli.pricing import Usage
from scalable_cli.ui.estimate_text import time_text, total_text
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.plan_json import plan_object
from scalable_cli.ui.plan_text import PlanView, plan_text, task_table
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.model.estimate import Estimate
    from scalable_cli.session import Session


def main(args: Arguments, host: Host) -> Exit:
    """Plan, price, confirm, run, sum up."""
    session = _open(args, host)
    dry = args.flag("--dry-run")
    if not dry:
        wiring.require_launcher(session.manifest.target)
    plan = session.plan(force=args.flag("--force"), only=args.texts("--only"))
    view = PlanView(plan, session.estimate(plan, Usage()), times_of(session, plan))
    command = run_command(session.manifest, args)
    if dry:
        look = look_of(host.out, host.environ)
        known = command if startable(session.manifest) else None
        as_json = args.flag("--json")
        host.out.write(json_text(plan_object(view)) if as_json else plan_text(view, known, look))
    check_budget(view.estimate, read_budget(args, session.manifest.project.budget))
    if dry:
        return Exit.OK
    _tell(view, args, host)
    confirm(view.estimate, args, host)
    return _run(session, view, command, args, host)


def _open(args: Arguments, host: Host) -> Session:
    """The session of the manifest, or of the manifest beside the workflow that is named."""
    name = args.text("FILE")
    if name is None or not name.endswith(".py"):
        return session_of(args, host, name)
    workflow = host.cwd / name
    beside = Path(name).parent / "scalable.yaml"
    manifest = None if host.environ.get("SCALABLE_MANIFEST") else str(beside)
    session = session_of(args, host, manifest)
    if not workflow.is_file():
        raise RefusedError(f'there is no workflow "{name}"')
    path = os.path.relpath(workflow.resolve(), Path(session.manifest.folder).resolve())
    project = replace(session.manifest.project, workflow=path)
    return replace(session, manifest=replace(session.manifest, project=project))


def _tell(view: PlanView, args: Arguments, host: Host) -> None:
    """What is about to happen, in a few lines."""
    if args.flag("--quiet") or args.flag("--json"):
        return
    look = look_of(host.err, host.environ)
    lines = [*task_table(view, look), f"Cost  {total_text(view.estimate)}"]
    lines += [f"Time  {time_text(view.estimate)}"] if view.plan.to_run else []
    host.err.write("".join(f"{line}\n" for line in [*lines, ""]))
    host.err.flush()


def confirm(estimate: Estimate, args: Arguments, host: Host) -> None:
    """Ask on a terminal, and only before money is spent; raises RefusedError without a yes."""
    spends = estimate.total > 0 or estimate.incomplete
    if not spends or args.flag("--yes") or not host.interactive:
        return
    host.err.write(f"This run costs {total_text(estimate)}. Start it? [y/N] ")
    host.err.flush()
    if host.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError("not confirmed; nothing was started", hint="--yes starts without asking")


def _run(session: Session, view: PlanView, command: list[str], args: Arguments, host: Host) -> Exit:
    from scalable_cli.commands._runs import Watcher, show_result, show_started, stopped_text
    from scalable_cli.session.detach import start_head
    from scalable_cli.session.running import RunRequest, prepare_run, run_plan

    named = (args.text("FILE") or "").endswith(".py")
    request = RunRequest(
        tuple(command),
        keep_going=args.flag("--keep-going"),
        budget=read_budget(args, session.manifest.project.budget),
        max_duration_s=args.seconds("--max-duration"),
        max_failures=args.integer("--max-failures"),
        python=args.text("--python"),
        workflow=session.manifest.project.workflow if named else None,
        out=host.err if args.flag("--json") else None,
    )
    if args.flag("--detach"):
        directory, _ = prepare_run(session, view.plan, view.estimate, request)
        return show_started(directory, start_head(directory, host), args, host)
    watcher = Watcher(args, host)
    try:
        result = run_plan(session, view.plan, view.estimate, request, watcher)
    except KeyboardInterrupt:
        watcher.close()
        if watcher.directory is not None:
            host.err.write(stopped_text(watcher.directory, host))
        raise
    finally:
        watcher.close()
    return show_result(result, args, host)

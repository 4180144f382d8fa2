"""Show what a run would do, why, how long it takes, and what it costs.

Nothing is started and no connection is made: prices come with scalable.

Usage:
  scalable plan [MANIFEST] [--sweep=KEY=VALUES]... [--only=TASK]...
                [--set=KEY=VALUE]... [options]

Arguments:
  MANIFEST  The manifest; $SCALABLE_MANIFEST or scalable.yaml if not given.

What:
  -t, --target=NAME    Where to run; the first target if not given.
  --overlay=NAME       Apply this overlay of the manifest.
  --set=KEY=VALUE      Change a key of the target: worker_cpu=8192. Repeatable.
  --only=TASK          Only this task and what it needs. Repeatable.
  --force              Run every step, cached or not.
  --env-file=FILE      Read variables from this file; the environment wins.
  -n, --dry-run        Accepted, and true of every plan.

Cost:
  --hours=N            How long the run takes, instead of the steps' durations.
  --workers=N          How many workers.
  --output-gb=N        How much the run stores.
  --transfer-gb=N      How much is downloaded from the cloud.
  --spot               Price interruptible capacity.
  --compare            All targets of the manifest side by side.
  --sweep=KEY=VALUES   Cost and time for several values: worker_cpu=1024,4096 or
                       workers=1..8. Twice makes a grid.
  --budget=AMOUNT      Exit with 5 above this: 25 or 25USD; the budget of the
                       manifest if not given.

Output:
  --exit-code          Exit with 10 when there is a step to run.
  -o, --output=FILE    Also write the JSON object to this file.

Examples:
  scalable plan
  scalable plan --target aws --hours 2 --output-gb 50 --transfer-gb 10
  scalable plan --compare
  scalable plan --target aws --sweep workers=1..8 --sweep worker_cpu=2048,4096

Exit codes:
  0   Planned.
  2   The command line is wrong.
  3   The manifest has problems.
  5   The estimate is above the budget.
  10  With --exit-code: there is a step to run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.commands._amounts import check_budget, read_budget, read_usage
from scalable_cli.commands._offers import compare, sweep
from scalable_cli.commands._opening import run_command, session_of, startable, times_of
from scalable_cli.errors import Exit, StorageError, UsageError
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.offers import compare_text, offers_object, sweep_text
from scalable_cli.ui.plan_json import plan_object
from scalable_cli.ui.plan_text import PlanView, plan_summary, plan_text, step_lines
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.pricing import Usage
    from scalable_cli.session import Session


def main(args: Arguments, host: Host) -> Exit:
    """Make a plan, price it, show it, judge it."""
    usage = read_usage(args)
    session = session_of(args, host)
    if args.flag("--compare") or args.texts("--sweep"):
        return _offer(session, usage, args, host)
    budget = read_budget(args, session.manifest.project.budget)
    plan = session.plan(force=args.flag("--force"), only=args.texts("--only"))
    view = PlanView(plan, session.estimate(plan, usage), times_of(session, plan))
    text = "" if args.flag("--json") else _text(view, args, host)
    _show(plan_object(view), text, args, host)
    check_budget(view.estimate, budget)
    work = args.flag("--exit-code") and plan.to_run
    return Exit.WORK_TO_DO if work else Exit.OK


def _offer(session: Session, usage: Usage, args: Arguments, host: Host) -> Exit:
    """Show the same work priced several ways; no budget judges it."""
    axes, force, only = args.texts("--sweep"), args.flag("--force"), args.texts("--only")
    look = look_of(host.out, host.environ)
    if axes and args.flag("--compare"):
        raise UsageError("--compare and --sweep do not go together")
    if axes:
        offers = sweep(session, usage, axes, force=force, only=only)
        schema, text = "scalable.sweep/1", sweep_text(offers, look)
    else:
        offers = compare(session, usage, force=force, only=only)
        schema, text = "scalable.compare/1", compare_text(offers, look)
    _show(offers_object(schema, offers), text, args, host)
    return Exit.OK


def _text(view: PlanView, args: Arguments, host: Host) -> str:
    if args.flag("--quiet"):
        return plan_summary(view)
    steps = "".join(f"{line}\n" for line in step_lines(view.plan)) if args.flag("--verbose") else ""
    manifest = view.plan.manifest
    command = run_command(manifest, args) if startable(manifest) else None
    screen = plan_text(view, command, look_of(host.out, host.environ))
    return f"{steps}\n{screen}" if steps else screen


def _show(value: Mapping[str, object], text: str, args: Arguments, host: Host) -> None:
    """Write the text, or the object with `--json`; the object also to the `--output` file."""
    name = args.text("--output")
    as_json = args.flag("--json")
    if name is not None:
        try:
            (host.cwd / name).write_text(json_text(value), encoding="utf-8")
        except OSError as error:
            raise StorageError(f'cannot write "{name}": {error.strerror}') from error
    host.out.write(json_text(value) if as_json else text)
    host.out.flush()

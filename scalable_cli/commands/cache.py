"""Explain why the steps of a task run again, or do not.

Usage:
  scalable cache explain TASK [MANIFEST] [options]

Arguments:
  TASK      A task, or one step of it: simulate, 'simulate[scenario=3]'.
  MANIFEST  The manifest; $SCALABLE_MANIFEST or scalable.yaml if not given.

Options:
  -t, --target=NAME  For this target; the first one if not given.
  --overlay=NAME     Apply this overlay of the manifest.
  --env-file=FILE    Read variables from this file; the environment wins.

Examples:
  scalable cache explain simulate
  scalable cache explain simulate study/scalable.yaml --verbose

Exit codes:
  0  Explained.
  2  There is no such task or step.
  3  The manifest has problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.arguments import closest
from scalable_cli.commands._opening import session_of
from scalable_cli.errors import Exit, UsageError
from scalable_cli.ui.cache_text import Explained, explain_object, explain_text
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.model.plan import Plan

_FIRST = 20


def main(args: Arguments, host: Host) -> Exit:
    """Plan, and tell of each step of the task what its result is or why it has none."""
    plan = session_of(args, host).plan()
    found = _find(plan, args.text("TASK") or "")
    if args.flag("--json"):
        host.out.write(json_text(explain_object(found)))
    else:
        most = len(found.steps) if args.flag("--verbose") else _FIRST
        host.out.write(explain_text(found, most, look_of(host.out, host.environ)))
    return Exit.OK


def _find(plan: Plan, name: str) -> Explained:
    task_name = name.partition("[")[0]
    planned = next((task for task in plan.tasks if task.task.name == task_name), None)
    if planned is None:
        close = closest(task_name, [task.task.name for task in plan.tasks])
        hint = f'did you mean "{close}"?' if close else None
        raise UsageError(f'there is no task "{task_name}"', hint=hint)
    steps = tuple(plan.steps[index] for index in planned.steps)
    if "[" in name:
        ids = [step.id for step in steps]
        steps = tuple(step for step in steps if step.id == name)
        if not steps:
            close = closest(name, ids)
            hint = f"did you mean '{close}'?" if close else None
            raise UsageError(f'there is no step "{name}"', hint=hint)
    return Explained(planned, steps)

"""A plan as text: what runs and why, what it costs, how long it takes."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from scalable_cli.model.units import show_duration
from scalable_cli.ui.columns import align, count_of
from scalable_cli.ui.estimate_text import estimate_text, time_text, total_text
from scalable_cli.ui.places import place_of, service_of
from scalable_cli.ui.reasons import counts_of, why_text
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scalable_cli.model.estimate import Estimate, TimeEstimate
    from scalable_cli.model.plan import Plan, Step
    from scalable_cli.ui.reasons import TaskCounts
    from scalable_cli.ui.terminal import Look

_HEADER = ("TASK", "COMPONENT", "STEPS", "CACHED", "RUN", "WHY", "TIME/STEP")
_NUMBERS = (2, 3, 4)
_WHY = 5
_LEAST_WHY = 12


@dataclass(frozen=True, slots=True)
class PlanView:
    """What the plan's screen shows; `times` is task name to the time of one step."""

    plan: Plan
    estimate: Estimate
    times: Mapping[str, TimeEstimate]


def plan_text(view: PlanView, command: Sequence[str] | None, look: Look = PLAIN) -> str:
    """The whole screen; `command` is what runs this plan, None where nothing can."""
    plan = view.plan
    manifest = plan.manifest
    target = f"target '{manifest.target.name}' ({place_of(manifest.target)})"
    lines = [
        f"{look.bold(manifest.path)} -> {target}",
        "",
        *task_table(view, look),
        "",
    ]
    text = "".join(f"{line}\n" for line in lines)
    if plan.to_run or by_workflow(plan):
        text += estimate_text(view.estimate, manifest.target, look)
        text += f"Time      {time_text(view.estimate)}\n"
    text += f"Lock      {manifest.lock}\n"
    return text + closing(view, command, look)


def plan_summary(view: PlanView) -> str:
    """The plan in one line, for `--quiet`."""
    plan = view.plan
    steps = f"{plan.to_run:,} of {count_of(len(plan.steps), 'step')} to run"
    return f"{steps}, {total_text(view.estimate)}, {time_text(view.estimate)}\n"


def closing(view: PlanView, command: Sequence[str] | None, look: Look = PLAIN) -> str:
    """What comes next: nothing was started, and the command that starts it."""
    waiting = by_workflow(view.plan)
    if not view.plan.steps and not waiting:
        return "Nothing to run: the manifest has no tasks.\n"
    if not view.plan.to_run and not waiting:
        return "Nothing to run: every step is cached.\n"
    if command is None:
        service = service_of(view.plan.manifest.target)
        return f"Nothing was started; this version does not start runs on {service}.\n"
    if waiting and view.plan.workflow is None:
        return f"Nothing was started. {waiting[0]} needs a command, or a workflow.py.\n"
    return f"Nothing was started. Run: {look.cyan(shlex.join(command))}\n"


def by_workflow(plan: Plan) -> list[str]:
    """The tasks that have no steps of their own, since the project's workflow does them."""
    return [planned.task.name for planned in plan.tasks if planned.task.runs_in_workflow]


def task_table(view: PlanView, look: Look = PLAIN) -> list[str]:
    """One row a task, then the sums."""
    counted = counts_of(view.plan)
    rows = [list(_HEADER), *(_row(counts, view.times) for counts in counted)]
    if len(counted) > 1:
        sums = (
            sum(counts.steps for counts in counted),
            sum(counts.cached for counts in counted),
            sum(counts.to_run for counts in counted),
        )
        rows.append(["", "", *(f"{number:,}" for number in sums), "", ""])
    if not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    first, *others = align(_fit(rows, look.columns), right=_NUMBERS)
    return [look.bold(first), *others]


def step_lines(plan: Plan) -> Iterator[str]:
    """Every step with its state and reason, for `--verbose`."""
    for step in plan.steps:
        yield f"  {_state(step):<6}  {step.id}" + (f"  ({step.reason.text})" if step.reason else "")


def _state(step: Step) -> str:
    return "cached" if step.cached else "run"


def _row(counts: TaskCounts, times: Mapping[str, TimeEstimate]) -> list[str]:
    task = counts.task.task
    if task.runs_in_workflow:
        return [task.name, task.component, "-", "-", "-", "by the workflow", ""]
    time = times.get(task.name)
    return [
        task.name,
        task.component,
        f"{counts.steps:,}",
        f"{counts.cached:,}",
        f"{counts.to_run:,}",
        why_text(counts),
        f"{show_duration(time.seconds)} {time.basis.kind.value}" if time else "",
    ]


def _fit(rows: list[list[str]], columns: int | None) -> list[list[str]]:
    """Rows that fit on the screen: reasons that are too long go on in a row of their own."""
    if columns is None:
        return rows
    others = sum(max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0])) if i != _WHY)
    width = max(_LEAST_WHY, columns - others)
    fitted = []
    for row in rows:
        first, *more = wrap(row[_WHY], width) or [""]
        fitted.append([*row[:_WHY], first, *row[_WHY + 1 :]])
        fitted += [[""] * _WHY + [part] + [""] * (len(row) - _WHY - 1) for part in more]
    return fitted

"""A run as text: how it is going, and how it ended."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.run import RunState, StepState
from scalable_cli.model.units import show_bytes, show_duration
from scalable_cli.ui.columns import align, count_of
from scalable_cli.ui.money import show_money
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.run import Failure, Run, TaskProgress
    from scalable_cli.ui.terminal import Look

TAIL_LINES = 20
_SHOWN = 10
_STATES = (
    (StepState.DONE, "done"),
    (StepState.CACHED, "cached"),
    (StepState.RUNNING, "running"),
    (StepState.WAITING, "waiting"),
    (StepState.SKIPPED, "skipped"),
    (StepState.FAILED, "failed"),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: how their screen looks, the folder they are in, and when (None: at its end)."""

    look: Look = PLAIN
    cwd: str | None = None
    now: float | None = None


def summary_text(run: Run, reader: Reader) -> str:
    """How the run is or ended: state, counts, cost, where the results are, next commands."""
    look = reader.look
    rows = [("Steps", _counts(run)), ("Cost", _cost(run))]
    if run.count(StepState.DONE) + run.count(StepState.CACHED) or run.artifacts:
        rows.append(("Results", run.results))
    if run.reason:
        rows.append(("Reason", run.reason))
    first, *others = next_commands(run, reader.cwd)
    rows += [("Next", look.cyan(first)), *(("", look.cyan(other)) for other in others)]
    lines = [_title(run, reader), *(f"  {line}" for line in align(rows))]
    return "".join(f"{line}\n" for line in lines)


def status_text(run: Run, reader: Reader) -> str:
    """The summary with one row a task."""
    table = align([_HEADER, *(_row(task) for task in run.tasks)], right=range(2, 8))
    lines = [reader.look.bold(table[0]), *table[1:], ""] if run.tasks else []
    return "".join(f"{line}\n" for line in lines) + summary_text(run, reader)


def report_text(run: Run, reader: Reader) -> str:
    """Everything about a run: tasks with what they took, failures, stored artifacts."""
    look = reader.look
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(run.created))
    facts = [
        ("Project", run.project),
        ("Manifest", f"{run.manifest} ({run.manifest_lock})"),
        ("Target", f"{run.target} ({run.provider})"),
        ("Started", started),
        ("Version", f"scalable {run.version}"),
    ]
    used = align([_USED, *(_usage(task) for task in run.tasks)], right=range(1, 6))
    parts = [
        summary_text(run, reader),
        "".join(f"  {line}\n" for line in align(facts)),
        "".join(f"{line}\n" for line in (look.bold(used[0]), *used[1:])) if run.tasks else "",
        "".join(f"{failure_line(failure, look)}\n" for failure in run.failures),
        "".join(f"  {show_bytes(a.size):>9}  {a.uri}\n" for a in run.artifacts),
    ]
    return "\n".join(part for part in parts if part)


def failures_text(
    failures: Sequence[Failure], uri: str, tail: Sequence[str], look: Look = PLAIN
) -> str:
    """The failed steps; of the first the log's place and its last lines, which come last."""
    first, *others = failures
    lines = [failure_line(failure, look) for failure in others[:_SHOWN]]
    if len(others) > _SHOWN:
        lines.append(f"and {count_of(len(others) - _SHOWN, 'more failed step')}")
    lines.append(failure_line(first, look))
    if first.log:
        lines.append(f"  log: {uri}/{first.log}")
    if tail:
        lines.append(look.dim(f"  the last {count_of(len(tail), 'line')}:"))
        lines += [f"  | {line}" for line in tail]
    return "".join(f"{line}\n" for line in lines)


def failure_line(failure: Failure, look: Look = PLAIN) -> str:
    """One failed step: its name, what happened, and in which attempt."""
    attempt = f" (attempt {failure.attempt})" if failure.attempt > 1 else ""
    return f"{look.red('failed')}: {failure.step}: {failure.text}{attempt}"


def seconds_of(run: Run, now: float | None = None) -> float | None:
    """How long the run took, or has taken until `now`."""
    end = run.ended if run.ended is not None else now
    return None if end is None else max(0.0, end - run.created)


_HEADER = ("TASK", "COMPONENT", "STEPS", "DONE", "CACHED", "RUNNING", "FAILED", "WAITING")
_USED = ("TASK", "STEPS", "MEAN", "LONGEST", "CPU TIME", "PEAK MEMORY")


def _row(task: TaskProgress) -> tuple[str, ...]:
    waiting = task.steps - task.ended - task.running
    numbers = (task.steps, task.done, task.cached, task.running, task.failed, waiting)
    return (task.task, task.component, *(f"{number:,}" for number in numbers))


def _usage(task: TaskProgress) -> tuple[str, ...]:
    if not task.done:
        return (task.task, f"{task.steps:,}", "-", "-", "-", "-")
    return (
        task.task,
        f"{task.steps:,}",
        show_duration(task.seconds / task.done),
        show_duration(task.longest_s),
        show_duration(task.cpu_seconds),
        show_bytes(task.peak_memory_bytes),
    )


def _title(run: Run, reader: Reader) -> str:
    look, seconds = reader.look, seconds_of(run, reader.now)
    paint = {RunState.DONE: look.green, RunState.RUNNING: look.bold}.get(run.state, look.red)
    link = "for" if run.state is RunState.RUNNING else "after"
    link = "in" if run.state is RunState.DONE else link
    took = f" {link} {show_duration(seconds)}" if seconds is not None else ""
    return f"Run {run.id} {paint(run.state.value)}{took}"


def _counts(run: Run) -> str:
    parts = []
    for state, word in _STATES:
        count = run.count(state)
        if count or state in (StepState.DONE, StepState.CACHED, StepState.FAILED):
            parts.append(f"{count:,} {word}")
    if run.retried:
        parts.insert(-1, f"{run.retried:,} retried")
    return ", ".join(parts)


def _cost(run: Run) -> str:
    """The actual cost against the estimate: "$3.21 (estimate $3.49, -8 %)"."""
    actual = Decimal(run.cost) if run.cost else None
    estimated = Decimal(run.estimated) if run.estimated else None
    if run.provider == "local" and not actual and not estimated:
        return "no charge"
    shown = show_money(actual)
    if estimated is None:
        return f"{shown} (no estimate)"
    error = ""
    if actual is not None and estimated:
        error = f", {(actual - estimated) / estimated * 100:+.0f} %"
    return f"{shown} (estimate {show_money(estimated)}{error})"


def next_commands(run: Run, cwd: str | None = None) -> list[str]:
    """What to type next; a run of another folder's manifest is named by where it lies."""
    name = run_name(run, cwd)
    if run.state is RunState.RUNNING:
        return [
            f"scalable status {name} --watch",
            f"scalable logs {name} --follow",
            f"scalable stop {name}",
        ]
    if run.state is RunState.DONE:
        return [f"scalable report {name}"]
    logs = [f"scalable logs {name} --failed"] if run.failures else []
    return [*logs, f"scalable resume {name}"]


def run_name(run: Run, cwd: str | None = None) -> str:
    """What commands that are called in the folder `cwd` find the run by."""
    if run.manifest == "scalable.yaml":
        return run.id
    return shlex.quote(run.uri.removeprefix(f"{cwd}/") if cwd else run.uri)


def started_text(run: Run, pid: int, reader: Reader) -> str:
    """That a run goes on in the background, and how to look at it and to end it."""
    look = reader.look
    first, *others = next_commands(run, reader.cwd)
    rows = [("Next", look.cyan(first)), *(("", look.cyan(other)) for other in others)]
    title = f"Run {run.id} {look.bold('started')} in the background (process {pid})"
    return "".join(f"{line}\n" for line in [title, *(f"  {line}" for line in align(rows))])

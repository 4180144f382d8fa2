"""A run as a JSON object: `scalable.run/1`, `…status/1`, `…report/1` and `…started/1`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from scalable_cli.model.run import StepState
from scalable_cli.ui.run_text import next_commands, seconds_of

if TYPE_CHECKING:
    from scalable_cli.model.run import Failure, Run, TaskProgress


def run_object(run: Run, schema: str, *, now: float | None = None) -> dict[str, object]:
    """The run; costs are decimal strings, times seconds (since the epoch where a date)."""
    seconds = seconds_of(run, now)
    return {
        "schema": schema,
        "run": run.id,
        "uri": run.uri,
        "project": run.project,
        "target": run.target,
        "provider": run.provider,
        "manifest": run.manifest,
        "manifest_lock": run.manifest_lock,
        "version": run.version,
        "state": run.state.value,
        "reason": run.reason,
        "started": run.created,
        "ended": run.ended,
        "seconds": None if seconds is None else round(seconds, 3),
        "steps": {
            "total": run.steps,
            **{state.value: run.count(state) for state in StepState},
            "retried": run.retried,
        },
        "tasks": [_task(task) for task in run.tasks],
        "cost": {"currency": "USD", "actual": run.cost, "estimated": run.estimated},
        "failures": [_failure(failure, run.uri) for failure in run.failures],
        "artifacts": [asdict(artifact) for artifact in run.artifacts],
        "results": run.results,
    }


def started_object(run: Run, pid: int, cwd: str | None) -> dict[str, object]:
    """A run that goes on in the background: `scalable.started/1`."""
    return {
        "schema": "scalable.started/1",
        "run": run.id,
        "uri": run.uri,
        "pid": pid,
        "log": f"{run.uri}/logs/head.log",
        "next": next_commands(run, cwd),
    }


def _task(task: TaskProgress) -> dict[str, object]:
    return {
        "task": task.task,
        "component": task.component,
        "steps": task.steps,
        "done": task.done,
        "cached": task.cached,
        "running": task.running,
        "failed": task.failed,
        "skipped": task.skipped,
        "retried": task.retried,
        "seconds": round(task.seconds, 3),
        "longest_seconds": round(task.longest_s, 3),
        "cpu_seconds": round(task.cpu_seconds, 3),
        "peak_memory_bytes": task.peak_memory_bytes,
    }


def _failure(failure: Failure, uri: str) -> dict[str, object]:
    return {
        "step": failure.step,
        "attempt": failure.attempt,
        "kind": failure.kind.value,
        "message": failure.text,
        "exit_code": failure.exit_code,
        "log": f"{uri}/{failure.log}" if failure.log else None,
    }

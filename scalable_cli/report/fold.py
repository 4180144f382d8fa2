"""A run as its directory tells it: identity, journal, lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.engine.lease import read_holder
from scalable_cli.journal.fold import Fold, read_events
from scalable_cli.model.run import Run, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scalable_cli.engine.rundir import RunDirectory


def new_fold(facts: Mapping[str, object]) -> Fold:
    """A fold that knows the tasks of `run.json` and no event yet."""
    fold = Fold()
    tasks = facts.get("tasks")
    if isinstance(tasks, list):
        for task, component, steps in tasks:
            fold.declare(str(task), str(component), int(steps))
    return fold


def fold_run(run: RunDirectory, now: float) -> Run:
    """The state of a run; LOST when no head is at work and none said goodbye."""
    facts = run.read_json("run.json")
    fold = new_fold(facts)
    for event in read_events(run.store, run.id):
        fold.take(event)
    return describe(run, facts, fold, now)


def describe(run: RunDirectory, facts: Mapping[str, object], fold: Fold, now: float) -> Run:
    """The run as a value, from its identity and what was folded."""
    state = fold.state
    if state is RunState.RUNNING:
        holder = read_holder(run)
        if holder is None or not holder.alive(now):
            state = RunState.LOST

    def text(name: str) -> str | None:
        value = facts.get(name)
        return None if value is None else str(value)

    return Run(
        run.id,
        run.uri,
        text("project") or "",
        text("target") or "",
        text("provider") or "",
        text("manifest") or "",
        text("manifest_lock") or "",
        state,
        float(text("created") or 0),
        fold.ended,
        text("version") or "",
        fold.progress(),
        tuple(fold.failures.values()),
        tuple(fold.artifacts.values()),
        cost=fold.cost,
        estimated=text("estimated"),
        estimated_s=text("estimated_s"),
        head=fold.head,
        reason=fold.reason,
    )

"""A run as a value: identity, folded journal, lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.engine.lease import read_holder
from scalable_cli.journal.fold import Fold
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


def describe(run: RunDirectory, facts: Mapping[str, object], fold: Fold, now: float) -> Run:
    """The run as a value; LOST when no head is at work and none said goodbye."""
    state, ended = fold.state, fold.ended
    holder = read_holder(run)
    if holder is None or not holder.alive(now):
        state = RunState.LOST if state is RunState.RUNNING else state
    elif holder.generation > fold.generation:
        # A new head, which has written nothing yet.
        state, ended = RunState.RUNNING, None

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
        ended,
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

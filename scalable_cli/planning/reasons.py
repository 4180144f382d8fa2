"""Why a step must run: what is different from the last run that had it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.model.plan import FileInput, Reason, Why
from scalable_cli.planning.match import match_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scalable_cli.model.cache import Known, PastStep, TaskHistory
    from scalable_cli.model.plan import InputRef, PlannedTask
    from scalable_cli.planning.draft import Draft
    from scalable_cli.planning.status import Status

_SHOWN = 3

NEW = Reason(Why.NEW, "new")
FORCED = Reason(Why.FORCED, "forced")
UNCACHED = Reason(Why.UNCACHED, "cache is off")
UPSTREAM = Reason(Why.UPSTREAM, "upstream runs")
MISSING = Reason(Why.MISSING, "output missing")

# The parts of a key that belong to the task itself, and how a change of each is told.
_COMMAND = {"command": "", "arguments": "", "python": "", "task env": " (env)"}


def reasons_of(draft: Draft, status: Status, known: Known, *, forced: bool) -> list[Reason | None]:
    """A reason for each step that is not cached, None for the others.

    The history of the task is read only when a step must run. The nearest cause is told:
    forced, cache off, new, then what the user changed, then what follows from upstream.
    """
    waiting = [index for index, record in enumerate(status.records) if record is None]
    if len(waiting) == 0:
        return [None] * len(status.records)
    task = draft.planned.task
    if forced or not task.cache:
        return [FORCED if forced else UNCACHED] * len(status.records)
    history = known.history(task.name)
    reasons: list[Reason | None] = [None] * len(status.records)
    explain = _Explainer(draft, status, history)
    for index in waiting:
        reasons[index] = explain.reason(index)
    return reasons


class _Explainer:
    """The reasons of one task's steps."""

    def __init__(self, draft: Draft, status: Status, history: TaskHistory | None) -> None:
        self._draft = draft
        self._status = status
        self._change = _task_change(draft.planned, history) if history else None
        self._matches: Mapping[int, tuple[PastStep, str | None]] = {}
        if history:
            names = draft.planned.task.matrix_names
            texts = [tuple([value.text for value in row]) for row in draft.expanded.values]
            wanted = [i for i, record in enumerate(status.records) if record is None]
            self._matches = match_steps(names, texts, wanted, history)

    def reason(self, index: int) -> Reason:
        if index in self._status.missing:
            return MISSING
        match = self._matches.get(index)
        if match is None:
            return NEW
        past, parameter = match
        if self._change is not None:
            return self._change
        if parameter is not None:
            return Reason(Why.PARAMETER, parameter)
        return self._later_reason(index, past)

    def _later_reason(self, index: int, past: PastStep) -> Reason:
        """The reason of a step whose own definition is as it was."""
        digests = self._status.inputs[index]
        if digests is None:
            return UPSTREAM
        _, inputs = self._draft.links[index]
        before = dict(past.inputs)
        for item in inputs:
            if before.get(item.name) != digests[item.name]:
                return Reason(Why.INPUT, f"input {_label(item)} changed")
        return MISSING if past.key == self._status.keys[index] else NEW


def _task_change(planned: PlannedTask, history: TaskHistory) -> Reason | None:
    """What changed for all steps of a task; None when nothing did."""
    changed = _differences(planned.parts, history.parts)
    command = [name for name in changed if name in _COMMAND]
    if command:
        return Reason(Why.COMMAND, f"command changed{_COMMAND[command[0]]}")
    if "outputs" in changed:
        return Reason(Why.OUTPUTS, "outputs changed")
    if changed:
        return Reason(Why.COMPONENT, f"component changed ({_few(changed)})")
    own = {item.path for item in planned.task.inputs if item.path is not None}
    files = _differences([(file.path, file.digest) for file in planned.code], history.code)
    files = [path for path in files if path not in own]
    return Reason(Why.CODE, f"code changed ({_few(files)})") if files else None


def _differences(now: Iterable[tuple[str, str]], before: Iterable[tuple[str, str]]) -> list[str]:
    """The names whose texts differ, or that only one side has: first those of now."""
    new, old = dict(now), dict(before)
    return [name for name in {**new, **old} if new.get(name) != old.get(name)]


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _label(item: InputRef) -> str:
    return item.path if isinstance(item, FileInput) else item.label

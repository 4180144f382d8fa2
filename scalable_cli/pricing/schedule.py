"""How long the steps of a plan take on so many workers, and how many workers they can use."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal
from heapq import heappop, heappush
from math import lcm
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import Basis, BasisKind
from scalable_cli.pricing.worker import slots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scalable_cli.model.manifest import Task
    from scalable_cli.model.plan import Plan, PlannedTask
    from scalable_cli.pricing.usage import Observed, Usage
    from scalable_cli.pricing.worker import Worker

ASSUMED_SECONDS = Decimal(3600)
WEAKEST_LAST = (
    BasisKind.OBSERVED,
    BasisKind.SAMPLE,
    BasisKind.DECLARED,
    BasisKind.ASSUMED,
    BasisKind.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall seconds with `workers` workers, and where the number comes from."""

    seconds: Decimal
    workers: int
    basis: Basis
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Duration:
    """How long one step of a task takes."""

    seconds: Decimal
    basis: Basis


def plan_timing(
    plan: Plan, worker: Worker, usage: Usage, observed: Mapping[str, Observed]
) -> Timing:
    """Time and workers of the steps that must run.

    Workers: declared, else as many as the target allows and the steps can use at once.
    A task of the workflow has no step list: it is taken to use every worker.
    """
    target = plan.manifest.target
    most = usage.workers or target.max_workers
    durations = [duration_of(task.task, observed) for task in plan.tasks]
    running = [t for t in range(len(plan.tasks)) if _runs(plan, plan.tasks[t])]
    counts = [slots(worker, task.component) for task in plan.tasks]
    milliseconds, used = simulate(plan, [_ms(d.seconds) for d in durations], counts, most)
    for t in running:
        if plan.tasks[t].task.runs_in_workflow:
            rounds = -(-plan.tasks[t].task.steps // (most * counts[t]))
            milliseconds, used = milliseconds + rounds * _ms(durations[t].seconds), most
    least = target.adaptive.minimum if target.adaptive else 1
    workers = usage.workers or min(most, max(used, least))
    if usage.hours is not None:
        return Timing(usage.hours * 3600, workers, Basis(BasisKind.DECLARED))
    basis = weakest([durations[t].basis for t in running])
    unsaid = [plan.tasks[t].task.name for t in running if _is_assumed(durations[t])]
    return Timing(Decimal(milliseconds) / 1000, workers, basis, _assumed_note(unsaid))


def has_work(plan: Plan) -> bool:
    """Whether anything must run: a step that is not cached, or a task of the workflow."""
    return any(_runs(plan, task) for task in plan.tasks)


def simulate(
    plan: Plan, milliseconds: Sequence[int], counts: Sequence[int], workers: int
) -> tuple[int, int]:
    """Start each step as soon as its needs are met and a worker has room, tasks in order.

    `milliseconds` and `counts` (steps of it that fit one worker) are by task. Returns the
    wall time and the largest number of workers in use. Room is counted over all workers
    together, so what two components of odd sizes cannot share is not seen.
    """
    unit = lcm(*counts) if counts else 1
    room = capacity = workers * unit
    cost = [unit // count for count in counts]
    ready: list[deque[int]] = [deque() for _ in plan.tasks]
    waits = _Waits(plan, ready)
    running: list[tuple[int, int]] = []
    now, lowest, steps = 0, capacity, plan.steps
    while True:
        for t, queue in enumerate(ready):
            need, end = cost[t], now + milliseconds[t]
            while queue and need <= room:
                heappush(running, (end, queue.popleft()))
                room -= need
        lowest = min(lowest, room)
        if not running:
            return now, -(-(capacity - lowest) // unit)
        now = running[0][0]
        while running and running[0][0] == now:
            step = heappop(running)[1]
            room += cost[steps[step].task]
            waits.finish(step)


class _Waits:
    """Which steps wait for what; steps that wait for the same sequence share its count."""

    def __init__(self, plan: Plan, ready: list[deque[int]]) -> None:
        self._steps, self._ready = plan.steps, ready
        by_workflow = [task.task.runs_in_workflow for task in plan.tasks]
        self._open = [s.record is None and not by_workflow[s.task] for s in plan.steps]
        self._blocked = [0] * len(plan.steps)
        self._left: list[int] = []
        self._waiting: list[list[int]] = []
        self._group_of = [-1] * len(plan.steps)
        self._more_groups: dict[int, list[int]] = {}
        seen: dict[int, int | None] = {}
        blocked, is_open = self._blocked, self._open
        for index, step in enumerate(plan.steps):
            if not is_open[index]:
                continue
            for sequence in step.needs:
                known = id(sequence)
                if known not in seen:
                    seen[known] = self._add(sequence)
                group = seen[known]
                if group is not None:
                    self._waiting[group].append(index)
                    blocked[index] += 1
            if not blocked[index]:
                ready[step.task].append(index)

    def _add(self, sequence: Sequence[int]) -> int | None:
        """A new group for the steps that must run; None when there are none."""
        members = [index for index in sequence if self._open[index]]
        if not members:
            return None
        group = len(self._left)
        self._left.append(len(members))
        self._waiting.append([])
        for index in members:
            if self._group_of[index] < 0:
                self._group_of[index] = group
            else:
                self._more_groups.setdefault(index, []).append(group)
        return group

    def finish(self, index: int) -> None:
        """Note that a step is done, and make ready what waited for it alone."""
        group = self._group_of[index]
        if group < 0:
            return
        self._left[group] -= 1
        if not self._left[group]:
            self._release(group)
        for other in self._more_groups.get(index, ()) if self._more_groups else ():
            self._left[other] -= 1
            if not self._left[other]:
                self._release(other)

    def _release(self, group: int) -> None:
        for waiting in self._waiting[group]:
            self._blocked[waiting] -= 1
            if not self._blocked[waiting]:
                self._ready[self._steps[waiting].task].append(waiting)


def duration_of(task: Task, observed: Mapping[str, Observed]) -> Duration:
    """From earlier runs, else from the manifest, else assumed."""
    if task.name in observed:
        seen = observed[task.name]
        return Duration(seen.seconds, Basis(BasisKind.OBSERVED, seen.count))
    if task.declared.duration_s is not None:
        return Duration(task.declared.duration_s, Basis(BasisKind.DECLARED))
    return Duration(ASSUMED_SECONDS, Basis(BasisKind.ASSUMED))


def weakest(bases: Sequence[Basis]) -> Basis:
    """The least certain of several; observations add up. Nothing at all is no charge."""
    known = [basis for basis in bases if basis.kind is not BasisKind.NO_CHARGE]
    if not known:
        return Basis(BasisKind.NO_CHARGE)
    last = max(known, key=lambda basis: WEAKEST_LAST.index(basis.kind))
    return last if last.count is None else _add_counts(last, known)


def _add_counts(last: Basis, known: Sequence[Basis]) -> Basis:
    distinct = {id(b): b.count for b in known if b.kind is last.kind and b.count is not None}
    return replace(last, count=sum(distinct.values()))


def _runs(plan: Plan, task: PlannedTask) -> bool:
    if task.task.runs_in_workflow:
        return True
    return any(plan.steps[index].record is None for index in task.steps)


def _is_assumed(duration: Duration) -> bool:
    return duration.basis.kind is BasisKind.ASSUMED


def _assumed_note(tasks: list[str]) -> tuple[str, ...]:
    if not tasks:
        return ()
    named = ", ".join(f'"{name}"' for name in tasks[:3]) + (" …" if len(tasks) > 3 else "")
    remedy = "say --hours, or estimate: duration in the task"
    return (f"how long a step of {named} takes is not known: 1 h is assumed; {remedy}",)


def _ms(seconds: Decimal) -> int:
    return int(seconds * 1000)

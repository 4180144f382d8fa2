"""Why the steps of a task run, summed up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.plan import Plan, PlannedTask, Reason

_SHOWN = 2


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """The steps of a task: how many, how many are cached, and why the others run."""

    task: PlannedTask
    steps: int
    cached: int
    reasons: Counter[Reason]

    @property
    def to_run(self) -> int:
        """How many steps are not cached."""
        return self.steps - self.cached


def counts_of(plan: Plan) -> tuple[TaskCounts, ...]:
    """The counts of every task, in the plan's order."""
    return tuple(_counts(plan, task) for task in plan.tasks)


def why_text(counts: TaskCounts) -> str:
    """The most frequent reasons: "new", "84 new, 36 parameter scenario 10 -> 11 and similar"."""
    kinds: dict[str, Counter[str]] = {}
    for reason, count in counts.reasons.items():
        kinds.setdefault(reason.why.value, Counter())[reason.text] += count
    ranked = sorted(kinds.values(), key=lambda texts: -texts.total())
    parts = [_kind(texts, numbered=len(ranked) > 1) for texts in ranked[:_SHOWN]]
    rest = sum(texts.total() for texts in ranked[_SHOWN:])
    return ", ".join([*parts, *([f"{rest:,} for other reasons"] if rest else [])])


def _kind(texts: Counter[str], *, numbered: bool) -> str:
    text, _ = texts.most_common(1)[0]
    count = f"{texts.total():,} " if numbered else ""
    return count + text + (" and similar" if len(texts) > 1 else "")


def _counts(plan: Plan, task: PlannedTask) -> TaskCounts:
    steps: Sequence[int] = task.steps
    # By identity first: a plan of 100,000 steps shares few reason objects.
    found: dict[int, Reason] = {}
    numbers: Counter[int] = Counter()
    cached = 0
    for index in steps:
        reason = plan.steps[index].reason
        if reason is None:
            cached += 1
        else:
            found[id(reason)] = reason
            numbers[id(reason)] += 1
    reasons: Counter[Reason] = Counter()
    for key, count in numbers.items():
        reasons[found[key]] += count
    return TaskCounts(task, len(steps), cached, reasons)

"""A plan as the JSON object `scalable.plan/1`. Amounts are decimal strings; unknown is null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.ui.money import decimal_text, money_text
from scalable_cli.ui.reasons import counts_of

if TYPE_CHECKING:
    from scalable_cli.model.estimate import Estimate, Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.ui.plan_text import PlanView
    from scalable_cli.ui.reasons import TaskCounts


def plan_object(view: PlanView) -> dict[str, object]:
    """The plan with its estimate."""
    manifest = view.plan.manifest
    return {
        "schema": "scalable.plan/1",
        **target_object(manifest.target),
        "manifest_lock": manifest.lock,
        "steps": {
            "total": len(view.plan.steps),
            "cached": len(view.plan.steps) - view.plan.to_run,
            "to_run": view.plan.to_run,
        },
        "tasks": [_task(counts) for counts in counts_of(view.plan)],
        "time": time_object(view.estimate),
        "estimate": estimate_object(view.estimate),
    }


def target_object(target: Target) -> dict[str, object]:
    """Where it would run."""
    return {
        "target": target.name,
        "provider": target.provider.value,
        "cluster_type": target.cluster_type.value if target.cluster_type else None,
        "region": target.region,
    }


def time_object(estimate: Estimate) -> dict[str, object]:
    """How long it would take, with how many workers."""
    return {
        "seconds": decimal_text(estimate.time.seconds),
        "basis": str(estimate.time.basis),
        "workers": estimate.workers,
    }


def estimate_object(estimate: Estimate) -> dict[str, object]:
    """What it would cost; `total` and `monthly` sum what is known."""
    return {
        "currency": estimate.currency,
        "priced_on": estimate.priced_on,
        "total": money_text(estimate.total),
        "monthly": money_text(estimate.monthly),
        "incomplete": estimate.incomplete,
        "basis": str(estimate.basis),
        "lines": [_line(line) for line in estimate.lines],
        "notes": list(estimate.notes),
    }


def _task(counts: TaskCounts) -> dict[str, object]:
    return {
        "task": counts.task.task.name,
        "component": counts.task.component.name,
        "steps": counts.steps,
        "cached": counts.cached,
        "to_run": counts.to_run,
        "reasons": [
            {"reason": reason.text, "steps": count}
            for reason, count in counts.reasons.most_common()
        ],
    }


def _line(line: Line) -> dict[str, object]:
    return {
        "what": line.what.value,
        "quantity": decimal_text(line.quantity),
        "unit": line.unit,
        "rate": None if line.rate is None else decimal_text(line.rate),
        "cost": money_text(line.cost),
        "period": line.period.value,
        "basis": str(line.basis),
        "note": line.note,
    }

"""Plans for the pricing tests, built from the model's types."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.cache import StepRecord
from scalable_cli.model.manifest import (
    Adaptive,
    AwsOptions,
    ClusterType,
    Component,
    GcpOptions,
    Manifest,
    Project,
    Provider,
    Target,
    TargetOptions,
    Task,
)
from scalable_cli.model.plan import Plan, PlannedTask, Step
from scalable_cli.model.problem import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.estimate import Estimate, Line

PLACE = Place("scalable.yaml", 1, 1)
ANALYSIS = Component("analysis", cpus=Decimal(4), memory_bytes=16 << 30)


def aws(cluster: ClusterType = ClusterType.FARGATE, region: str = "us-east-1", **options) -> Target:
    return Target(
        "aws",
        Provider.AWS,
        AwsOptions(**options),
        max_workers=10,
        cluster_type=cluster,
        region=region,
        adaptive=Adaptive(1, 10),
    )


def gcp(cluster: ClusterType, region: str = "us-central1", **options) -> Target:
    return Target(
        "gcp",
        Provider.GCP,
        GcpOptions(**options),
        max_workers=10,
        cluster_type=cluster,
        region=region,
    )


def plain_target(provider: Provider, options: TargetOptions, workers: int = 4) -> Target:
    return Target(provider.value, provider, options, max_workers=workers)


def workflow_plan(target: Target, component: Component = ANALYSIS, **project: str) -> Plan:
    """The tutorial's manifest: one task that the project's workflow does."""
    task = Task("run_analysis", component.name, PLACE)
    return make(target, [(task, component, 0, None)], **project)


def steps_plan(
    target: Target,
    counts: Sequence[tuple[Task, int]],
    component: Component = ANALYSIS,
    *,
    cached: int = 0,
    **project: str,
) -> Plan:
    """Tasks in a chain, each with so many steps; the first `cached` steps have a record."""
    rows = []
    for task, count in counts:
        rows.append((task, component, count, None))
    plan = make(target, rows, **project)
    record = StepRecord("k", "s", "r", (), 1.0, 1.0, 1)
    steps = tuple(
        replace(step, record=record) if i < cached else step for i, step in enumerate(plan.steps)
    )
    return replace(plan, steps=steps)


def task(name: str = "simulate", **fields) -> Task:
    return Task(name, "analysis", PLACE, command="true", **fields)


def make(target: Target, rows, default_storage: str = "s3://bucket/runs/") -> Plan:
    """Each row: task, component, number of steps, needs (None: every step of the row above)."""
    planned, steps = [], []
    above: range | None = None
    for index, (one, component, count, needs) in enumerate(rows):
        own = range(len(steps), len(steps) + count)
        shared = needs if needs is not None else ((above,) if above else ())
        steps += [Step(f"{one.name}[{i}]", index, (), shared, (), ()) for i in own]
        planned.append(PlannedTask(one, component, own, "", (), ()))
        above = own
    project = Project("demo", default_storage, "./.scalable/cache")
    components = tuple({p.component.name: p.component for p in planned}.values())
    tasks = tuple(p.task for p in planned)
    manifest = Manifest(
        "scalable.yaml", "/p", project, target, (target.name,), components, tasks, "0" * 64
    )
    return Plan(manifest, tuple(planned), tuple(steps), (), "")


def what(result: Estimate, kind: str) -> Line:
    """The first line of a kind."""
    return next(one for one in result.lines if one.what.value == kind)


def line(amount: Decimal) -> Decimal:
    """An amount as a line shows it: at most 8 decimal places."""
    return amount.quantize(Decimal("0.00000001"))

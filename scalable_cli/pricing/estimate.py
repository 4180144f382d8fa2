"""The estimate of one run on one target: workers, time, and every line of the bill."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from scalable_cli.model.estimate import Basis, BasisKind, Estimate, Period, TimeEstimate
from scalable_cli.model.manifest import ClusterType, Provider
from scalable_cli.pricing.job import Bill, Job
from scalable_cli.pricing.lines import tidy
from scalable_cli.pricing.schedule import has_work, plan_timing, weakest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scalable_cli.model.estimate import Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.schedule import Timing
    from scalable_cli.pricing.tables import PriceBook
    from scalable_cli.pricing.usage import Observed, Usage
    from scalable_cli.pricing.worker import Worker

CURRENCY = "USD"


class Service(Protocol):
    """What sells workers; one module each."""

    def worker(self, plan: Plan, target: Target, book: PriceBook) -> Worker:
        """How large one worker is."""

    def bill(self, job: Job) -> Bill:
        """What workers and head cost; never asked for no workers."""


def estimate(
    plan: Plan, usage: Usage, book: PriceBook, observed: Mapping[str, Observed]
) -> Estimate:
    """Price a plan. Unknown prices are lines without a cost; nothing to run costs nothing.

    Raises SetupError when the price tables cannot be read.
    """
    if not has_work(plan):
        return _nothing(plan)
    target = plan.manifest.target
    service = service_of(target)
    worker = service.worker(plan, target, book)
    timing = plan_timing(plan, worker, usage, observed)
    job = _job(target, usage, book, worker, timing)
    bill = service.bill(job)
    extra = _beside(plan, usage, book)
    lines = (*bill.lines, *extra.lines)
    once, month = _known(lines, Period.ONCE), _known(lines, Period.MONTH)
    unpriced = [line.note for line in lines if line.cost is None and line.note]
    notes = (*worker.notes, *timing.notes, *bill.notes, *unpriced, *extra.notes)
    return Estimate(
        currency=CURRENCY,
        priced_on=bill.priced_on,
        workers=timing.workers,
        time=TimeEstimate(timing.seconds, timing.basis),
        lines=lines,
        total=once,
        monthly=month,
        incomplete=any(line.cost is None for line in lines),
        basis=weakest([line.basis for line in lines]),
        notes=tuple(dict.fromkeys(notes)),
    )


def service_of(target: Target) -> Service:
    """The module that prices a target."""
    from scalable_cli.pricing import cloud_run, ec2, eks, fargate, free, gce, gke

    services: dict[ClusterType, Service] = {
        ClusterType.FARGATE: fargate,
        ClusterType.EC2: ec2,
        ClusterType.EKS: eks,
        ClusterType.CLOUD_RUN: cloud_run,
        ClusterType.GKE: gke,
        ClusterType.GCE: gce,
    }
    return services[target.cluster_type] if target.cluster_type else free


def _job(target: Target, usage: Usage, book: PriceBook, worker: Worker, timing: Timing) -> Job:
    """As many interruptible workers as asked for, less those that must be on demand."""
    wanted = target.spot is not None if usage.spot is None else usage.spot
    base = target.spot.base_on_demand if target.spot else 0
    spot = max(0, timing.workers - base) if wanted else 0
    workers, seconds = timing.workers, timing.seconds
    return Job(target, target.region or "", book, worker, workers, spot, seconds, timing.basis)


def _beside(plan: Plan, usage: Usage, book: PriceBook) -> Bill:
    """Storage, requests and transfer, which only clouds charge for."""
    from scalable_cli.pricing import network, storage

    if plan.manifest.target.provider not in {Provider.AWS, Provider.GCP}:
        return Bill((), None)
    stored = storage.bill(plan, usage, book)
    sent = network.bill(plan, usage, book)
    return Bill((*sent.lines, *stored.lines), None, (*sent.notes, *stored.notes))


def _known(lines: Iterable[Line], period: Period) -> Decimal:
    costs = (line.cost for line in lines if line.period is period and line.cost is not None)
    return tidy(sum(costs, Decimal(0)))


def _nothing(plan: Plan) -> Estimate:
    """Every step is cached: no time, no cost."""
    return Estimate(
        currency=CURRENCY,
        priced_on=None,
        workers=0,
        time=TimeEstimate(Decimal(0), Basis(BasisKind.OBSERVED, len(plan.steps))),
        lines=(),
        total=Decimal(0),
        monthly=Decimal(0),
        incomplete=False,
        basis=Basis(BasisKind.NO_CHARGE),
    )

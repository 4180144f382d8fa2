"""Targets without a bill: this machine, a Slurm cluster, a Kubernetes cluster of one's own."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import Basis, BasisKind, Line, Period, What
from scalable_cli.model.manifest import KubernetesOptions, LocalOptions
from scalable_cli.pricing.job import Bill, Job, billed_hours, show_hours, show_workers
from scalable_cli.pricing.lines import tidy
from scalable_cli.pricing.worker import Worker, largest

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Target
    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.tables import PriceBook


def worker(plan: Plan, target: Target, book: PriceBook) -> Worker:  # noqa: ARG001 - one protocol
    """One step a thread here, one step a job on Slurm, as many as fit a pod on Kubernetes."""
    wanted, options = largest(plan), target.options
    if isinstance(options, LocalOptions):
        return Worker(wanted.vcpus, wanted.memory_mib, slots=max(1, options.threads_per_worker))
    if isinstance(options, KubernetesOptions):
        vcpus, memory = options.worker_cpu, options.worker_mem_mib
        return Worker(vcpus or wanted.vcpus, memory or wanted.memory_mib, wanted.gpus)
    return Worker(wanted.vcpus, wanted.memory_mib, wanted.gpus, slots=1)


def bill(job: Job) -> Bill:
    """One line of 0: no charge."""
    hours = billed_hours(job.seconds)
    text = f"{show_workers(job.workers)} x {show_hours(hours)}"
    none = Decimal(0)
    basis = Basis(BasisKind.NO_CHARGE)
    quantity = tidy(job.workers * hours)
    line = Line(What.COMPUTE, quantity, "worker-h", none, none, Period.ONCE, basis, text)
    return Bill((line,), None)

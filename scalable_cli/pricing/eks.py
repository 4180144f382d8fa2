"""AWS EKS: the cluster's fee by the hour, and pods on Fargate.

Fargate adds 256 MB to each pod for its own agents and rounds up to a size that it sells, at
most 16 vCPU; no spot, no arm64, private subnets only (eks/latest/userguide
fargate-pod-configuration). Pods are charged as Fargate tasks are.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import What
from scalable_cli.model.manifest import AwsOptions
from scalable_cli.model.sizes import fit_fargate
from scalable_cli.pricing import fargate
from scalable_cli.pricing.job import Bill, billed_hours, show_hours
from scalable_cli.pricing.lines import Charge, look_up, priced
from scalable_cli.pricing.worker import Worker, largest, show_size

if TYPE_CHECKING:
    from scalable_cli.model.estimate import Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.job import Job
    from scalable_cli.pricing.tables import PriceBook

AGENTS_MIB = 256
MOST_UNITS = 16384
ARCH = "x86_64"


def worker(plan: Plan, target: Target, book: PriceBook) -> Worker:  # noqa: ARG001 - one protocol
    """The pod's request with the agents' memory, rounded up to a size that Fargate sells."""
    options = target.options
    assert isinstance(options, AwsOptions)
    least = largest(plan)
    vcpus = Decimal(options.worker_cpu) / 1024 if options.worker_cpu else least.vcpus
    memory_mib = options.worker_mem_mib or least.memory_mib
    fitted = fit_fargate(vcpus * 1024, memory_mib + AGENTS_MIB)
    if fitted is None or fitted[0] > MOST_UNITS:
        note = f"no pod on Fargate holds {show_size(vcpus, memory_mib)}; at most 16 vCPU, 119.75 GB"
        return Worker(vcpus, memory_mib, notes=(note,))
    size = Decimal(fitted[0]) / 1024, fitted[1]
    note = (
        f"a pod of {show_size(vcpus, memory_mib)} is charged as {show_size(*size)}: Fargate adds "
        f"{AGENTS_MIB} MB for its agents and rounds up"
    )
    return Worker(*size, reserved_mib=AGENTS_MIB, notes=(note,))


def bill(job: Job) -> Bill:
    """Pods of workers and head, and the cluster while the run lasts."""
    table = job.book.table("aws_fargate")
    hours = billed_hours(job.seconds, least=fargate.LEAST_SECONDS)
    on_demand = fargate.on_demand(job)
    fitted = fit_fargate(fargate.HEAD_VCPUS * 1024, fargate.HEAD_MIB + AGENTS_MIB)
    assert fitted is not None
    lines = (
        *fargate.tasks(on_demand, table, ARCH, hours),
        fargate.head(on_demand, table, ARCH, hours, fitted[1]),
        *fargate.ephemeral(on_demand, table, ARCH, hours),
        _cluster(job, hours),
    )
    notes = [fargate.PRIVATE, "the cluster's fee is charged whether or not a run uses it"]
    if job.spot:
        notes.append("pods on Fargate have no spot capacity; priced on demand")
    return Bill(lines, fargate.priced_on(on_demand, table, ARCH), tuple(notes))


def _cluster(job: Job, hours: Decimal) -> Line:
    charge = Charge(What.CONTROL_PLANE, ("1 cluster", show_hours(hours)), hours, "h", job.basis)
    table = job.book.table("aws_eks")
    return priced(charge, look_up(table, "eks_cluster_hour", job.region, name="an EKS cluster"))

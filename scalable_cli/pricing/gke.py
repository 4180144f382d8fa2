"""Google Kubernetes Engine: the cluster's fee, and Autopilot pods by request and second.

Source of the rules: cloud.google.com/kubernetes-engine/pricing. A Standard cluster
(`autopilot: false`) is charged by its machines instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.model.estimate import What
from scalable_cli.model.manifest import GcpOptions
from scalable_cli.model.sizes import fit_autopilot
from scalable_cli.pricing import gce
from scalable_cli.pricing.job import Bill, billed_hours, show_hours, show_workers
from scalable_cli.pricing.lines import Charge, Price, flat, look_up, missing, priced, unknown
from scalable_cli.pricing.machines import HEAD
from scalable_cli.pricing.worker import (
    Worker,
    gigabytes,
    largest,
    plain,
    rounded_note,
    show_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from scalable_cli.model.estimate import Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.job import Job
    from scalable_cli.pricing.tables import PriceBook, PriceTable

VCPU, GIB = "gke_autopilot_general_purpose_vcpu_hour", "gke_autopilot_general_purpose_gib_hour"
CREDIT = "one cluster's fee ($74.40 a month) is credited to each billing account"


def worker(plan: Plan, target: Target, book: PriceBook) -> Worker:
    """The pod's request as Autopilot raises it; on a Standard cluster a machine."""
    options = target.options
    assert isinstance(options, GcpOptions)
    if not options.autopilot:
        return gce.worker(plan, target, book)
    least = largest(plan)
    memory_mib = options.worker_mem_mib or least.memory_mib
    wanted = Worker(options.worker_cpu or least.vcpus, memory_mib, least.gpus)
    fitted = fit_autopilot(wanted.vcpus, wanted.memory_mib)
    if fitted is None or fitted == (wanted.vcpus, wanted.memory_mib):
        return wanted
    return Worker(*fitted, wanted.gpus, notes=(rounded_note("Autopilot", wanted, fitted),))


def bill(job: Job) -> Bill:
    """Pods (or machines) of workers and head, and the cluster while the run lasts."""
    options = job.target.options
    assert isinstance(options, GcpOptions)
    hours = billed_hours(job.seconds)
    if not options.autopilot:
        machines = gce.bill(job)
        return Bill((*machines.lines, _cluster(job, hours)), machines.priced_on, (CREDIT,))
    table = job.book.table("gcp_gke")
    lines = (*_pods(job, table, hours), _head(job, table, hours), *_gpus(job, hours))
    main = table.rate(VCPU, job.region)
    date = main.origin.as_of if main else table.about.as_of
    return Bill((*lines, _cluster(job, hours)), date, (CREDIT,))


def _pods(job: Job, table: PriceTable, hours: Decimal) -> Iterator[Line]:
    fits = fit_autopilot(job.worker.vcpus, job.worker.memory_mib) is not None
    for what, item, amount, unit in (
        (What.COMPUTE, VCPU, job.worker.vcpus, "vCPU"),
        (What.MEMORY, GIB, gigabytes(job.worker.memory_mib), "GB"),
    ):
        for count, spot in job.pools():
            parts = (show_workers(count), f"{plain(amount)} {unit}", show_hours(hours))
            charge = Charge(what, parts, count * amount * hours, f"{unit}-h", job.basis)
            if fits:
                yield priced(charge, _price(table, item, job.region, spot=spot))
            else:
                yield unknown(charge, "general-purpose pods have at most 30 vCPU and 110 GB")


def _head(job: Job, table: PriceTable, hours: Decimal) -> Line:
    parts = (show_size(HEAD.vcpus, HEAD.memory_mib), show_hours(hours))
    charge = Charge(What.HEAD, parts, hours, "h", job.basis)
    vcpu, memory = (_price(table, item, job.region) for item in (VCPU, GIB))
    if vcpu.rate is None or memory.rate is None:
        return unknown(charge, missing(vcpu))
    return flat(charge, HEAD.vcpus * vcpu.rate.usd + gigabytes(HEAD.memory_mib) * memory.rate.usd)


def _gpus(job: Job, hours: Decimal) -> Iterator[Line]:
    """GPU pods are charged by their machine, which no table has."""
    if job.worker.gpus:
        count = job.workers * job.worker.gpus
        parts = (f"{plain(count)} GPUs", show_hours(hours))
        charge = Charge(What.GPU, parts, count * hours, "GPU-h", job.basis)
        yield unknown(charge, "no price of GPUs in Autopilot pods is known in any region")


def _cluster(job: Job, hours: Decimal) -> Line:
    charge = Charge(What.CONTROL_PLANE, ("1 cluster", show_hours(hours)), hours, "h", job.basis)
    table = job.book.table("gcp_gke")
    return priced(charge, look_up(table, "gke_cluster_fee_hour", "global", name="a GKE cluster"))


def _price(table: PriceTable, item: str, region: str, *, spot: bool = False) -> Price:
    key = f"{item}_spot" if spot else item
    return Price(table.rate(key, region), "Autopilot pods", region, table.regions_of(key), spot)

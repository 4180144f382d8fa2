"""Google Cloud Run worker pools: vCPU and GiB per 100 ms, by the region's price tier.

Source of the rules: cloud.google.com/run/pricing. Head and workers are pools; they have no
spot capacity, no public address of their own and no disk.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import What
from scalable_cli.model.manifest import GcpOptions
from scalable_cli.model.sizes import fit_cloud_run
from scalable_cli.pricing.job import Bill, billed_hours, show_hours, show_workers
from scalable_cli.pricing.lines import Charge, Price, flat, missing, priced, unknown
from scalable_cli.pricing.worker import (
    Worker,
    gigabytes,
    largest,
    plain,
    rounded_note,
    show_size,
)

if TYPE_CHECKING:
    from scalable_cli.model.estimate import Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.job import Job
    from scalable_cli.pricing.tables import PriceBook, PriceTable

HEAD_VCPUS, HEAD_MIB = Decimal(1), 2048
STEP_SECONDS = Decimal("0.1")
AN_HOUR = Decimal(3600)
VCPU, GIB = "cloud_run_worker_pool_vcpu_second", "cloud_run_worker_pool_gib_second"
TIER = "cloud_run_region_tier"


def worker(plan: Plan, target: Target, book: PriceBook) -> Worker:  # noqa: ARG001 - one protocol
    """The size that the target names, else the smallest one that holds the largest component."""
    options = target.options
    assert isinstance(options, GcpOptions)
    least = largest(plan)
    memory_mib = options.worker_mem_mib or least.memory_mib
    wanted = Worker(options.worker_cpu or least.vcpus, memory_mib)
    fitted = fit_cloud_run(wanted.vcpus, wanted.memory_mib)
    if fitted is None:
        return wanted
    size = (Decimal(fitted[0]), fitted[1])
    same = size == (wanted.vcpus, wanted.memory_mib)
    return Worker(*size, notes=() if same else (rounded_note("Cloud Run", wanted, size),))


def bill(job: Job) -> Bill:
    """A pool of workers and a pool of one for the head."""
    table = job.book.table("gcp_run")
    hours = billed_hours(job.seconds, step=STEP_SECONDS)
    prices = {item: _price(table, item, job.region) for item in (VCPU, GIB)}
    lines = []
    for what, item, amount, unit in (
        (What.COMPUTE, VCPU, job.worker.vcpus, "vCPU"),
        (What.MEMORY, GIB, gigabytes(job.worker.memory_mib), "GB"),
    ):
        parts = (show_workers(job.workers), f"{plain(amount)} {unit}", show_hours(hours))
        charge = Charge(what, parts, job.workers * amount * hours, f"{unit}-h", job.basis)
        lines.append(priced(charge, prices[item], factor=AN_HOUR))
    lines.append(_head(job, prices, hours))
    rate = prices[VCPU].rate
    notes = ("Cloud Run has no spot capacity; priced on demand",) if job.spot else ()
    return Bill(tuple(lines), rate.origin.as_of if rate else table.about.as_of, notes)


def _head(job: Job, prices: dict[str, Price], hours: Decimal) -> Line:
    parts = (show_size(HEAD_VCPUS, HEAD_MIB), show_hours(hours))
    charge = Charge(What.HEAD, parts, hours, "h", job.basis)
    vcpu, memory = prices[VCPU], prices[GIB]
    if vcpu.rate is None or memory.rate is None:
        return unknown(charge, missing(vcpu))
    second = HEAD_VCPUS * vcpu.rate.usd + gigabytes(HEAD_MIB) * memory.rate.usd
    return flat(charge, second * AN_HOUR)


def _price(table: PriceTable, item: str, region: str) -> Price:
    """The rate of the region's tier; the regions of tiers with a rate are those that have it."""
    sold = [tier for tier in ("tier1", "tier2") if table.rate(item, tier)]
    regions = tuple(r for r in table.regions_of(TIER) if table.word(TIER, r) in sold)
    tier = table.word(TIER, region)
    name = "Cloud Run worker pools"
    return Price(table.rate(item, tier) if tier else None, name, region, regions)

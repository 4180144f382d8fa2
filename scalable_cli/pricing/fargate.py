"""AWS Fargate: tasks of ECS, by vCPU and GB, per second, one minute at least.

Source of the rules: aws.amazon.com/fargate/pricing; 20 GB of ephemeral storage come with a
task, a public IPv4 address is charged apart, since 2024-02 everywhere.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import What
from scalable_cli.model.manifest import AwsOptions
from scalable_cli.model.sizes import fit_fargate
from scalable_cli.pricing.job import Bill, Job, billed_hours, show_hours, show_workers
from scalable_cli.pricing.lines import Charge, Price, flat, look_up, missing, priced, unknown
from scalable_cli.pricing.worker import Worker, gigabytes, largest, plain, rounded_note, show_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.model.estimate import Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.tables import PriceBook, PriceTable

HEAD_VCPUS, HEAD_MIB = Decimal(1), 2048
INCLUDED_GB = 20
LEAST_SECONDS = 60
PRIVATE = "NAT gateways or endpoints of private subnets are not in it"


def worker(plan: Plan, target: Target, book: PriceBook) -> Worker:  # noqa: ARG001 - one protocol
    """The size that the target names, else the smallest one that holds the largest component."""
    options = target.options
    assert isinstance(options, AwsOptions)
    wanted = largest(plan)
    vcpus = Decimal(options.worker_cpu) / 1024 if options.worker_cpu else wanted.vcpus
    wanted = Worker(vcpus, options.worker_mem_mib or wanted.memory_mib)
    fitted = fit_fargate(wanted.vcpus * 1024, wanted.memory_mib)
    if fitted is None:
        return wanted
    size = (Decimal(fitted[0]) / 1024, fitted[1])
    same = size == (wanted.vcpus, wanted.memory_mib)
    return Worker(*size, notes=() if same else (rounded_note("Fargate", wanted, size),))


def bill(job: Job) -> Bill:
    """Workers, the head's own on-demand task, storage over 20 GB, and addresses."""
    options = job.target.options
    assert isinstance(options, AwsOptions)
    table = job.book.table("aws_fargate")
    hours = billed_hours(job.seconds, least=LEAST_SECONDS)
    lines = [*tasks(job, table, options.arch, hours), head(job, table, options.arch, hours)]
    lines += ephemeral(job, table, options.arch, hours)
    if options.public_ip:
        lines.append(addresses(job, hours))
    notes = () if options.public_ip else (PRIVATE,)
    return Bill(tuple(lines), priced_on(job, table, options.arch), notes)


def tasks(job: Job, table: PriceTable, arch: str, hours: Decimal) -> Iterator[Line]:
    """VCPU and memory of the workers, those on demand first."""
    gb = gigabytes(job.worker.memory_mib)
    for what, item, amount, unit in (
        (What.COMPUTE, "vcpu_hour", job.worker.vcpus, "vCPU"),
        (What.MEMORY, "gb_hour", gb, "GB"),
    ):
        for count, spot in job.pools():
            parts = (show_workers(count), f"{plain(amount)} {unit}", show_hours(hours))
            charge = Charge(what, parts, count * amount * hours, f"{unit}-h", job.basis)
            yield priced(charge, _rate(table, item, arch, job.region, spot=spot))


def head(
    job: Job, table: PriceTable, arch: str, hours: Decimal, memory_mib: int = HEAD_MIB
) -> Line:
    """The head's own small task; never interruptible."""
    vcpu = _rate(table, "vcpu_hour", arch, job.region)
    memory = _rate(table, "gb_hour", arch, job.region)
    parts = (show_size(HEAD_VCPUS, memory_mib), show_hours(hours))
    charge = Charge(What.HEAD, parts, hours, "h", job.basis)
    if vcpu.rate is None or memory.rate is None:
        return unknown(charge, missing(vcpu))
    return flat(charge, HEAD_VCPUS * vcpu.rate.usd + gigabytes(memory_mib) * memory.rate.usd)


def addresses(job: Job, hours: Decimal) -> Line:
    """A public IPv4 address for each worker and the head."""
    count = job.workers + 1
    parts = (f"{count} addresses", show_hours(hours))
    charge = Charge(What.PUBLIC_IPV4, parts, count * hours, "h", job.basis)
    table = job.book.table("aws_network")
    return priced(charge, look_up(table, "public_ipv4_hour", job.region, name="public IPv4"))


def ephemeral(job: Job, table: PriceTable, arch: str, hours: Decimal) -> Iterator[Line]:
    """The workers' storage above what comes with a task; the same for spot."""
    options = job.target.options
    assert isinstance(options, AwsOptions)
    over = (options.ephemeral_gb or INCLUDED_GB) - INCLUDED_GB
    if over > 0:
        parts = (show_workers(job.workers), f"{over} GB over {INCLUDED_GB}", show_hours(hours))
        quantity = job.workers * over * hours
        charge = Charge(What.EPHEMERAL_STORAGE, parts, quantity, "GB-h", job.basis)
        yield priced(charge, _rate(table, "ephemeral_gb_hour", arch, job.region))


def on_demand(job: Job) -> Job:
    """The same job without interruptible workers."""
    return replace(job, spot=0)


def priced_on(job: Job, table: PriceTable, arch: str) -> str:
    """The date of the workers' rate, else of the table."""
    spot = next(job.pools())[1]
    rate = _rate(table, "vcpu_hour", arch, job.region, spot=spot).rate
    return rate.origin.as_of if rate else table.about.as_of


def _rate(table: PriceTable, item: str, arch: str, region: str, *, spot: bool = False) -> Price:
    key = f"{item}.{arch}.{'spot' if spot else 'on_demand'}"
    name = f"Fargate ({arch})"
    return Price(table.rate(key, region), name, region, table.regions_of(key), spot)

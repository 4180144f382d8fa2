"""Google Compute Engine: machines by the second, one minute at least; disks on top.

Source of the rules: cloud.google.com/compute/vm-instance-pricing and /disks-image-pricing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import What
from scalable_cli.model.manifest import GcpOptions
from scalable_cli.pricing import machines
from scalable_cli.pricing.job import Bill, Job, billed_hours, show_hours
from scalable_cli.pricing.lines import Charge, look_up, priced
from scalable_cli.pricing.worker import Worker, largest

if TYPE_CHECKING:
    from decimal import Decimal

    from scalable_cli.model.estimate import Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.lines import Price
    from scalable_cli.pricing.tables import PriceBook, PriceTable

HEAD = "e2-small"
LEAST_SECONDS = 60
GENERAL = r"(e2|n2|n2d|n1|c3|c3d|t2d)-(standard|high)"
WITH_GPU = r"(a2|a3|g2|g4)-"
ARM = r"(t2a|c4a|n4a)-"
# Families that boot from Hyperdisk only (cloud.google.com/compute/docs/disks/hyperdisks).
HYPERDISK_ONLY = re.compile(r"(a4|c4|h4|m4|n4|x4)[a-z]?-")


def worker(plan: Plan, target: Target, book: PriceBook) -> Worker:
    """The named machine type, else the cheapest general one that holds the worker."""
    options, table = target.options, book.table("gcp_gce")
    assert isinstance(options, GcpOptions)
    least = largest(plan)
    memory_mib = options.worker_mem_mib or least.memory_mib
    wanted = Worker(options.worker_cpu or least.vcpus, memory_mib, least.gpus)
    if options.instance_type:
        return machines.sized(table, options.instance_type, wanted)
    families, region = WITH_GPU if wanted.gpus else GENERAL, target.region or ""
    name = machines.cheapest(table, region, wanted, arch="x86_64", families=families)
    note = machines.chosen_note(name, wanted, region)
    return machines.noted(machines.sized(table, name, wanted), note)


def bill(job: Job) -> Bill:
    """Workers' machines, a small one for the head, boot disks, addresses where asked for."""
    options, table = job.target.options, job.book.table("gcp_gce")
    assert isinstance(options, GcpOptions)
    hours = billed_hours(job.seconds, least=LEAST_SECONDS)
    lines = [
        *machines.instances(job, table, hours),
        machines.head(job, table, _head(job, table), hours),
        machines.volumes(job, hours, options.volume_gb, _disk(job)),
    ]
    if options.public_ip:
        lines.append(_addresses(job, hours))
    return Bill(tuple(lines), machines.priced_on(job, table))


def _head(job: Job, table: PriceTable) -> str:
    """A machine of the workers' architecture, since head and workers share one image."""
    machine = table.machine(job.worker.machine or "")
    if machine is None or machine.arch != "arm64":
        return HEAD
    found = machines.cheapest(table, job.region, machines.HEAD, arch="arm64", families=ARM)
    return found or machine.name


def _disk(job: Job) -> Price:
    table, name = job.book.table("gcp_storage"), job.worker.machine or ""
    if HYPERDISK_ONLY.match(name):
        item = "hyperdisk_balanced_gb_month"
        return look_up(table, item, job.region, name="hyperdisk-balanced volumes")
    return look_up(table, "pd_balanced_gb_month", job.region, name="pd-balanced volumes")


def _addresses(job: Job, hours: Decimal) -> Line:
    count = job.workers + 1
    parts = (f"{count} addresses", show_hours(hours))
    charge = Charge(What.PUBLIC_IPV4, parts, count * hours, "h", job.basis)
    table = job.book.table("gcp_network")
    item = "external_ipv4_in_use_hour"
    return priced(charge, look_up(table, item, job.region, name="public IPv4"))

"""AWS EC2: machines by the second, one minute at least; root volume and address on top.

Source of the rules: aws.amazon.com/ec2/pricing/on-demand and /ebs/pricing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.manifest import AwsOptions
from scalable_cli.pricing import machines
from scalable_cli.pricing.fargate import PRIVATE, addresses
from scalable_cli.pricing.job import Bill, Job, billed_hours
from scalable_cli.pricing.lines import look_up
from scalable_cli.pricing.worker import Worker, largest

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Target
    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.tables import PriceBook

HEADS = {"x86_64": "t3.small", "arm64": "t4g.small"}
LEAST_SECONDS = 60
GENERAL, WITH_GPU = r"[cmr][5-9][a-z]*\.(?!metal)", r"(g|p)\d"


def worker(plan: Plan, target: Target, book: PriceBook) -> Worker:
    """The named machine type, else the cheapest current one that holds the worker."""
    options, table = target.options, book.table("aws_ec2")
    assert isinstance(options, AwsOptions)
    least = largest(plan)
    vcpus = Decimal(options.worker_cpu) / 1024 if options.worker_cpu else least.vcpus
    wanted = Worker(vcpus, options.worker_mem_mib or least.memory_mib, least.gpus)
    if options.instance_type:
        return machines.sized(table, options.instance_type, wanted)
    families, region = WITH_GPU if wanted.gpus else GENERAL, target.region or ""
    name = machines.cheapest(table, region, wanted, arch=options.arch, families=families)
    note = machines.chosen_note(name, wanted, region)
    return machines.noted(machines.sized(table, name, wanted), note)


def bill(job: Job) -> Bill:
    """Workers' machines, a small one for the head, gp3 volumes, addresses."""
    options, table = job.target.options, job.book.table("aws_ec2")
    assert isinstance(options, AwsOptions)
    hours = billed_hours(job.seconds, least=LEAST_SECONDS)
    machine = table.machine(job.worker.machine or "")
    head = HEADS[machine.arch or "x86_64" if machine else options.arch]
    gp3 = look_up(job.book.table("aws_storage"), "ebs_gp3_gb_month", job.region, name="gp3 volumes")
    lines = [
        *machines.instances(job, table, hours),
        machines.head(job, table, head, hours),
        machines.volumes(job, hours, options.volume_gb, gp3),
    ]
    if options.public_ip:
        lines.append(addresses(job, hours))
    notes = () if options.public_ip else (PRIVATE,)
    return Bill(tuple(lines), machines.priced_on(job, table), notes)

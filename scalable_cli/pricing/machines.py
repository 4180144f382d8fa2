"""Virtual machines of both clouds: choosing one, and the lines that they have in common."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import What
from scalable_cli.pricing.job import show_hours, show_workers
from scalable_cli.pricing.lines import MONTH_HOURS, Charge, Price, priced
from scalable_cli.pricing.worker import Worker, show_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.model.estimate import Line
    from scalable_cli.pricing.job import Job
    from scalable_cli.pricing.tables import Machine, PriceTable

ROOT_VOLUME_GB = 30
HEAD = Worker(Decimal(1), 2048)


def sized(table: PriceTable, name: str | None, wanted: Worker) -> Worker:
    """A worker on the machine type `name`; one that no table has is taken to fit one step."""
    machine = table.machine(name) if name else None
    if machine is None:
        return Worker(wanted.vcpus, wanted.memory_mib, wanted.gpus, machine=name, slots=1)
    memory_mib = int(machine.memory_gib * 1024)
    gpus = wanted.gpus if machine.gpus is None else machine.gpus
    return Worker(machine.vcpus, memory_mib, gpus, machine=machine.name)


def cheapest(
    table: PriceTable, region: str, wanted: Worker, *, arch: str, families: str
) -> str | None:
    """The cheapest machine type on demand of these families that holds the worker, or None.

    One of more than four times the size is never the cheapest, and not looked at. `families`
    is a pattern that the type's name begins with. Of equal price, the first name.
    """
    family = re.compile(families)
    most = 4 * max(wanted.vcpus, Decimal(wanted.memory_mib) / 8192, Decimal(1))
    best: tuple[Decimal, str] | None = None
    for machine in table.machines():
        if machine.vcpus <= most and _holds(machine, wanted, arch) and family.match(machine.name):
            rate = table.machine_rate(machine.name, region)
            if rate is not None and (best is None or (rate.usd, machine.name) < best):
                best = (rate.usd, machine.name)
    return best[1] if best else None


def chosen_note(name: str | None, wanted: Worker, region: str) -> str:
    """Says which machine type was chosen, and how to name another."""
    size = show_size(wanted.vcpus, wanted.memory_mib)
    if name is None:
        return f"no machine type for {size} has a price in {region}; say instance_type"
    return f"{name} is the cheapest machine for {size}; instance_type names another"


def instances(job: Job, table: PriceTable, hours: Decimal) -> Iterator[Line]:
    """The workers' machines, those on demand first."""
    name = job.worker.machine or "a machine"
    for count, spot in job.pools():
        parts = (show_workers(count), name, show_hours(hours))
        charge = Charge(What.INSTANCE, parts, count * hours, "h", job.basis)
        yield priced(charge, price_of(table, name, job.region, spot=spot))


def head(job: Job, table: PriceTable, name: str, hours: Decimal) -> Line:
    """The head's own machine; never interruptible."""
    charge = Charge(What.HEAD, (name, show_hours(hours)), hours, "h", job.basis)
    return priced(charge, price_of(table, name, job.region))


def volumes(job: Job, hours: Decimal, size_gb: int | None, price: Price) -> Line:
    """A root volume for each worker and the head, by the month of 730 hours."""
    count, size = job.workers + 1, size_gb or ROOT_VOLUME_GB
    parts = (f"{count} volumes", f"{size} GB", show_hours(hours))
    quantity = count * size * hours / MONTH_HOURS
    charge = Charge(What.VOLUME, parts, quantity, "GB-month", job.basis)
    return priced(charge, price)


def price_of(table: PriceTable, name: str, region: str, *, spot: bool = False) -> Price:
    """The price of a machine an hour."""
    rate = table.machine_rate(name, region, spot=spot)
    return Price(rate, name, region, table.regions_of(name, spot=spot), spot)


def priced_on(job: Job, table: PriceTable) -> str:
    """The date of the workers' rate, else of the table."""
    spot = next(job.pools())[1]
    rate = table.machine_rate(job.worker.machine or "", job.region, spot=spot)
    return rate.origin.as_of if rate else table.about.as_of


def noted(worker: Worker, note: str) -> Worker:
    """The same worker with something to be said about it."""
    return replace(worker, notes=(*worker.notes, note))


def _holds(machine: Machine, wanted: Worker, arch: str) -> bool:
    return (
        machine.vcpus >= wanted.vcpus
        and machine.memory_gib * 1024 >= wanted.memory_mib
        and (machine.arch or "x86_64") == arch
        and (machine.gpus or 0) >= wanted.gpus
    )

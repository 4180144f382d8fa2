"""How large one worker is, and how many steps of a component it runs at once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.sizes import MIB

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Component
    from scalable_cli.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker as it is billed.

    `reserved_mib` of its memory are not for steps. `machine` is the machine type where the
    provider sells machines; `slots` overrides what sizes allow.
    """

    vcpus: Decimal
    memory_mib: int
    gpus: Decimal = Decimal(0)
    reserved_mib: int = 0
    machine: str | None = None
    slots: int | None = None
    notes: tuple[str, ...] = ()


def largest(plan: Plan) -> Worker:
    """The smallest worker that holds a step of every component that the plan uses."""
    used = [task.component for task in plan.tasks] or list(plan.manifest.components)
    return Worker(
        max((c.cpus for c in used), default=Decimal(1)),
        max((-(-c.memory_bytes // MIB) for c in used), default=1024),
        Decimal(max((c.gpus for c in used), default=0)),
    )


def slots(worker: Worker, component: Component) -> int:
    """How many steps of a component run on one worker at once; at least 1."""
    if worker.slots is not None:
        return worker.slots
    free = (worker.memory_mib - worker.reserved_mib) * MIB
    counts = [worker.vcpus // component.cpus, Decimal(free // component.memory_bytes)]
    if component.gpus:
        counts.append(worker.gpus // component.gpus)
    return max(1, int(min(counts)))


def rounded_note(service: str, wanted: Worker, fitted: tuple[Decimal | int, int]) -> str:
    """Says that a component was rounded up to a size that the service sells."""
    return (
        f"a worker needs {show_size(wanted.vcpus, wanted.memory_mib)}; {service} rounds that "
        f"up to {show_size(fitted[0], fitted[1])}"
    )


def show_size(vcpus: Decimal | int, memory_mib: int) -> str:
    """A size as people read it: 4 vCPU, 16 GB."""
    return f"{plain(Decimal(vcpus))} vCPU, {plain(gigabytes(memory_mib))} GB"


def gigabytes(memory_mib: int) -> Decimal:
    """GB of memory as the clouds bill them, 2^30 bytes."""
    return Decimal(memory_mib) / 1024


def plain(number: Decimal, places: int = 4) -> str:
    """A number without trailing zeros or exponent, at most so many decimal places."""
    if abs(number) < 1:  # keep significant digits of small rates and short times
        places = max(places, places - number.adjusted() - 1) if number else 0
    text = f"{number:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

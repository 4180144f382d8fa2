"""What is to be priced: so many workers, for so long, in a region."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from scalable_cli.pricing.worker import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.model.estimate import Basis, Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.pricing.tables import PriceBook
    from scalable_cli.pricing.worker import Worker


@dataclass(frozen=True, slots=True)
class Job:
    """Workers that are all up for `seconds`; `spot` of them are interruptible."""

    target: Target
    region: str
    book: PriceBook
    worker: Worker
    workers: int
    spot: int
    seconds: Decimal
    basis: Basis

    def pools(self) -> Iterator[tuple[int, bool]]:
        """How many workers on demand and how many interruptible, where there are any."""
        if self.workers > self.spot:
            yield self.workers - self.spot, False
        if self.spot:
            yield self.spot, True


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines of a service, the date of its main rate, and what else is to be said."""

    lines: tuple[Line, ...]
    priced_on: str | None
    notes: tuple[str, ...] = ()


def billed_hours(seconds: Decimal, *, least: int = 0, step: Decimal = Decimal(1)) -> Decimal:
    """Hours that are charged: rounded up to `step` seconds, and at least `least` seconds."""
    whole = (seconds / step).to_integral_value(ROUND_CEILING) * step
    return max(whole, Decimal(least)) / 3600


def show_hours(hours: Decimal) -> str:
    """Hours as people read them: 2 h."""
    return f"{plain(hours)} h"


def show_workers(count: int) -> str:
    """A count of workers: 1 worker, 10 workers."""
    return f"{count} worker{'' if count == 1 else 's'}"

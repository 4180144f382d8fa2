"""What a run will cost and how long it will take, line by line, each with its basis."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class What(Enum):
    """The kinds of cost."""

    COMPUTE = "compute"
    MEMORY = "memory"
    HEAD = "head"
    INSTANCE = "instance"
    GPU = "gpu"
    EPHEMERAL_STORAGE = "ephemeral_storage"
    PUBLIC_IPV4 = "public_ipv4"
    VOLUME = "volume"
    CONTROL_PLANE = "control_plane"
    REQUESTS = "requests"
    EGRESS = "egress"
    STORAGE = "storage"


class Period(Enum):
    """Whether a cost arises once or every month."""

    ONCE = "once"
    MONTH = "month"


class BasisKind(Enum):
    """Where a number comes from, best first."""

    OBSERVED = "observed"
    SAMPLE = "sample"
    DECLARED = "declared"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"
    NO_CHARGE = "no charge"


@dataclass(frozen=True, slots=True)
class Basis:
    """Where a number comes from; `count` is the number of runs or samples behind it."""

    kind: BasisKind
    count: int | None = None

    def __str__(self) -> str:
        if self.kind is BasisKind.OBSERVED and self.count is not None:
            return f"observed ({self.count} step{'' if self.count == 1 else 's'})"
        if self.kind is BasisKind.SAMPLE and self.count is not None:
            return f"sample ({self.count})"
        return self.kind.value


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an estimate.

    `quantity` in `unit` times `rate` (price per unit) is `cost`, unless tiers make `rate`
    the effective one; an unknown price has `rate` and `cost` None, never 0. `formula` is
    the text form ("10 workers x 4 vCPU x 2 h x $0.04048/vCPU-h").
    """

    what: What
    quantity: Decimal
    unit: str
    rate: Decimal | None
    cost: Decimal | None
    period: Period
    basis: Basis
    formula: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """Wall time of the run in seconds, and where it comes from."""

    seconds: Decimal
    basis: Basis


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of one run on one target.

    `total` sums the known once-only costs, `monthly` the known monthly ones; `incomplete`
    tells that some line has no known price. `basis` is the weakest of the lines' bases.
    `priced_on` is the ISO date of the main table; `notes` are free tiers and hints.
    """

    currency: str
    priced_on: str | None
    workers: int
    time: TimeEstimate
    lines: tuple[Line, ...]
    total: Decimal
    monthly: Decimal
    incomplete: bool
    basis: Basis
    notes: tuple[str, ...] = ()

    def of(self, *kinds: What) -> Decimal:
        """The sum of the known costs of these kinds."""
        return sum(
            (line.cost for line in self.lines if line.what in kinds and line.cost is not None),
            Decimal(0),
        )

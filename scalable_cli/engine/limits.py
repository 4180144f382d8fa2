"""When a run must end early: a budget, a time limit, too many failures, a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

WARN_AT = Decimal("0.8")


class Mode(Enum):
    """How a run ends early: running steps finish, or are ended too."""

    DRAIN = "drain"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Halt:
    """That a run must end, how, and why in the user's words."""

    mode: Mode
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take; None is no limit. `budget` in USD, `duration_s` in seconds."""

    budget: Decimal | None = None
    duration_s: float | None = None
    failures: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has taken so far; `cost` in USD, None where rates are unknown."""

    cost: Decimal | None
    duration_s: float
    failures: int


@dataclass
class Guard:
    """Compares what was taken with the limits; warns once of each at 80 %."""

    limits: Limits
    _warned: set[str] = field(default_factory=set)

    def check(self, spent: Spent) -> tuple[Halt | None, tuple[str, ...]]:
        """Whether to end the run, and what to warn of."""
        limits = self.limits
        warnings: list[str] = []
        if limits.failures is not None and spent.failures >= limits.failures:
            return Halt(Mode.DRAIN, f"{spent.failures} steps failed"), ()
        for name, took, most, text in (
            ("budget", spent.cost, limits.budget, f"${spent.cost} of ${limits.budget}"),
            (
                "time limit",
                Decimal(str(spent.duration_s)),
                None if limits.duration_s is None else Decimal(str(limits.duration_s)),
                f"{spent.duration_s:.0f} s of {limits.duration_s} s",
            ),
        ):
            if took is None or most is None:
                continue
            if took >= most:
                return Halt(Mode.DRAIN, f"{name} reached: {text}"), tuple(warnings)
            if took >= most * WARN_AT and name not in self._warned:
                self._warned.add(name)
                warnings.append(f"80 % of the {name} is used: {text}")
        return None, tuple(warnings)

"""How many workers a pool should have: a decision from numbers alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalable_cli.model.launcher import Shape
    from scalable_cli.model.manifest import Component


@dataclass(frozen=True, slots=True)
class Bounds:
    """The fewest and the most workers of a pool; `cpus` of one of them."""

    minimum: int
    maximum: int
    cpus: float = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a pool follows what it is asked for, in seconds.

    Work that waits should be done in `target_s`. A worker is let go when it was idle for
    `idle_s`; `cool_down_s` lie between growing and shrinking. A worker that is asked for
    now works after `start_s`.
    """

    target_s: float = 60.0
    idle_s: float = 30.0
    cool_down_s: float = 30.0
    start_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What there is to do: `cpu_seconds` of steps that wait or run.

    `useful` workers could all be given something at once. `idle_s` tells for each worker
    without work how long it has been so.
    """

    cpu_seconds: float = 0.0
    useful: float = 0.0
    idle_s: tuple[float, ...] = ()

    def plus(self, cpu_seconds: float, useful: float) -> Demand:
        """This with more to do."""
        return replace(
            self, cpu_seconds=self.cpu_seconds + cpu_seconds, useful=self.useful + useful
        )


@dataclass(frozen=True, slots=True)
class Size:
    """How many workers are wanted, and when and whereto that changed last."""

    workers: int
    changed_at: float | None = None
    grew: bool = False


def decide(size: Size, demand: Demand, bounds: Bounds, pace: Pace, now: float) -> Size:
    """The size from now on.

    Always within the bounds; grows at once when the work that waits takes more than the
    target time, shrinks by workers that are long idle, and changes direction once per
    cool-down at the most.
    """
    have = _within(size.workers, bounds)
    wanted = _within(min(_wanted(have, demand, bounds, pace), ceil(demand.useful)), bounds)
    if wanted < have:
        long_idle = sum(1 for seconds in demand.idle_s if seconds >= pace.idle_s)
        wanted = max(wanted, have - long_idle)
    if wanted == have or _is_too_soon(size, now, pace, grows=wanted > have):
        return replace(size, workers=have)
    return Size(wanted, now, grew=wanted > have)


def useful_workers(component: Component, steps: int, shape: Shape) -> float:
    """How many workers of a shape so many steps of a component could all keep busy at once."""
    room, needs = shape.resources, shape.needs(component)
    fit = min(int(room[name] / needs[name]) for name in room if needs[name])
    return steps / max(1, min(fit, shape.threads))


def _wanted(have: int, demand: Demand, bounds: Bounds, pace: Pace) -> int:
    """Workers that end the work in the target time.

    Those that are there contribute all of it, new ones what is left after their start; a
    target below twice the start-up would ask for ever more workers that come too late.
    """
    horizon = max(pace.target_s, 2 * pace.start_s)
    lacking = demand.cpu_seconds - have * bounds.cpus * horizon
    if lacking > 0:
        return have + ceil(lacking / (bounds.cpus * (horizon - pace.start_s)))
    return ceil(demand.cpu_seconds / (bounds.cpus * horizon))


def _within(workers: int, bounds: Bounds) -> int:
    return max(bounds.minimum, min(workers, bounds.maximum))


def _is_too_soon(size: Size, now: float, pace: Pace, *, grows: bool) -> bool:
    turns = size.changed_at is not None and size.grew is not grows
    return turns and now - (size.changed_at or 0.0) < pace.cool_down_s

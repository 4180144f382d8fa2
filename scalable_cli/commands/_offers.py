"""The same work priced several ways: on other targets, with other settings."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from scalable_cli.errors import ManifestError, UsageError
from scalable_cli.ui.offers import Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.pricing import Usage
    from scalable_cli.session import Session

_LARGEST_GRID = 200
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
WORKERS = "workers"


def compare(
    session: Session, usage: Usage, *, force: bool, only: tuple[str, ...]
) -> tuple[Offer, ...]:
    """One offer a target of the manifest, in its order."""
    offers = []
    for name in session.manifest.target_names:
        other = session.for_target(name)
        plan = other.plan(force=force, only=only)
        offers.append(Offer(other.manifest.target, plan.to_run, other.estimate(plan, usage)))
    return tuple(offers)


def sweep(
    session: Session, usage: Usage, axes: Sequence[str], *, force: bool, only: tuple[str, ...]
) -> tuple[Offer, ...]:
    """One offer a point of the grid; a point that the target cannot be keeps its problem.

    The plan is made once: where a step runs is no part of its key.

    Raises ManifestError when no point is possible.
    """
    grid = [_axis(text) for text in axes]
    names = [name for name, _ in grid]
    if len(set(names)) < len(names):
        raise UsageError(f'--sweep has "{max(names, key=names.count)}" twice')
    points = list(product(*(values for _, values in grid)))
    if len(points) > _LARGEST_GRID:
        raise UsageError(f"--sweep makes {len(points):,} points; {_LARGEST_GRID} are the most")
    plan = session.plan(force=force, only=only)
    offers: list[Offer] = []
    failures: list[ManifestError] = []
    for values in points:
        settings = dict(zip(names, values, strict=True))
        overrides = {name: value for name, value in settings.items() if name != WORKERS}
        workers = int(settings[WORKERS]) if WORKERS in settings else usage.workers
        shown = tuple(settings.items())
        try:
            other = session.with_overrides(overrides) if overrides else session
        except ManifestError as error:
            failures.append(error)
            text = error.problems[0].text
            offers.append(Offer(session.manifest.target, plan.to_run, None, shown, text))
            continue
        priced = session.estimate(
            replace(plan, manifest=other.manifest), replace(usage, workers=workers)
        )
        offers.append(Offer(other.manifest.target, plan.to_run, priced, shown))
    if len(failures) == len(offers):
        raise failures[0]
    return tuple(offers)


def _axis(text: str) -> tuple[str, tuple[str, ...]]:
    """The key and its values of "worker_cpu=1024,4096" or "workers=1..8"."""
    key, _, values = text.partition("=")
    example = "write worker_cpu=1024,2048,4096 or workers=1..8"
    if not key or not values:
        raise UsageError(f'--sweep cannot read "{text}"', hint=example)
    if match := _RANGE.fullmatch(values):
        first, last = int(match[1]), int(match[2])
        if not first <= last < first + _LARGEST_GRID:
            most = f"1 to {_LARGEST_GRID} values"
            raise UsageError(f'the range "{values}" of --sweep must have {most}', hint=example)
        return key, tuple(str(n) for n in range(first, last + 1))
    numbers = tuple(value.strip() for value in values.split(","))
    wrong = next((value for value in numbers if not _NUMBER.fullmatch(value)), None)
    if wrong is not None:
        raise UsageError(f'--sweep needs numbers, not "{wrong}"', hint=example)
    if key == WORKERS and not all(value.isdigit() and int(value) for value in numbers):
        raise UsageError("workers are whole numbers of at least 1", hint=example)
    return key, numbers

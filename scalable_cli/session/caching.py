"""Cleaning up a project's cache without harm to runs that are going on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.engine.compose import local_cache_of
from scalable_cli.engine.lease import read_holder
from scalable_cli.engine.rundir import PREFIX, RunDirectory, load_plan
from scalable_cli.errors import RefusedError, StorageError, UsageError
from scalable_cli.model.plan import FileInput
from scalable_cli.store.gc import GcLimits, GcPlan, InUse, apply_gc, plan_gc
from scalable_cli.store.inventory import Inventory, take_inventory
from scalable_cli.store.verified import Verified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.model.store import Store
    from scalable_cli.session.open import Session

# Clocks of machines that share a storage differ by less, one hopes.
_CLOCKS_S = 600.0


@dataclass(frozen=True, slots=True)
class CacheView:
    """A project's cache, and where it lies."""

    uri: str
    inventory: Inventory


def view_cache(session: Session) -> CacheView:
    """What the project's cache holds. Raises StorageError, RefusedError."""
    return CacheView(f"{session.store.uri}/cache", take_inventory(session.store))


def plan_clean_up(session: Session, limits: GcLimits) -> GcPlan:
    """What a clean-up would remove. Raises StorageError, RefusedError, UsageError for `run`."""
    # Runs first: what one that starts now finds in the cache may go; it then runs those steps.
    in_use = _in_use(session.store, session.host.now())
    inventory = take_inventory(session.store)
    if limits.run is not None:
        run = _run_called(limits.run, inventory)
        limits = GcLimits(limits.older_than_s, limits.max_bytes, run)
    return plan_gc(inventory, limits, in_use, session.host.now())


def clean_up(session: Session, plan: GcPlan) -> list[StorageError]:
    """Remove what was decided; what could not be removed is told."""
    errors = apply_gc(session.store, plan)
    verified = Verified(session.store, local_cache_of(session.manifest))
    verified.forget(file.key.rpartition("/")[2] for file in plan.objects)
    verified.save()
    return errors


def _run_called(name: str, inventory: Inventory) -> str:
    """The run that made results and is called so; a unique part suffices."""
    runs = sorted({result.record.run for result in inventory.results})
    found = [run for run in runs if run == name] or [run for run in runs if name in run]
    if len(found) == 1:
        return found[0]
    text = "made none of the cached results" if not found else f"fits {len(found)} runs"
    raise UsageError(f'"{name}" {text}', hint="scalable cache ls shows which runs made them")


def _in_use(store: Store, now: float) -> InUse:
    """What the runs that are going on may still take from the cache."""
    since, keys, digests = None, set[str](), set[str]()
    for run in _live_runs(store, now):
        try:
            created = float(str(run.read_json("run.json")["created"]))
            plan = load_plan(run)
        except (StorageError, LookupError, ValueError) as error:
            raise RefusedError(
                f"{run.id} is going on, and what it needs cannot be told: {error}",
                hint=f"wait for its end: scalable status {run.id}",
            ) from error
        since = min(created, since or created)
        for step in plan.steps:
            if step.record is not None:
                keys.add(step.record.key)
                for ref in step.record.outputs:
                    digests.update([d for _, d, _ in ref.files] if ref.files else [ref.digest])
            digests.update(ref.digest for ref in step.inputs if isinstance(ref, FileInput))
    spared_since = None if since is None else since - _CLOCKS_S
    return InUse(spared_since, frozenset(keys), frozenset(digests))


def _live_runs(store: Store, now: float) -> Iterator[RunDirectory]:
    for name in store.folders(""):
        if name.startswith(PREFIX):
            run = RunDirectory(store, name)
            holder = read_holder(run)
            if holder is not None and holder.alive(now):
                yield run

"""What the cache holds, and what a clean-up removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.model.units import show_bytes, show_duration
from scalable_cli.ui.columns import align, count_of
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scalable_cli.session.caching import CacheView
    from scalable_cli.store.gc import GcPlan
    from scalable_cli.store.inventory import Result, Stored
    from scalable_cli.ui.terminal import Look

_DIGITS = 12
_HEADER = ("STEP", "RUN", "USED", "OUTPUTS", "SIZE", "KEY")


@dataclass(frozen=True, slots=True)
class Listing:
    """A cache, those of its results that are asked for, in order, and the time."""

    view: CacheView
    results: Sequence[Result]
    now: float


def list_text(listing: Listing, most: int, look: Look = PLAIN) -> str:
    """One row a result, at most so many, and what all of it takes."""
    shown = listing.results[:most]
    table = align([_HEADER, *(_row(r, listing.now) for r in shown)], right=(3, 4))
    lines = [look.bold(table[0]), *table[1:]] if shown else []
    if len(listing.results) > len(shown):
        lines.append(f"and {len(listing.results) - len(shown):,} more; --all shows them")
    lines += ["", look.bold(listing.view.uri)] if lines else [look.bold(listing.view.uri)]
    lines += [f"  {line}" for line in align(_totals(listing))]
    return "".join(f"{line}\n" for line in lines)


def list_object(listing: Listing) -> dict[str, object]:
    """The object `scalable.cache/1`; sizes in bytes, times in seconds since the epoch."""
    inventory = listing.view.inventory
    return {
        "schema": "scalable.cache/1",
        "uri": listing.view.uri,
        "results": [
            {
                "key": result.record.key,
                "step": result.record.step,
                "run": result.record.run,
                "used": round(result.file.modified, 3),
                "outputs": len(result.record.outputs),
                "size": result.size,
                "seconds": result.record.seconds,
            }
            for result in listing.results
        ],
        "totals": {
            "results": _sums(result.file for result in inventory.results),
            "output_files": _sums(inventory.objects.values()),
            "function_results": _sums(inventory.functions),
            "code_bundles": _sums(inventory.bundles),
            "damaged_records": _sums(inventory.damaged),
            "unfinished_files": _sums(inventory.unfinished),
        },
    }


@dataclass(frozen=True, slots=True)
class CleanUp:
    """A clean-up: the command that carries it out, and how that went; `failed` counts files."""

    plan: GcPlan
    command: Sequence[str]
    done: bool = False
    failed: int = 0


def clean_up_text(clean_up: CleanUp, look: Look = PLAIN) -> str:
    """What is or would be removed, what that frees, and what stays nevertheless."""
    plan, done = clean_up.plan, clean_up.done
    kinds = [(name.replace("_", " "), tuple(files)) for name, files in _kinds(plan)]
    rows = [(name, f"{len(f):,}", show_bytes(_size(f))) for name, f in kinds if f]
    if not rows:
        lines = ["Nothing to remove."]
    else:
        table = align([("REMOVED" if done else "TO REMOVE", "FILES", "SIZE"), *rows], right=(1, 2))
        lines = [look.bold(table[0]), *table[1:]]
        lines.append(f"{_verb(clean_up)} {show_bytes(plan.frees)} of disk.")
    if plan.held:
        lines.append(f"{show_bytes(plan.held)} of it stay on the disk: runs have the same files.")
    if plan.spared:
        text = count_of(plan.spared, "result")
        lines.append(f"Kept {text} that a run which is going on may use.")
    if rows and not done:
        lines.append(f"Nothing was removed; to do it: {look.cyan(' '.join(clean_up.command))}")
    return "".join(f"{line}\n" for line in lines)


def _verb(clean_up: CleanUp) -> str:
    if clean_up.failed:
        return "Freed at most"
    return "Freed" if clean_up.done else "Frees"


def clean_up_object(clean_up: CleanUp) -> dict[str, object]:
    """The object `scalable.cache-gc/1`; sizes in bytes."""
    plan = clean_up.plan
    return {
        "schema": "scalable.cache-gc/1",
        "done": clean_up.done,
        "removed": {name: _sums(files) for name, files in _kinds(plan)},
        "keys": [result.record.key for result in plan.results],
        "frees": plan.frees,
        "held_by_runs": plan.held,
        "spared_results": plan.spared,
        "failed_files": clean_up.failed,
    }


def _row(result: Result, now: float) -> tuple[str, ...]:
    record = result.record
    return (
        record.step,
        record.run,
        f"{show_duration(max(0, round(now - result.file.modified)))} ago",
        f"{len(record.outputs):,}",
        show_bytes(result.size),
        record.key[:_DIGITS],
    )


def _totals(listing: Listing) -> list[tuple[str, str]]:
    inventory = listing.view.inventory
    files = tuple(inventory.files)
    objects = tuple(inventory.objects.values())
    runs = len({result.record.run for result in inventory.results})
    rows = [
        ("Results", f"{len(inventory.results):,} of {count_of(runs, 'run')}"),
        ("Output files", f"{len(objects):,}, {show_bytes(_size(objects))}"),
    ]
    for name, others in (
        ("Functions", inventory.functions),
        ("Code", inventory.bundles),
        ("Damaged", inventory.damaged),
        ("Unfinished", inventory.unfinished),
    ):
        if others:
            rows.append((name, f"{count_of(len(others), 'file')}, {show_bytes(_size(others))}"))
    alone = sum(file.frees for file in files)
    shared = sum(file.size for file in files if not file.frees)
    rows.append(("Disk", f"{show_bytes(alone)}, and {show_bytes(shared)} shared with runs"))
    return rows


def _kinds(plan: GcPlan) -> list[tuple[str, Iterable[Stored]]]:
    return [
        ("results", [result.file for result in plan.results]),
        ("output_files", plan.objects),
        ("function_results", plan.functions),
        ("code_bundles", plan.bundles),
        ("damaged_records", plan.damaged),
        ("unfinished_files", plan.unfinished),
    ]


def _sums(files: Iterable[Stored]) -> dict[str, int]:
    found = tuple(files)
    frees = sum(file.frees for file in found)
    return {"files": len(found), "size": _size(found), "frees": frees}


def _size(files: Iterable[Stored]) -> int:
    return sum(file.size for file in files)

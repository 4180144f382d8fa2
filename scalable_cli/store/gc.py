"""What to remove from a cache: decided first, then done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scalable_cli.model.store import Store
    from scalable_cli.store.inventory import Inventory, Result, Stored

# A file that is written now has its temporary name; one that has it for a day never will be.
UNFINISHED_S = 86_400.0


@dataclass(frozen=True, slots=True)
class GcLimits:
    """Which results to remove: not used for so long, of one run, the oldest above a size.

    With `run` the other two look at that run's results alone. Without any, no result goes.
    """

    older_than_s: float | None = None
    max_bytes: int | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class InUse:
    """What runs that are going on may use; `since` is when the oldest of them was made."""

    since: float | None = None
    keys: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()

    def spares(self, file: Stored) -> bool:
        """Whether a file may have been written for such a run."""
        return self.since is not None and file.modified >= self.since


@dataclass(frozen=True, slots=True)
class GcPlan:
    """What is to be removed, and how many results stay only because a run may use them."""

    results: tuple[Result, ...] = ()
    objects: tuple[Stored, ...] = ()
    functions: tuple[Stored, ...] = ()
    bundles: tuple[Stored, ...] = ()
    damaged: tuple[Stored, ...] = ()
    unfinished: tuple[Stored, ...] = ()
    spared: int = 0

    @property
    def files(self) -> Iterator[Stored]:
        """Every file to be removed, records before what they refer to."""
        yield from (result.file for result in self.results)
        for files in (self.damaged, self.objects, self.functions, self.bundles, self.unfinished):
            yield from files

    @property
    def frees(self) -> int:
        """The bytes of disk that come free."""
        return sum(file.frees for file in self.files)

    @property
    def held(self) -> int:
        """The bytes that stay on the disk because runs have the same files."""
        return sum(file.size for file in self.files if not file.frees)


def plan_gc(inventory: Inventory, limits: GcLimits, in_use: InUse, now: float) -> GcPlan:
    """Decide what to remove. What a result that stays refers to is never among it.

    Files that no result refers to go, as do damaged records and what was left unfinished a
    day ago.
    """
    chosen = _Choice(inventory, limits, in_use, now)
    removed = chosen.removed
    staying = [result for result in inventory.results if result.record.key not in removed]
    needed = in_use.digests.union(*(result.files for result in staying))
    loose = (file for digest, file in inventory.objects.items() if digest not in needed)
    return GcPlan(
        tuple(result for result in inventory.results if result.record.key in removed),
        tuple(file for file in loose if not in_use.spares(file)),
        tuple(chosen.aged(inventory.functions)),
        tuple(chosen.aged(inventory.bundles)),
        tuple(file for file in inventory.damaged if not in_use.spares(file)),
        tuple(file for file in inventory.unfinished if file.modified < now - UNFINISHED_S),
        chosen.spared,
    )


class _Choice:
    """The keys of the results to be removed, and how many were spared."""

    def __init__(self, inventory: Inventory, limits: GcLimits, in_use: InUse, now: float) -> None:
        self.removed: set[str] = set()
        self.spared = 0
        self._in_use = in_use
        self._all = limits.run is not None and limits == GcLimits(run=limits.run)
        self._before = None if limits.older_than_s is None else now - limits.older_than_s
        self._of_run = limits.run is not None
        results = [r for r in inventory.results if limits.run in (None, r.record.run)]
        results.sort(key=lambda result: (result.file.modified, result.record.key))
        self._take(result for result in results if self._all or self._is_old(result.file))
        if limits.max_bytes is not None:
            self._shrink(inventory, results, limits.max_bytes)

    def aged(self, files: Iterable[Stored]) -> Iterator[Stored]:
        """Those of the files that belong to no single run and are old enough."""
        if not self._of_run:
            yield from (f for f in files if self._is_old(f) and not self._in_use.spares(f))

    def _is_old(self, file: Stored) -> bool:
        return self._before is not None and file.modified < self._before

    def _take(self, results: Iterable[Result]) -> None:
        for result in results:
            if self._is_used(result):
                self.spared += 1
            else:
                self.removed.add(result.record.key)

    def _is_used(self, result: Result) -> bool:
        return result.record.key in self._in_use.keys or self._in_use.spares(result.file)

    def _shrink(self, inventory: Inventory, oldest: Sequence[Result], most: int) -> None:
        """Remove the oldest results until what stays takes no more than `most` bytes."""
        staying = [r for r in inventory.results if r.record.key not in self.removed]
        users = Counter(digest for result in staying for digest in result.files)
        size = sum(inventory.objects[d].size for d in users if d in inventory.objects)
        size += sum(result.file.size for result in staying)
        for others in (inventory.functions, inventory.bundles):
            size += sum(file.size for file in others) - sum(f.size for f in self.aged(others))
        for result in oldest:
            if size <= most:
                return
            if result.record.key in self.removed:
                continue
            if self._is_used(result):
                self.spared += 1
                continue
            self.removed.add(result.record.key)
            size -= result.file.size
            for digest in result.files:
                users[digest] -= 1
                if not users[digest] and digest in inventory.objects:
                    size -= inventory.objects[digest].size


def apply_gc(store: Store, plan: GcPlan) -> list[StorageError]:
    """Remove what was decided; what could not be removed is told, the rest goes on.

    A file that was written anew since is left alone.
    """
    errors = []
    for file in plan.files:
        try:
            entry = store.stat(file.key)
            if entry is not None and entry.modified == file.modified:
                store.delete(file.key)
        except StorageError as error:
            errors.append(error)
    return errors

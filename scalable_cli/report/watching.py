"""A run while it goes on, seen from outside: by its directory alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.journal.events import parse_segment
from scalable_cli.journal.snapshot import Position, read_snapshot
from scalable_cli.model.run import RunState
from scalable_cli.report.fold import describe, new_fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.journal.events import Event
    from scalable_cli.journal.fold import Fold
    from scalable_cli.model.run import Run


# A journal shorter than this is read in no time.
LONG_BYTES = 4 << 20
FRESH_S = 10.0


def fold_run(run: RunDirectory, now: float) -> Run:
    """The run as it is; raises StorageError when it cannot be read.

    Of a long journal the snapshot is enough: that of all of it, or while a head works that of
    a few seconds ago.
    """
    entries = list(run.store.scan(run.key("journal/")))
    if sum(entry.size for entry in entries) >= LONG_BYTES:
        known = _snapshot(run)
        if known is not None:
            fold, at, position = known
            found = describe(run, run.read_json("run.json"), fold, now)
            whole = position == Position(entries[-1].key, entries[-1].size)
            if whole or (found.state is RunState.RUNNING and abs(now - at) < FRESH_S):
                return found
    return Watching(run).look(now)


def _snapshot(run: RunDirectory) -> tuple[Fold, float, Position] | None:
    try:
        return read_snapshot(run.read_json("status.json"))
    except StorageError:
        return None


class Watching:
    """Looks at a run again and again; each look reads only what the journal has gained."""

    def __init__(self, run: RunDirectory) -> None:
        """Raises StorageError when the run cannot be read."""
        self.run = run
        self._facts = run.read_json("run.json")
        self.fold = new_fold(self._facts)
        self._seen: dict[str, int] = {}

    def look(self, now: float, on_event: Callable[[Event, Fold], None] = lambda *_: None) -> Run:
        """The run as it is; `on_event` sees each new event with the state it leads to."""
        self._take(on_event)
        run = describe(self.run, self._facts, self.fold, now)
        if run.state is RunState.LOST and self._take(on_event):
            # Its head said goodbye between the look at the journal and that at the lease.
            run = describe(self.run, self._facts, self.fold, now)
        return run

    def _take(self, on_event: Callable[[Event, Fold], None]) -> bool:
        """Fold what is new; whether there was anything."""
        taken = False
        for entry in self.run.store.scan(self.run.key("journal/")):
            seen = self._seen.get(entry.key, 0)
            if entry.size <= seen:
                continue
            data = self.run.store.read(entry.key)
            # A line that is being written is taken when it is whole.
            end = data.rfind(b"\n") + 1
            for event in parse_segment(data[seen:end]):
                self.fold.take(event)
                on_event(event, self.fold)
                taken = True
            self._seen[entry.key] = max(seen, end)
        return taken

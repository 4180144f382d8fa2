"""The journal as the head writes it: append-only segments that survive a kill at any moment."""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING

from scalable_cli.errors import StorageError, is_lasting
from scalable_cli.host.patience import Patience, persist
from scalable_cli.journal.events import Event, Kind
from scalable_cli.journal.snapshot import Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.model.store import Store

SEGMENT_BYTES = 8 << 20
SEGMENT_S = 2.0


def segment_key(run: str, number: int) -> str:
    """The key of a segment, numbered from 1."""
    return f"{run}/journal/{number:06d}.jsonl"


class JournalWriter:
    """Appends events to a run's journal.

    On a local store each flush reaches the file at once; elsewhere a segment is written
    whole, at most every `SEGMENT_S`, because object stores cannot append. A failure that may
    pass is waited for; events stay in memory until they are written.
    """

    def __init__(
        self,
        store: Store,
        run: str,
        now: Callable[[], float],
        patience: Patience | None = None,
        *,
        verify: Callable[[], None] = lambda: None,
    ) -> None:
        """`verify` is called before each write; it raises when this writer may write no more."""
        self._store, self._run, self._now, self.verify = store, run, now, verify
        self._patience = patience or Patience()
        self._number = 0
        self._lines: list[str] = []
        self._rest = b""
        self._written = 0
        self._saved_at = time.monotonic()
        self._position: Position | None = None
        self._file: IO[bytes] | None = None
        self.reopen()

    def add(self, kind: Kind, **values: object) -> Event:
        """Record an event; `flush` makes it durable."""
        event = Event(self._now(), kind, values)
        self._lines.append(event.line())
        return event

    def flush(self, *, final: bool = False) -> None:
        """Make every recorded event readable by others; raises StorageError when that failed."""
        waiting = self._file is None and time.monotonic() - self._saved_at < SEGMENT_S
        if (waiting and not final) or not (self._lines or self._rest):
            return
        self._rest += "".join(self._lines).encode()
        self._lines.clear()
        size = len(self._rest)
        persist(self._save, self._patience)
        self._written += size
        if self._file is None or self._written > SEGMENT_BYTES:
            self._next()

    @property
    def position(self) -> Position | None:
        """Where the journal ends in the store; None while events wait to be written."""
        return None if self._lines or self._rest else self._position

    def close(self) -> None:
        """Flush and close; the file is closed even if StorageError is raised."""
        try:
            self.flush(final=True)
        finally:
            if self._file is not None:
                self._file.close()

    def reopen(self) -> None:
        """Go on after `close`, behind the segments that others have written since."""
        last = max((entry.key for entry in self._store.scan(f"{self._run}/journal/")), default="")
        self._number = 1 + int(last.rpartition("/")[2].partition(".")[0] or 0)
        self._written = 0
        self._open()

    def _save(self) -> None:
        """Write what is left; what a failure cut off goes on where it stopped."""
        self.verify()
        if self._file is None:
            self._create(self._rest)
            self._rest = b""
            self._saved_at = time.monotonic()
            return
        try:
            while self._rest:
                taken = self._file.write(self._rest)
                self._rest = self._rest[taken:]
                if self._position is not None:
                    key, size = self._position.key, self._position.size
                    self._position = Position(key, size + taken)
        except OSError as error:
            raise StorageError(
                f'cannot write the journal "{self._file.name}": {(error.strerror or "").lower()}',
                hint=f"free some space, then: scalable resume {self._run}",
                lasting=is_lasting(error),
            ) from error

    def _next(self) -> None:
        self._number += 1
        self._written = 0
        if self._file is not None:
            self._file.close()
            self._file = None
            self._open()

    def _open(self) -> None:
        if self._store.local_path(segment_key(self._run, self._number)) is None:
            return
        path = self._store.local_path(self._create(b""))
        if path is not None:
            try:
                self._file = path.open("ab", buffering=0)
            except OSError as error:
                raise StorageError(f'cannot write "{path}": {error.strerror}') from error

    def _create(self, data: bytes) -> str:
        """Write the next segment behind whatever others have written; its key."""
        while True:
            key = segment_key(self._run, self._number)
            if self._store.write(key, data, create_only=True):
                self._position = Position(key, len(data))
                return key
            self._number += 1

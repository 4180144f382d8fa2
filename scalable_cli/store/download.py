"""An object becomes a file: one stream when it is small, else ranges side by side."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import threading
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scalable_cli.errors import MismatchError, StorageError
from scalable_cli.store.faults import TransientError
from scalable_cli.store.parts import Part, parts_of
from scalable_cli.store.progress import Progress, open_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scalable_cli.model.artifact import Entry
    from scalable_cli.store.backoff import Backoff
    from scalable_cli.store.options import ObjectOptions
    from scalable_cli.store.parts import Workers
    from scalable_cli.store.transport import Got

# Half-written files carry this prefix; a local listing never shows them.
_TEMPORARY = ".tmp-"
_BLOCK = 1 << 20
_PROCESS = uuid.uuid4().hex[:12]
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Download:
    """One object on its way to the file `path`.

    `begin` asks for all of it; `span` for the bytes from start to end of one version. `shown`
    is the object in the user's words.
    """

    begin: Callable[[], Got]
    span: Callable[[tuple[int, int], str], Iterator[bytes]]
    shown: str
    path: Path

    def run(self, options: ObjectOptions, workers: Workers, backoff: Backoff) -> Entry:
        """Fetch, verify and put in place; the entry's digest is that of the bytes."""
        try:
            with open_progress(options.state_folder, "down", self.shown, self._place) as progress:
                return self._run(progress, options, workers, backoff)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f'cannot write "{self.path}": {reason}', hint=_hint(error)
            ) from error

    @property
    def _place(self) -> str:
        return os.path.abspath(self.path)

    def _run(
        self, progress: Progress, options: ObjectOptions, workers: Workers, backoff: Backoff
    ) -> Entry:
        # No range: an empty object has none, and servers differ in ranges past the end.
        got = self.begin()
        large = got.entry.size > options.whole_bytes
        temporary = self._temporary(lasting=large and progress.lasting)
        kept = placed = False
        try:
            if large:
                kept = progress.lasting
                parts = parts_of(got.entry.size, options.part_size(got.entry.size))
                digest = self._ranges(got, parts, temporary, progress, (workers, backoff))
            else:
                digest = self._stream(got, temporary)
            kept = False
            _verify(got.entry.digest, digest, self.shown)
            os.replace(temporary, self.path)
            placed = progress.finished = True
        finally:
            if not (kept or placed):
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
        return replace(got.entry, digest=digest)

    def _temporary(self, *, lasting: bool) -> str:
        """A name beside the target; the same one again when the transfer can be continued."""
        # Names that follow each other: ext4 creates them ten times as fast as random ones.
        mark = f"{_PROCESS}-{os.getpid()}-{next(_NUMBERS)}"
        if lasting:
            mark = hashlib.sha256(f"{self.shown}\0{self._place}".encode()).hexdigest()[:32]
        return os.path.join(os.path.dirname(self._place), _TEMPORARY + mark)

    def _stream(self, got: Got, temporary: str) -> str:
        digest, size = hashlib.sha256(), 0
        with open(temporary, "xb", buffering=0) as file:
            for chunk in got.chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        if size != got.entry.size:
            raise TransientError(f'cannot read "{self.shown}": it ends after {size} bytes')
        return digest.hexdigest()

    def _ranges(
        self,
        first: Got,
        parts: tuple[Part, ...],
        temporary: str,
        progress: Progress,
        means: tuple[Workers, Backoff],
    ) -> str:
        entry = first.entry
        workers, backoff = means
        facts = {"version": entry.version, "size": str(entry.size), "part": str(parts[0].size)}
        if progress.facts != facts or not os.path.exists(temporary):
            progress.begin(facts)
        with open(os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0) as file:
            file.truncate(entry.size)
            digest = _OrderedDigest(file.fileno(), parts)
            # The answer that told the size carries the first bytes: used once, not asked again.
            begun = [first.chunks]

            def fetch(part: Part) -> None:
                if part.number not in progress.done:
                    backoff.call(lambda: receive(part))
                    progress.add(part.number)
                digest.offer(part)

            def receive(part: Part) -> None:
                span = (part.start, part.start + part.size)
                begins = part.number == 1 and begun
                chunks = begun.pop() if begins else self.span(span, entry.version)
                self._receive(chunks, span, file.fileno())

            workers.each(parts, fetch)
            return digest.hexdigest()

    def _receive(self, chunks: Iterator[bytes], span: tuple[int, int], file: int) -> None:
        offset, end = span
        for chunk in chunks:
            _write_at(file, chunk[: end - offset], offset)
            offset += len(chunk)
            if offset >= end:
                return
        raise TransientError(f'cannot read "{self.shown}": a part of it ends early')


class _OrderedDigest:
    """SHA-256 of a file whose parts arrive in any order, computed beside their arrival."""

    def __init__(self, file: int, parts: tuple[Part, ...]) -> None:
        self._file = file
        self._waiting = {part.number: part for part in parts}
        self._ready: set[int] = set()
        self._next = 1
        self._busy = False
        self._lock = threading.Lock()
        self._digest = hashlib.sha256()

    def offer(self, part: Part) -> None:
        """Note that a part is in the file; hash what can be hashed unless another thread does."""
        with self._lock:
            self._ready.add(part.number)
            if self._busy:
                return
            self._busy = True
        try:
            for ready in self._in_order():
                for offset in range(ready.start, ready.start + ready.size, _BLOCK):
                    end = ready.start + ready.size
                    self._digest.update(os.pread(self._file, min(_BLOCK, end - offset), offset))
        except BaseException:
            self._busy = False
            raise

    def hexdigest(self) -> str:
        """The digest; every part was offered before."""
        return self._digest.hexdigest()

    def _in_order(self) -> Iterator[Part]:
        while True:
            with self._lock:
                if self._next not in self._ready:
                    self._busy = False
                    return
                part = self._waiting[self._next]
                self._next += 1
            yield part


def _write_at(file: int, chunk: bytes, offset: int) -> None:
    view = memoryview(chunk)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _verify(recorded: str | None, digest: str, shown: str) -> None:
    if recorded and recorded != digest:
        raise MismatchError(
            f'"{shown}" is damaged: its bytes have the SHA-256 {digest[:12]}…, '
            f"{recorded[:12]}… was recorded",
            hint="store it again from where it was made",
        )


def _hint(error: OSError) -> str | None:
    if error.errno in (28, 122):
        return "free some space on the disk"
    if isinstance(error, PermissionError) or error.errno == 30:
        return "check the permissions of the folder"
    return None

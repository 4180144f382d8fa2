"""An object becomes a file: one stream when it is small, else ranges side by side."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from scalable_cli.errors import MismatchError, StorageError
from scalable_cli.store.faults import EmptyError, TransientError
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


class Download:
    """One object on its way to `path`; `get` reads a span of it, of one version if given.

    `get(span, version)`: span (start, end) or None for all; version "" for whichever is there.
    """

    def __init__(
        self,
        get: Callable[[tuple[int, int] | None, str], Got],
        shown: str,
        path: Path,
        options: ObjectOptions,
    ) -> None:
        self._get = get
        self._shown = shown
        self._path = path
        self._options = options

    def run(self, workers: Workers, backoff: Backoff) -> Entry:
        """Fetch, verify and put in place; the entry's digest is that of the bytes."""
        try:
            with open_progress(self._options.state_folder, "down", self._shown, self._place) as p:
                return self._run(p, workers, backoff)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f'cannot write "{self._path}": {reason}', hint=_hint(error)
            ) from error

    @property
    def _place(self) -> str:
        return os.path.abspath(self._path)

    def _run(self, progress: Progress, workers: Workers, backoff: Backoff) -> Entry:
        whole = self._options.whole_bytes
        try:
            got = self._get((0, whole), "")
        except EmptyError:
            got = self._get(None, "")
        temporary = self._temporary(progress, got.entry)
        kept = False
        try:
            if got.entry.size <= whole:
                digest = self._stream(got, temporary)
            else:
                kept = progress.lasting
                digest = self._ranges(got, temporary, progress, workers, backoff)
            kept = False
            _verify(got.entry.digest, digest, self._shown)
            os.replace(temporary, self._path)
            progress.finished = True
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            kept = False
            raise
        finally:
            if not kept:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
        return replace(got.entry, digest=digest)

    def _temporary(self, progress: Progress, entry: Entry) -> str:
        """A name beside the target; the same one again when the transfer can be continued."""
        mark = uuid.uuid4().hex
        if progress.lasting and entry.size > self._options.whole_bytes:
            mark = hashlib.sha256(f"{self._shown}\0{self._place}".encode()).hexdigest()[:32]
        return os.path.join(os.path.dirname(self._place), _TEMPORARY + mark)

    def _stream(self, got: Got, temporary: str) -> str:
        digest, size = hashlib.sha256(), 0
        with open(temporary, "xb", buffering=0) as file:
            for chunk in got.chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        if size != got.entry.size:
            raise TransientError(f'cannot read "{self._shown}": it ends after {size} bytes')
        return digest.hexdigest()

    def _ranges(
        self, first: Got, temporary: str, progress: Progress, workers: Workers, backoff: Backoff
    ) -> str:
        entry = first.entry
        parts = parts_of(entry.size, self._options.part_size(entry.size))
        facts = {"version": entry.version, "size": str(entry.size), "part": str(parts[0].size)}
        if progress.facts != facts or not os.path.exists(temporary):
            progress.begin(facts)
        with open(os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0) as file:
            file.truncate(entry.size)
            digest = _OrderedDigest(file.fileno(), parts)

            # The answer that told the size carries the first bytes: used once, not asked again.
            begun = [first] if parts[0].size == self._options.whole_bytes else []

            def fetch(part: Part) -> None:
                if part.number not in progress.done:
                    backoff.call(
                        lambda: self._part(
                            part,
                            begun.pop() if part.number == 1 and begun else None,
                            entry.version,
                            file.fileno(),
                        )
                    )
                    progress.add(part.number)
                digest.offer(part)

            workers.each(parts, fetch)
            return digest.hexdigest()

    def _part(self, part: Part, begun: Got | None, version: str, file: int) -> None:
        got = begun or self._get((part.start, part.start + part.size), version)
        offset = part.start
        for chunk in got.chunks:
            _write_at(file, chunk, offset)
            offset += len(chunk)
        if offset != part.start + part.size:
            raise TransientError(f'cannot read "{self._shown}": a part of it ends early')


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

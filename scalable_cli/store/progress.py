"""How far a large transfer came: a small file of lines, so that another process goes on with it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# A transfer that nobody continued for so long is given up: S3 lifecycles use 7 days.
STALE_S = 7 * 86400


class Progress:
    """The facts of a transfer and the numbers of its finished parts; thread-safe.

    Lines are appended: one that a crash cut short is ignored. Without a file all of it is
    kept in memory and ends with the process.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.facts: Mapping[str, str] = {}
        self.done: set[int] = set()
        self.finished = False
        if stream:
            self._load(stream)

    @property
    def lasting(self) -> bool:
        """Whether another process can go on with this."""
        return self._stream is not None

    def begin(self, facts: Mapping[str, str]) -> None:
        """Start over with these facts; nothing is done yet."""
        self.facts, self.done = dict(facts), set()
        if self._stream:
            self._stream.seek(0)
            self._stream.truncate()
            self._append(json.dumps(self.facts))

    def add(self, number: int) -> None:
        """Note that a part is done; its bytes are in place before."""
        with self._lock:
            self.done.add(number)
            if self._stream:
                self._append(str(number))

    def _append(self, line: str) -> None:
        if self._stream:
            self._stream.write(line + "\n")
            self._stream.flush()

    def _load(self, stream: IO[str]) -> None:
        stream.seek(0)
        lines = stream.read().split("\n")[:-1]
        try:
            facts = json.loads(lines[0]) if lines else {}
            self.done = {int(line) for line in lines[1:]}
        except ValueError:
            return
        self.facts = facts if isinstance(facts, dict) else {}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextlib.contextmanager
def open_progress(folder: Path | None, *identity: str) -> Iterator[Progress]:
    """The progress of the transfer with this identity; in memory if another process has it.

    The file goes away when the caller sets `finished`.
    """
    if folder is None:
        yield Progress(None)
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32]
    with open(path, "a+", encoding="utf-8", opener=_private) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield Progress(None)
            return
        progress = Progress(stream)
        yield progress
        if progress.finished:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

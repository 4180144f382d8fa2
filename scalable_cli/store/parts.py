"""Large objects in parts: which there are, and several of them at a time."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file, numbered from 1."""

    number: int
    start: int
    size: int


def parts_of(size_bytes: int, part_bytes: int) -> tuple[Part, ...]:
    """The parts of a file: all of `part_bytes` but the last."""
    starts = range(0, size_bytes, part_bytes)
    return tuple(
        Part(number, start, min(part_bytes, size_bytes - start))
        for number, start in enumerate(starts, 1)
    )


class Workers:
    """Threads that move parts; shared by all transfers of a store, so that memory stays bounded."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def each(self, items: Iterable[T], work: Callable[[T], None]) -> None:
        """Do `work` for every item; after a failure no other is begun, and the first is raised."""
        stopped = threading.Event()

        def guarded(item: T) -> None:
            if stopped.is_set():
                return
            try:
                work(item)
            except BaseException:
                stopped.set()
                raise

        futures = [self._open().submit(guarded, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stopped.set()
            # Nobody may still write to a file that the caller closes now.
            wait(futures)
        for future in futures:
            future.result()

    def _open(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="parts")
            return self._pool

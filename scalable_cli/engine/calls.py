"""A worker's part of a workflow: call the user's function, measure it, say how it went."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scalable_cli.engine.cacheable import CachedFunction, storage
from scalable_cli.engine.frames import user_frames, user_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scalable_cli.model.store import Store

# A call shorter than this is not reported as started.
MOMENT_S = 0.25
MAX_TRACE = 20_000


class StepTimeoutError(TimeoutError):
    """A call took longer than the time limit of its task."""


@dataclass(frozen=True, slots=True)
class CallOf:
    """What all calls of one submission share; calling it makes one call on a worker.

    `topic` is where news goes; `task` is None for calls that are no steps. With `cached`
    the results of a cacheable function are kept and used.
    """

    function: Callable[..., Any]
    store: Store
    topic: str
    task: str | None = None
    timeout_s: float | None = None
    cached: bool = True

    def __call__(self, number: int, *args: Any, **kwargs: Any) -> Any:
        """The function's result, which travels as Dask does; news goes as an event."""
        token = storage.set(self.store)
        try:
            if self.task is None:
                return self.function(*args, **kwargs)
            return self._step(number, args, kwargs)
        finally:
            storage.reset(token)

    def _step(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from distributed import get_worker

        worker = get_worker()

        def tell(state: str, **values: object) -> None:
            step = f"{self.task}[{number}]"
            worker.log_event(self.topic, {"step": step, "state": state, **values})

        keeper = self.function if isinstance(self.function, CachedFunction) else None
        function = keeper.plain if keeper else self.function
        keeper = keeper if self.cached else None
        key = keeper.key(args, kwargs) if keeper else None
        found = keeper.find(key) if keeper else None
        if found is not None:
            tell("cached", key=key)
            return found.result
        wall, cpu = time.time(), time.thread_time()
        usage: dict[str, object] = {"started": round(wall, 3), "worker": worker.address}
        try:
            with _told_if_long(lambda: tell("started")), _limited(self.timeout_s):
                result = function(*args, **kwargs)
        except Exception as error:
            text = f"{type(error).__name__}: {error}".rstrip(": ")
            error.__traceback__ = user_frames(error.__traceback__)
            trace = user_trace(error)[-MAX_TRACE:]
            tell("failed", text=text[:1000], trace=trace, **usage, **_spent(wall, cpu))
            raise
        tell("done", key=key or "", **usage, **_spent(wall, cpu))
        if keeper:
            keeper.keep(key, result)
        return result


def _spent(wall: float, cpu: float) -> dict[str, object]:
    """Wall seconds, CPU seconds of this thread, and the process's peak memory so far in bytes."""
    import resource

    return {
        "seconds": round(time.time() - wall, 4),
        "cpu": round(time.thread_time() - cpu, 4),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


@contextlib.contextmanager
def _told_if_long(tell: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(MOMENT_S, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """Raise StepTimeoutError in the block after `seconds`, as soon as it is in Python code.

    A call into compiled code is not interrupted: it is ended when it returns.
    """
    if seconds is None:
        yield
        return
    thread = ctypes.c_ulong(threading.get_ident())
    lock, over, late = threading.Lock(), False, False

    def interrupt() -> None:
        nonlocal late
        with lock:
            if not over:
                late = True
                kind = ctypes.py_object(StepTimeoutError)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, kind)

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except StepTimeoutError as error:
        late = False
        raise StepTimeoutError(f"stopped after its time limit of {seconds:g} s") from error
    finally:
        timer.cancel()
        with lock:
            over = True
            if late:  # raised, and not yet arrived
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)

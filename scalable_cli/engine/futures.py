"""The Dask client of a workflow: it knows components, and each call of a task is a step."""

from __future__ import annotations

import difflib
import threading
import time
import weakref
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scalable_cli.engine.calls import CallOf
from scalable_cli.engine.frames import user_frames
from scalable_cli.engine.ledger import STATUS_EVERY_S
from scalable_cli.engine.reach import Reach
from scalable_cli.engine.steps import log_name
from scalable_cli.errors import StorageError, UsageError
from scalable_cli.journal.events import Event, Kind
from scalable_cli.journal.snapshot import snapshot_of
from scalable_cli.model.run import FailureKind, StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.journal.fold import Fold
    from scalable_cli.journal.writer import JournalWriter

_LAST_NEWS_S = 2.0
_ENDED = (StepState.DONE, StepState.CACHED, StepState.FAILED, StepState.SKIPPED)


@dataclass(frozen=True, slots=True)
class CallTask:
    """What the manifest says of a task that the workflow does; `needs` are Dask resources."""

    name: str
    component: str
    needs: Mapping[str, float]
    retries: int = 0
    timeout_s: float | None = None
    cached: bool = True


@dataclass
class Recorder:
    """Writes a workflow's events to the journal, whatever thread they come from."""

    run: RunDirectory
    journal: JournalWriter
    fold: Fold
    now: Callable[[], float] = time.time
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _status_at: float = 0.0

    def add(self, kind: Kind, **values: object) -> Event:
        """Record one event, durably; raises StorageError."""
        with self._lock:
            event = self.journal.add(kind, **values)
            self.fold.take(event)
            self.flush()
        return event

    def flush(self, *, final: bool = False) -> None:
        """Write out what is recorded, and the snapshot when it is old."""
        with self._lock:
            self.journal.flush(final=final)
            if final or time.monotonic() - self._status_at >= STATUS_EVERY_S:
                self._status_at = time.monotonic()
                self.run.write_json("status.json", snapshot_of(self.fold, self.now()))

    def close(self) -> None:
        """Write out everything and close the journal."""
        with self._lock:
            self.flush(final=True)
            self.journal.close()

    def state(self, step: str) -> StepState:
        """Where a step is."""
        with self._lock:
            facts = self.fold.steps.get(step)
            return StepState.WAITING if facts is None else facts.state


class WorkflowClient:
    """Submits calls of Python functions to the session's cluster.

    With `task=` a call is a step of that task of the manifest: it takes the cpus and memory of
    its component on the worker, keeps the time limit, and is shown by status, report and logs
    as `task[0]`, `task[1]`, … in the order of submission. `retries` None means the task's own.
    Futures, results and exceptions are Dask's; `dask` is the plain Dask client.
    """

    def __init__(
        self,
        dask: Any,
        recorder: Recorder,
        tasks: Mapping[str, CallTask],
        on_close: Callable[[BaseException | None], None] = lambda _: None,
    ) -> None:
        self.dask = dask
        self._recorder = recorder
        self._tasks = tasks
        self._on_close = on_close
        self._topic = f"{recorder.run.id}/calls"
        self._count: Counter[str] = Counter(recorder.fold.workflow_steps())
        self._open: dict[str, weakref.ref[Any]] = {}
        self._retries: dict[str, int] = {}
        self._failed: Counter[str] = Counter()
        self._closed = False
        self._trouble: StorageError | None = None
        self._reach = Reach(dask)
        dask.subscribe_topic(self._topic, self._hear)

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        task: str | None = None,
        retries: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """A Dask future of `function(*args, **kwargs)`; arguments may be futures.

        Raises UsageError for a task that the workflow cannot do.
        """
        known = self._task(task)
        first = self._declare(known, 1)
        future = self.dask.submit(
            self._call(function, known),
            first,
            *args,
            key=self._key(known, first),
            pure=False,
            resources=dict(known.needs) if known else None,
            retries=self._tries(known, retries),
            **kwargs,
        )
        self._watch(known, first, [future], retries)
        return future

    def map(
        self,
        function: Callable[..., Any],
        *iterables: Iterable[Any],
        task: str | None = None,
        retries: int | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """One future for each set of arguments, which are taken from `iterables` in parallel.

        Ends with the shortest, like `map`. Raises UsageError as `submit` does.
        """
        known = self._task(task)
        rows = list(zip(*iterables, strict=False))
        if not rows:
            return []
        first = self._declare(known, len(rows))
        numbers = range(first, first + len(rows))
        futures: list[Any] = self.dask.map(
            self._call(function, known),
            list(numbers),
            *(list(column) for column in zip(*rows, strict=True)),
            key=[self._key(known, n) for n in numbers] if known else None,
            pure=False,
            resources=dict(known.needs) if known else None,
            retries=self._tries(known, retries),
            **kwargs,
        )
        self._watch(known, first, futures, retries)
        return futures

    def gather(self, futures: Any, errors: str = "raise") -> Any:
        """The results, in the form in which the futures are given; waits for all of them.

        Raises the first exception of a call, with the user's frames in its traceback;
        `errors="skip"` leaves out the calls that failed. Raises ProviderError where nothing can
        connect into the workers, which Dask needs for it.
        """
        try:
            self._reach.require(futures)
            results = self.dask.gather(futures, errors=errors)
        except Exception as error:
            self._settle()
            raise error.with_traceback(user_frames(error.__traceback__))  # noqa: B904
        self._settle()
        return results

    def as_completed(self, futures: Iterable[Any], *, with_results: bool = False) -> Iterator[Any]:
        """The futures (with their results) as they are done."""
        from distributed import as_completed

        if with_results:
            self._reach.require()
        done: Iterator[Any] = as_completed(futures, loop=self.dask.loop, with_results=with_results)
        return done

    def close(self, error: BaseException | None = None) -> None:
        """End the cluster; calls that have not ended are cancelled. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        try:
            self._settle(final=True)
        finally:
            self._on_close(error)

    def __enter__(self) -> WorkflowClient:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close(error)

    def __reduce__(self) -> str:
        raise TypeError("a client stays in the workflow; a step cannot use it")

    # Submitting

    def _task(self, name: str | None) -> CallTask | None:
        if name is None or name in self._tasks:
            return None if name is None else self._tasks[name]
        close = difflib.get_close_matches(name, self._tasks, n=1)
        hint = f'did you mean "{close[0]}"?' if close else "add it to the tasks of the manifest"
        raise UsageError(f'the manifest has no task "{name}" that a workflow does', hint=hint)

    def _declare(self, task: CallTask | None, steps: int) -> int:
        """Announce steps; the number of the first."""
        if task is None:
            return 0
        first = self._count[task.name]
        self._count[task.name] += steps
        self._recorder.add(
            Kind.TASK_DECLARED, task=task.name, component=task.component, steps=steps
        )
        return first

    def _call(self, function: Callable[..., Any], task: CallTask | None) -> CallOf:
        store = self._recorder.run.store
        if task is None:
            return CallOf(function, store, self._topic)
        return CallOf(function, store, self._topic, task.name, task.timeout_s, task.cached)

    def _key(self, task: CallTask | None, number: int) -> str | None:
        return f"{task.name}-{number}-{self._recorder.run.id}" if task else None

    def _tries(self, task: CallTask | None, retries: int | None) -> int:
        if retries is None:
            return task.retries if task else 0
        return retries

    def _watch(
        self, task: CallTask | None, first: int, futures: Sequence[Any], retries: int | None
    ) -> None:
        # Weak: a result that the user drops is dropped by Dask too.
        if task is not None:
            for number, future in enumerate(futures, start=first):
                step = f"{task.name}[{number}]"
                self._open[step] = weakref.ref(future)
                self._retries[step] = self._tries(task, retries)

    # What became of the calls

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take news from a worker; runs in the thread of Dask's event loop."""
        try:
            self._take(dict(event[1]))
        except StorageError as error:
            self._trouble = error

    def _take(self, values: dict[str, Any]) -> None:
        state, step = values.pop("state"), values.pop("step")
        attempt = self._failed[step] + 1
        if state == "started":
            self._recorder.add(Kind.STEP_STARTED, step=step, attempt=attempt)
        elif state == "cached":
            self._recorder.add(Kind.STEP_CACHED, step=step, key=values["key"], outputs=[])
        elif state == "done":
            self._recorder.add(Kind.STEP_DONE, step=step, attempt=attempt, **values, outputs=[])
        else:
            self._fail(step, attempt, values)

    def _fail(self, step: str, attempt: int, values: dict[str, Any]) -> None:
        self._failed[step] += 1
        log = log_name(step, attempt)
        run = self._recorder.run
        run.store.write(run.key(log), str(values.pop("trace")).encode("utf-8", "replace"))
        values |= {"attempt": attempt, "exit": None, "class": FailureKind.STEP.value, "log": log}
        if attempt <= self._retries.get(step, 0):
            self._recorder.add(Kind.STEP_RETRIED, step=step, **values, wait=0.0)
        else:
            self._recorder.add(Kind.STEP_FAILED, step=step, **values)

    def _settle(self, *, final: bool = False) -> None:
        """Note how steps ended of which no worker could tell: lost with it, or cancelled."""
        if self._trouble is not None:
            error, self._trouble = self._trouble, None
            raise error
        if final:
            self._await_news()
        for step, reference in list(self._open.items()):
            if self._recorder.state(step) in _ENDED:
                del self._open[step]
                continue
            future = reference()
            status = "cancelled" if future is None else future.status
            if future is not None and status == "error":
                text = f"the worker failed: {future.exception()}"
                kind = FailureKind.INFRASTRUCTURE.value
                values = {"text": text, "exit": None, "class": kind, "log": None}
                self._recorder.add(Kind.STEP_FAILED, step=step, **values)
            elif final and status != "finished":
                self._recorder.add(Kind.STEP_SKIPPED, step=step, because="cancelled")

    def _await_news(self) -> None:
        """News of calls whose futures have ended may still be on its way."""
        until = time.monotonic() + _LAST_NEWS_S
        while time.monotonic() < until and any(map(self._is_behind, list(self._open))):
            time.sleep(0.01)

    def _is_behind(self, step: str) -> bool:
        future = self._open[step]()
        return (
            future is not None
            and future.status in ("finished", "error")
            and self._recorder.state(step) not in _ENDED
        )

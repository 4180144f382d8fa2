"""A worker's part: stage a step's inputs, run it, keep its outputs, report."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scalable_cli.engine.checkpoint import restore_checkpoint, save_checkpoint
from scalable_cli.engine.code import archive_name, unpack_code
from scalable_cli.engine.outputs import OutputError, collect
from scalable_cli.engine.rundir import RunDirectory
from scalable_cli.engine.steps import RunContext, StepResult, StepSpec, file_name, log_name
from scalable_cli.engine.workdir import make_workdir, parents_of
from scalable_cli.errors import StorageError, is_lasting
from scalable_cli.host import own_environ
from scalable_cli.host.process import Finished, Guard, Watch, run_child
from scalable_cli.model.codec import decode
from scalable_cli.model.units import show_bytes
from scalable_cli.store.patient import patient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scalable_cli.model.artifact import ArtifactRef
    from scalable_cli.model.store import Store

CONTEXT = "context.json"
# Set by the process that wants its running steps to end; until then a failing store is asked
# again.
STOP = threading.Event()
# Linux refuses a single argument of 128 KiB (MAX_ARG_STRLEN); a longer command goes to a file.
MAX_ARGUMENT = 100_000
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


def run_batch(
    store: Store, run: str, specs: Sequence[StepSpec], report: Callable[[StepResult | int], None]
) -> None:
    """Run steps in turn; `report` hears the index of one that takes long, and each result.

    Never raises for what a step or a store does wrong: that is in the result.
    """
    try:
        store, context = _context(patient(store, pause=STOP.wait), run)
    except StorageError as error:
        for spec in specs:
            report(_result(spec, time.time(), 0.0, _Outcome(trouble=error, text=error.text)))
        return
    for spec in specs:
        report(run_step(store, context, spec, partial(report, spec.index)))


@dataclass
class _Outcome:
    """What has become of an attempt so far."""

    finished: Finished = field(default_factory=lambda: Finished(0, 0.0, 0.0, 0))
    code: int | None = None
    text: str | None = None
    permanent: bool = False
    trouble: StorageError | None = None
    outputs: tuple[ArtifactRef, ...] = ()


def run_step(
    store: Store, context: RunContext, spec: StepSpec, on_long: Callable[[], None] | None = None
) -> StepResult:
    """Run one attempt of a step in a folder of its own, which is gone afterwards."""
    at, started = time.time(), time.monotonic()
    folder = f"{context.scratch}/{file_name(f'{spec.id}-{spec.attempt}')}"
    outcome = _Outcome()
    try:
        outputs = [path for _, path in spec.outputs]
        with _fresh_folder(folder, outputs), _log(store, context.run, spec) as log:
            place = _Place(store, context, folder, log)
            _attempt(place, spec, on_long, outcome)
            if outcome.text is not None:
                with contextlib.suppress(OSError):  # a full disk
                    log.write(f"scalable: {outcome.text}\n".encode())
    except StorageError as error:
        outcome.text, outcome.trouble = error.text, error
    except OSError as error:
        text = f"{error.filename or 'this machine'}: {(error.strerror or str(error)).lower()}"
        outcome.text, outcome.trouble = text, StorageError(text)
    return _result(spec, at, time.monotonic() - started, outcome)


@dataclass(frozen=True)
class _Place:
    """Where an attempt runs and what it writes to."""

    store: Store
    context: RunContext
    folder: str
    log: IO[bytes]


def _attempt(
    place: _Place, spec: StepSpec, on_long: Callable[[], None] | None, outcome: _Outcome
) -> None:
    """Stage, execute, collect. Raises StorageError, and OSError where this machine fails."""
    store, context, folder = place.store, place.context, place.folder
    task = context.tasks[spec.task]
    _fill(folder, context, spec, store)
    try:
        finished = outcome.finished = _execute(folder, context, spec, place.log, on_long)
    except FileNotFoundError as error:
        outcome.code, outcome.text, outcome.permanent = _NOT_FOUND, _not_found(error), True
        return
    except PermissionError as error:
        outcome.code, outcome.text = _NOT_EXECUTABLE, f"{error.filename}: permission denied"
        return
    outcome.code = finished.exit_code
    outcome.text = _complaint(finished, task.timeout_s, spec.memory_bytes)
    if finished.stopped and task.checkpoint:
        save_checkpoint(store, context.run, spec.id, f"{folder}/work", task.checkpoint)
    if outcome.text is None:
        try:
            outcome.outputs = collect(spec, f"{folder}/work", context.run, store)
        except OutputError as error:
            outcome.text = str(error)
        except PermissionError as error:
            outcome.text = f"{error.filename}: permission denied"


def _result(spec: StepSpec, at: float, seconds: float, outcome: _Outcome) -> StepResult:
    finished, trouble = outcome.finished, outcome.trouble
    return StepResult(
        spec.index,
        spec.attempt,
        outcome.code,
        outcome.text,
        outcome.permanent,
        finished.out_of_memory,
        finished.stopped,
        round(at, 3),
        round(seconds, 4),
        round(finished.cpu_seconds, 4),
        finished.peak_memory_bytes,
        outcome.outputs,
        f"{socket.gethostname()}:{os.getpid()}",
        infrastructure=trouble is not None,
        ends_run=trouble is not None and trouble.lasting,
        hint=None if trouble is None else trouble.hint,
    )


def _context(store: Store, run: str) -> tuple[Store, RunContext]:
    """The run's context, read once in this process, with the store that it was read from."""
    key = f"{store.uri}/{run}"
    known = _contexts.get(key)
    if known is None:
        context = decode(RunContext, RunDirectory(store, run).read_json(CONTEXT))
        _contexts.clear()
        known = _contexts.setdefault(key, (store, context))
    return known


_contexts: dict[str, tuple[Store, RunContext]] = {}


def start_afresh() -> None:
    """Forget the stop of the run before, and its store."""
    STOP.clear()
    _contexts.clear()


@lru_cache(maxsize=1)
def _guard() -> Guard:
    return Guard(own_environ())


_guard_lock = threading.Lock()


def sweep() -> None:
    """End what steps of this process have left in the background."""
    with _guard_lock:
        if _guard.cache_info().currsize:
            _guard().sweep()


@contextlib.contextmanager
def _fresh_folder(folder: str, outputs: Sequence[str]) -> Iterator[None]:
    """An empty `folder` with `work` in it, gone afterwards."""
    try:
        os.mkdir(folder)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
    except FileExistsError:
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
    os.mkdir(f"{folder}/work")
    try:
        yield
    finally:
        _remove(folder, outputs)


def _remove(folder: str, outputs: Sequence[str]) -> None:
    """Remove a step's folder; mostly only the outputs' empty folders are left, which is quick."""
    places = sorted(parents_of(outputs), reverse=True)
    try:
        for place in places:
            os.rmdir(f"{folder}/work/{place}")
        os.rmdir(f"{folder}/work")
        os.rmdir(folder)
    except OSError:
        shutil.rmtree(folder, onerror=_unlock)


def _unlock(function: Callable[[str], object], path: str, _error: object) -> None:
    """Remove what a step left without permissions."""
    with contextlib.suppress(OSError):
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700, follow_symlinks=False) if os.path.isdir(path) else None
        function(path)


@contextlib.contextmanager
def _log(store: Store, run: str, spec: StepSpec) -> Iterator[IO[bytes]]:
    key = f"{run}/{log_name(spec.id, spec.attempt)}"
    path = store.local_path(key)
    if path is None:
        raise StorageError(f'this version keeps logs on local storage only, not in "{store.uri}"')
    try:
        os.makedirs(path.parent, exist_ok=True)
        stream = path.open("wb", buffering=0)
    except OSError as error:
        text = f'cannot write "{path}": {(error.strerror or "").lower()}'
        raise StorageError(text, lasting=is_lasting(error)) from error
    with stream:
        yield stream


def _fill(folder: str, context: RunContext, spec: StepSpec, store: Store) -> None:
    code = Path(context.code_cache) / context.code_digest
    if context.code:
        key = f"{context.run}/{archive_name(context.code_digest)}"
        unpack_code(store, key, code)
    make_workdir(f"{folder}/work", context, spec, code, store)
    if context.tasks[spec.task].checkpoint is not None:
        restore_checkpoint(store, context.run, spec.id, f"{folder}/work")
    if spec.call is not None:
        Path(f"{folder}/call.json").write_text(spec.call, encoding="utf-8")


def _execute(
    folder: str,
    context: RunContext,
    spec: StepSpec,
    log: IO[bytes],
    on_long: Callable[[], None] | None,
) -> Finished:
    task = context.tasks[spec.task]
    environ = own_environ() | dict(task.env)
    environ |= {
        "SCALABLE_RUN_ID": context.run,
        "SCALABLE_TASK": task.name,
        "SCALABLE_STEP": spec.id,
        "SCALABLE_ATTEMPT": str(spec.attempt),
        "SCALABLE_CPUS": task.cpus,
        "SCALABLE_MEMORY_BYTES": str(spec.memory_bytes),
    }
    environ["PWD"] = f"{folder}/work"
    with _guard_lock:
        guard = _guard()
    limit = spec.memory_bytes if task.memory_limited else None
    watch = Watch(task.timeout_s, limit, STOP, on_long=on_long, guard=guard)
    return run_child(
        _argv(folder, spec), cwd=Path(f"{folder}/work"), environ=environ, log=log, watch=watch
    )


def _argv(folder: str, spec: StepSpec) -> list[str]:
    if spec.call is not None:
        return [*spec.command, f"{folder}/call.json"]
    if not isinstance(spec.command, str):
        return list(spec.command)
    if len(spec.command) < MAX_ARGUMENT:
        return ["/bin/sh", "-c", spec.command]
    script = Path(f"{folder}/command.sh")
    script.write_text(spec.command + "\n", encoding="utf-8")
    return ["/bin/sh", str(script)]


def _complaint(finished: Finished, timeout_s: float | None, memory_bytes: int) -> str | None:
    """What is wrong with how a child ended; None when nothing is."""
    if finished.out_of_memory:
        took = show_bytes(finished.peak_memory_bytes)
        return f"out of memory: took {took} of {show_bytes(memory_bytes)}"
    if finished.timed_out:
        return f"stopped after its time limit of {timeout_s:g} s"
    if finished.stopped:
        return "stopped with the run"
    if finished.exit_code < 0:
        try:
            name = signal.Signals(-finished.exit_code).name
        except ValueError:
            name = f"signal {-finished.exit_code}"
        return f"killed by {name}" + (_KILLED_HINT if name == "SIGKILL" else "")
    if finished.exit_code == _NOT_FOUND:
        return "exit code 127: a command was not found"
    if finished.exit_code:
        return f"exit code {finished.exit_code}"
    return None


_KILLED_HINT = " (often: out of memory)"


def _not_found(error: FileNotFoundError) -> str:
    return f'command not found: "{error.filename}"'
